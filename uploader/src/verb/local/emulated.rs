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
use crate::local_stack::{ACCESS_KEY, EventSource, LocalStack, Mapping, SECRET_KEY};
use crate::target::cores;

pub(super) async fn run(args: LocalArgs) -> Result<Ending> {
    let wanted = args.function.emulated();
    let workers = wanted.workers.unwrap_or_else(cores);
    let mut functions = vec![Function::detect_http(&wanted, workers)?];
    let mut local_stack = None;
    if args.local_stack.bulk {
        // The binary before the servers: what is missing is told at once.
        let mut function = Function::detect_bulk(&wanted, args.local_stack.bulk_function.as_deref(), workers)?;
        let started = LocalStack::start(args.local_stack.visibility()).await?;
        function.variables = started.variables();
        functions.push(function);
        local_stack = Some(started);
    } else if env::var_os("RESULTS_URI").is_some_and(|uri| !uri.is_empty()) {
        functions.push(Function::detect_bulk(&wanted, args.local_stack.bulk_function.as_deref(), workers)?);
    }
    let has_bulk = functions.len() > 1;
    if env::var_os("RUST_LOG").is_none() {
        let level = ("RUST_LOG", Some(args.log_level().to_owned()));
        functions.iter_mut().for_each(|function| function.variables.push(level.clone()));
    }
    let emulator = Arc::new(Emulator::start(args.port, functions, true).await?);
    let source = match &local_stack {
        Some(local_stack) => {
            let mapping = Mapping {
                batch_size: usize::from(args.local_stack.batch_size),
                batch_window: Duration::from_secs(args.local_stack.batch_window.into()),
                concurrency: usize::from(workers),
                quiet: args.quiet,
            };
            Some(EventSource::new(mapping, local_stack.queue(), Arc::clone(&emulator)).await?)
        }
        None => None,
    };

    let url = emulator.url(DETECT_HTTP);
    // The first line is for programs: it says that the functions answer, and where.
    let mut out = stdout();
    writeln!(out, "{url}")?;
    out.flush()?;
    // A program that has read its line may have closed the pipe: the rest is no reason to end.
    let _ =
        introduce(&mut out, &url, has_bulk.then(|| emulator.invoke_url(DETECT_BULK)), local_stack.as_ref(), args.quiet);

    let carried = async {
        match source {
            Some(source) => source.run().await,
            None => pending().await,
        }
    };
    let moto = async {
        match &mut local_stack {
            Some(local_stack) => local_stack.lost().await,
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
    local_stack: Option<&LocalStack>,
    quiet: bool,
) -> std::io::Result<()> {
    if let Some(local_stack) = local_stack {
        let [queue, dead_letters] = local_stack.queue_urls();
        writeln!(out, "S3 and SQS:    {}", local_stack.endpoint())?;
        writeln!(out, "photos:        {}", local_stack.input())?;
        writeln!(out, "results:       {}", local_stack.results())?;
        writeln!(out, "queue:         {queue}")?;
        writeln!(out, "dead letters:  {dead_letters}")?;
    }
    if let Some(bulk) = bulk {
        writeln!(out, "raw events:    {bulk}")?;
    }
    if !quiet {
        try_it(out, url)?;
        if let Some(local_stack) = local_stack {
            writeln!(
                out,
                "bulk:      AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY} {} bulk PHOTOS \
                 --bucket {} --results {} --endpoint-url {}",
                hint::program(),
                local_stack.input(),
                local_stack.results(),
                local_stack.endpoint()
            )?;
        }
        writeln!(out, "Press Ctrl-C to stop{}.", if local_stack.is_some() { "; the buckets are deleted" } else { "" })?;
    }
    out.flush()
}
