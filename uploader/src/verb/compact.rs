//! `uploader compact`: results into tables.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use tables::{Folder, Job, Store, Summary};
use tokio::task::spawn_blocking;

use crate::args::{CompactArgs, TablePlace};
use crate::ending::Ending;
use crate::interruption::Interruption;
use crate::notice::notice;

pub(crate) async fn run(args: CompactArgs, interruption: &Interruption) -> Result<Ending> {
    if is_same(&args.results, &args.tables) {
        bail!("{} holds the results; write tables to another place", args.tables);
    }
    if let TablePlace::Folder(folder) = &args.results
        && !folder.is_dir()
    {
        bail!("{}: no such folder", folder.display());
    }
    let [results, tables] = open(&args).await?;
    interruption.heed();
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, dry_run) = (Arc::clone(&stop), args.dry_run);
    let says = !args.quiet && stderr().is_terminal();
    let mut work = spawn_blocking(move || {
        let notice = |text: &str| notice!("uploader: {text}");
        let progress = |files: u64, lines: u64| {
            if says {
                notice!("uploader: {} read, {}", counted(files, "file"), counted(lines, "result"));
            }
        };
        Job { results, tables, dry_run, stop: &stopped, notice: &notice, progress: &progress }.run()
    });
    let done = tokio::select! {
        done = &mut work => done,
        signal = interruption.came() => {
            stop.store(true, Ordering::Relaxed);
            // What has been begun ends soon; whatever has been written counts.
            let _ = work.await;
            return Ok(Ending::Interrupted(signal));
        }
    };
    let summary = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    if summary.files() == 0 {
        bail!("no results in {}", args.results);
    }
    if !args.quiet {
        print(&args, &summary)?;
    }
    Ok(if summary.failed > 0 { Ending::Failures } else { Ending::Good })
}

fn print(args: &CompactArgs, summary: &Summary) -> Result<()> {
    let mut to = stdout().lock();
    let (files, bytes) = summary.new_files();
    let new = if files == 0 { "none".to_owned() } else { format!("{files} ({:.1} MB)", bytes as f64 / 1e6) };
    writeln!(to, "results   {}: {}, {new} of them new", args.results, counted(summary.files(), "file"))?;
    let written = match (summary.days_written, args.dry_run) {
        (0, _) => "up to date".to_owned(),
        (days, true) => counted(days, "day") + " to be written",
        (days, false) => counted(days, "day") + " written",
    };
    writeln!(to, "tables    {}: {written}", args.tables)?;
    if summary.days_written > 0 && !args.dry_run {
        writeln!(to, "rows      {} added, {} dropped", summary.rows_added, counted(summary.repeats, "repeat"))?;
    }
    if summary.other_lines > 0 {
        writeln!(to, "ignored   {} without a result", counted(summary.other_lines, "line"))?;
    }
    if summary.failed > 0 {
        writeln!(to, "failed    {} not read; run it again", counted(summary.failed, "file"))?;
    }
    Ok(())
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Whether both are one place, however they are written.
fn is_same(results: &TablePlace, tables: &TablePlace) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match (results, tables) {
        (TablePlace::S3(a), TablePlace::S3(b)) => (&a.bucket, a.folder()) == (&b.bucket, b.folder()),
        (TablePlace::Folder(a), TablePlace::Folder(b)) => real(a) == real(b),
        _ => false,
    }
}

#[cfg(feature = "aws")]
async fn open(args: &CompactArgs) -> Result<[Arc<dyn Store>; 2]> {
    use crate::bulk::{S3Folder, Store as S3};

    let mut s3 = None;
    let mut open = async |place: &TablePlace| -> Result<Arc<dyn Store>> {
        Ok(match place {
            TablePlace::Folder(path) => Arc::new(Folder::new(path.clone())) as Arc<dyn Store>,
            TablePlace::S3(uri) => {
                let store = match &s3 {
                    Some(store) => S3::clone(store),
                    None => S3::open(&args.store).await?,
                };
                s3 = Some(store.clone());
                Arc::new(S3Folder::new(store, uri.clone()))
            }
        })
    };
    Ok([open(&args.results).await?, open(&args.tables).await?])
}

#[cfg(not(feature = "aws"))]
async fn open(args: &CompactArgs) -> Result<[Arc<dyn Store>; 2]> {
    let folder = |place: &TablePlace| match place {
        TablePlace::S3(uri) => bail!("{uri} needs S3 support, and {}", crate::features::NOT_BUILT_IN),
        TablePlace::Folder(path) => Ok(Arc::new(Folder::new(path.clone())) as Arc<dyn Store>),
    };
    Ok([folder(&args.results)?, folder(&args.tables)?])
}
