//! `uploader` sends photos to the detection function, here or in the cloud, and tells with numbers where the time went.

// Either may be closed while we write: see `notice`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
mod bulk;
mod child;
mod container;
mod emulator;
mod journey;
mod link;
mod model;
mod notice;
mod onebox;
mod output;
mod photo;
mod post;
mod prices;
mod report;
mod search;
mod server;
mod target;
mod verb;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::notice::notice;
use crate::verb::Ending;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match verb::run(cli) {
        Ok(ending) => ending.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            notice!("uploader: {error:#}");
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
