//! `uploader` sends photos to the detection function, here or in the cloud, and tells with numbers where the time went.

// Either may be closed while we write: see `notice`.
#![deny(clippy::print_stderr, clippy::print_stdout)]
// What is for datasets in S3 or for evaluations alone stands idle without it.
#![cfg_attr(not(all(feature = "aws", feature = "evaluate")), allow(dead_code, unused_imports))]

mod args;
#[cfg(feature = "aws")]
mod bulk;
mod child;
#[cfg(feature = "aws")]
mod cloud;
mod container;
mod emulator;
mod ending;
#[cfg(feature = "aws")]
mod existing;
mod features;
mod filing;
#[cfg(feature = "aws")]
#[doc(hidden)]
pub mod fuzzing;
mod hint;
mod interruption;
mod link;
#[cfg(feature = "aws")]
mod local_stack;
mod model;
mod notice;
mod output;
#[cfg(feature = "aws")]
mod page;
mod photo;
mod pipeline;
mod prices;
#[cfg(feature = "aws")]
mod profile;
mod progress;
mod record;
mod report;
mod search;
mod server;
mod supervisor;
mod target;
mod target_kind;
mod verb;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::ending::Ending;
use crate::notice::notice;

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    detector::runtime::disable_telemetry();
    if let Some(error) = child::become_command() {
        notice!("uploader: {error}");
        return Ending::Misuse.into();
    }
    let cli = Cli::parse();
    match verb::run(cli) {
        Ok(ending) => ending.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            notice!("uploader: {}", hint::here(&format!("{error:#}")));
            Ending::Misuse.into()
        }
    }
}

/// Whoever read our output (`| head`) has seen enough: no reason to complain.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
