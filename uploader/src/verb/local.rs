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
    // The first line is for programs: it says that the function answers, and where.
    let mut out = stdout();
    writeln!(out, "{url}")?;
    out.flush()?;
    if !args.quiet {
        // A program that has read its line may have closed the pipe: the rest is no reason to end.
        let _ = write!(
            out,
            "try:  curl --data-binary @photo.jpg -H 'content-type: image/jpeg' {url}detect\n\
             or:   uploader detect photo.jpg --url {url}\n\
             Ctrl-C ends it.\n"
        );
    }
    Err(emulator.lost().await)
}
