//! `uploader local --emulator` and `--bulk`: the functions under Lambda's emulator.

use std::env;
use std::future::pending;
use std::io::{Stdout, Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use super::{Ending, try_it};
use crate::args::LocalArgs;
use crate::emulator::{DETECT_BULK, DETECT_HTTP, Emulator, Function};
use crate::hint;
use crate::onebox::{ACCESS_KEY, EventSource, Mapping, OneBox, SECRET_KEY};
use crate::target::cores;

pub(super) async fn run(args: LocalArgs) -> Result<Ending> {
    let wanted = args.function.emulated();
    let workers = wanted.workers.unwrap_or_else(cores);
    let mut functions = vec![Function::detect_http(&wanted, workers)?];
    let mut onebox = None;
    if args.onebox.bulk {
        // The binary before the servers: what is missing is told at once.
        let mut function = Function::detect_bulk(&wanted, args.onebox.bulk_function.as_deref(), workers)?;
        let started = OneBox::start(args.onebox.visibility()).await?;
        function.variables = started.variables();
        functions.push(function);
        onebox = Some(started);
    } else if env::var_os("RESULTS_URI").is_some_and(|uri| !uri.is_empty()) {
        functions.push(Function::detect_bulk(&wanted, args.onebox.bulk_function.as_deref(), workers)?);
    }
    let has_bulk = functions.len() > 1;
    if env::var_os("RUST_LOG").is_none() {
        let level = ("RUST_LOG", Some(args.log_level().to_owned()));
        functions.iter_mut().for_each(|function| function.variables.push(level.clone()));
    }
    let emulator = Arc::new(Emulator::start(args.port, functions, true).await?);
    let source = match &onebox {
        Some(onebox) => {
            let mapping = Mapping {
                batch_size: usize::from(args.onebox.batch_size),
                batch_window: Duration::from_secs(args.onebox.batch_window.into()),
                concurrency: usize::from(workers),
                quiet: args.quiet,
            };
            Some(EventSource::new(mapping, onebox.queue(), Arc::clone(&emulator)).await?)
        }
        None => None,
    };

    let url = emulator.url(DETECT_HTTP);
    // The first line is for programs: it says that the functions answer, and where.
    let mut out = stdout();
    writeln!(out, "{url}")?;
    out.flush()?;
    // A program that has read its line may have closed the pipe: the rest is no reason to end.
    let _ = introduce(&mut out, &url, has_bulk.then(|| emulator.invoke_url(DETECT_BULK)), onebox.as_ref(), args.quiet);

    let carried = async {
        match source {
            Some(source) => source.run().await,
            None => pending().await,
        }
    };
    let moto = async {
        match &mut onebox {
            Some(onebox) => onebox.lost().await,
            None => pending().await,
        }
    };
    Err(tokio::select! {
        error = emulator.lost() => error,
        error = moto => error,
        error = carried => error,
    })
}

/// Tells where things are; what a program may want to know stays when `quiet`.
fn introduce(
    out: &mut Stdout,
    url: &str,
    bulk: Option<String>,
    onebox: Option<&OneBox>,
    quiet: bool,
) -> std::io::Result<()> {
    if let Some(onebox) = onebox {
        let [queue, dead_letters] = onebox.queue_urls();
        writeln!(out, "S3 and SQS:    {}", onebox.endpoint())?;
        writeln!(out, "photos:        {}", onebox.input())?;
        writeln!(out, "results:       {}", onebox.results())?;
        writeln!(out, "queue:         {queue}")?;
        writeln!(out, "dead letters:  {dead_letters}")?;
    }
    if let Some(bulk) = bulk {
        writeln!(out, "raw events:    {bulk}")?;
    }
    if !quiet {
        try_it(out, url)?;
        if let Some(onebox) = onebox {
            writeln!(
                out,
                "bulk:      AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY} {} bulk PHOTOS \
                 --bucket {} --results {} --endpoint-url {}",
                hint::program(),
                onebox.input(),
                onebox.results(),
                onebox.endpoint()
            )?;
        }
        writeln!(out, "Press Ctrl-C to stop{}.", if onebox.is_some() { "; the buckets are deleted" } else { "" })?;
    }
    out.flush()
}
