//! `uploader local`: the function on this machine, until Ctrl-C.

use std::io::{Write, stdout};

use anyhow::Result;

use super::Ending;
use crate::args::LocalArgs;
use crate::emulator::{DETECT_HTTP, Emulator, Function};
use crate::target::cores;

pub(crate) async fn run(args: LocalArgs) -> Result<Ending> {
    let workers = args.workers.unwrap_or_else(cores);
    let function = Function::detect_http(&args.function, workers)?;
    let emulator = Emulator::start(args.port, vec![function], !args.quiet).await?;
    let url = emulator.url(DETECT_HTTP);
    let mut out = stdout().lock();
    // The first line is for programs: it says that the function answers, and where.
    writeln!(out, "{url}")?;
    if !args.quiet {
        writeln!(out, "try:  curl --data-binary @photo.jpg -H 'content-type: image/jpeg' {url}detect")?;
        writeln!(out, "or:   uploader detect photo.jpg --url {url}")?;
        writeln!(out, "Ctrl-C ends it.")?;
    }
    out.flush()?;
    drop(out);
    Err(emulator.lost().await)
}
