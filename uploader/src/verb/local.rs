//! `uploader local`: the function on this machine, until Ctrl-C.

#[cfg(feature = "aws")]
mod emulated;

use std::env;
use std::io::{Stdout, Write, stdout};
use std::path::Path;

use anyhow::Result;

use crate::args::LocalArgs;
use crate::emulator::free_port;
use crate::ending::Ending;
use crate::hint;
use crate::notice::notice;
use crate::server::{Access, Server};
use crate::supervisor::Supervisor;

pub(crate) async fn run(args: LocalArgs) -> Result<Ending> {
    if !args.emulator && !args.local_stack.bulk {
        return over_plain_http(args).await;
    }
    #[cfg(feature = "aws")]
    return emulated::run(args).await;
    #[cfg(not(feature = "aws"))]
    anyhow::bail!("--emulator needs S3 support, and {}", crate::features::NOT_BUILT_IN);
}

async fn over_plain_http(args: LocalArgs) -> Result<Ending> {
    args.function.warn_of_what_servers_ignore();
    if env::var_os("RESULTS_URI").is_some_and(|uri| !uri.is_empty()) {
        notice!("uploader: RESULTS_URI is ignored: detect-bulk runs only with --emulator or --bulk");
    }
    // Who already has the port is told better here than by the function's log.
    let port = if args.port == 0 { 0 } else { free_port(args.port)? };
    let log_level = args.log_level();
    let server = Server::find(args.function.server(), Access::Public { port, log_level })?;
    let supervisor = Supervisor::start(server).await?;
    let url = supervisor.endpoint().await.map_err(anyhow::Error::msg)?.url();
    let mut out = stdout();
    // The first line is for programs: it says that the function answers, and where.
    writeln!(out, "{url}")?;
    out.flush()?;
    // A program that has read its line may have closed the pipe: the rest is no reason to end.
    if !args.quiet {
        let _ = introduce(&mut out, &url);
    }
    Err(anyhow::Error::msg(supervisor.given_up().await))
}

/// Tells what can be done with the address.
fn introduce(out: &mut Stdout, url: &str) -> std::io::Result<()> {
    try_it(out, url)?;
    writeln!(out, "Press Ctrl-C to stop.")?;
    out.flush()
}

/// A photo that is there, where a checkout's samples are; else any.
fn example() -> &'static str {
    const SAMPLE: &str = ".tools/samples/chelsea.png";
    if Path::new(SAMPLE).is_file() { SAMPLE } else { "photo.jpg" }
}

fn try_it(out: &mut Stdout, url: &str) -> std::io::Result<()> {
    let photo = example();
    writeln!(out, "browser:   {url}")?;
    writeln!(out, "curl:      curl --data-binary @{photo} {url}detect")?;
    writeln!(out, "uploader:  {} detect {photo} --url {url}", hint::program())
}
