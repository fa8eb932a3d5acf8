//! `uploader bulk`: upload a dataset, wait, bring the results home.

use std::ffi::OsStr;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};

use wire::S3Uri;

use crate::args::{BulkArgs, ReportArgs, ResultFormat, StoreArgs, WaitArgs};
use crate::bulk::{
    Arrival, BulkRun, Collector, Counts, Journal, Plan, ResultTracker, ResultWriter, S3Error, Selection, Store,
    Uploads, inventory, journal, way,
};
use crate::ending::Ending;
use crate::hint;
use crate::interruption::Interruption;
use crate::notice::notice;
use crate::photo::{Inputs, SkippedFiles, look};
use crate::report::{Clock, Cost, DatasetSummary, Stop, counted};

const INSTEAD_OF_URLS: &str = "download them first, or use --existing for photos that are in S3";

pub(crate) async fn run(args: BulkArgs, interruption: &Interruption) -> Result<Ending> {
    if let (Some(photos), Some(queue)) = (args.existing.existing.clone(), args.existing.queue.clone()) {
        return super::existing::run(args, &photos, &queue, interruption).await;
    }
    // The command line is refused without one of the two.
    let Some(bucket) = args.bucket.clone() else { bail!("--bucket or --existing is missing") };
    upload(args, bucket, interruption).await
}

async fn upload(args: BulkArgs, bucket: S3Uri, interruption: &Interruption) -> Result<Ending> {
    refuse_loop(&args, &bucket)?;
    let listing = look(args.list.request(&args.paths, INSTEAD_OF_URLS)).await?;
    let path = match &args.journal {
        Some(path) => path.clone(),
        None => {
            let named: Vec<PathBuf> = args.paths.iter().chain(&args.list.from_file).cloned().collect();
            journal::default_path(&named, &bucket, args.store.endpoint_url.as_deref())?
        }
    };
    let (selected, to, report, journal) = (args.selection.clone(), bucket.clone(), args.report.clone(), path.clone());
    let work = move || {
        let mut inputs = Inputs::of(&listing);
        report.spare(&inputs, listing.found.iter().map(|found| found.name.as_path()))?;
        inputs.spare("--journal", &journal)?;
        inputs.add(&journal);
        report.output.iter().try_for_each(|output| inputs.spare("--output", output))?;
        anyhow::Ok((Selection::of(listing.found, &selected, &to)?, listing.skipped))
    };
    let (Selection { photos, refused }, skipped) = tokio::task::spawn_blocking(work).await??;
    let photos = Arc::new(photos);
    let store = Store::open(&args.store).await?;
    let means = if args.list.verbose { store.means().to_vec() } else { Vec::new() };
    let held = if args.force {
        Vec::new()
    } else {
        inventory::of(&store, &bucket, &photos).await.map_err(S3Error::into_error)?
    };
    let mut tracker = ResultTracker::of(&bucket.bucket, &photos);
    let collector = if args.dry_run || args.no_wait {
        None
    } else {
        let mut collector = Collector::new(store.clone(), args.results.clone(), tracker.index());
        collector.mark_old().await.map_err(S3Error::into_error)?;
        Some(collector)
    };
    let journal =
        if args.dry_run { Journal::look(&path, &bucket)? } else { Journal::open(&path, &bucket, &args.results)? };

    let plan = Plan {
        store: store.clone(),
        bucket: bucket.clone(),
        photos: Arc::clone(&photos),
        held,
        journal,
        concurrency: usize::from(args.concurrency),
        force: args.force,
        only_look: args.dry_run,
    };
    if args.dry_run {
        return dry_run(&args, plan, &refused, &skipped, &means).await;
    }

    interruption.heed();
    let mut writer =
        ResultWriter::open(&args.report, store, bucket.folder(), photos.len() + refused.len(), Some(&photos))?;
    let all = photos.len() + refused.len();
    for (photo, error) in refused {
        writer.failure(&photo, error)?;
    }
    if photos.is_empty() {
        tracker = ResultTracker::of(&bucket.bucket, &[]);
    }
    let mut bulk_run = BulkRun {
        photos,
        tracker,
        writer,
        timeout: args.wait.timeout,
        held_since: Vec::new(),
        counts: Counts::default(),
    };
    let uploads = Uploads::begin(plan);
    let signal = bulk_run.run(Some(uploads), collector.map(Collector::begin), interruption).await?;

    let counts = bulk_run.counts;
    let tally = &bulk_run.writer.tally;
    let done = if args.no_wait { counts.uploaded + counts.held + tally.failed() } else { tally.photos };
    let summary = DatasetSummary {
        places: way(&bucket, &args.results),
        means: &means,
        tally,
        uploaded: counts.uploaded,
        queued: None,
        held: counts.held,
        concurrency: Some(usize::from(args.concurrency)),
        clock: Clock::Here,
        cost: (!args.no_wait).then(|| cost(&args.wait, &counts)),
        ignored_lines: ignored_lines(&bulk_run),
        skipped: &skipped,
        stop: signal.map(|_| Stop { done, all: all as u64 }),
    };
    print(&args.report, &summary)?;
    if let Some(signal) = signal {
        if !args.report.quiet {
            notice!("uploader: run the same command again to resume");
        }
        return Ok(Ending::Interrupted(signal));
    }
    if args.no_wait && !args.report.quiet {
        notice!("uploader: to collect the results later, run\n  {}", collect_command(&args, &bucket, &path));
    } else if counts.missing > 0 {
        let force = if counts.held > 0 {
            " The photos that were skipped may have been uploaded before detect-bulk was set up: --force uploads them again."
        } else {
            ""
        };
        notice!(
            "uploader: see detect-bulk's log and the dead-letter queue.{force} To go on waiting, run\n  {}",
            collect_command(&args, &bucket, &path)
        );
    }
    Ok(ending(&args.report, &bulk_run))
}

/// Results that land among the photos would be looked at as photos.
fn refuse_loop(args: &BulkArgs, bucket: &S3Uri) -> Result<()> {
    if args.results.meets(bucket) {
        bail!(
            "--results {} is inside --bucket {}, so results would be processed as photos; use another bucket or prefix",
            args.results,
            bucket
        );
    }
    Ok(())
}

/// Says what a run would do.
async fn dry_run(
    args: &BulkArgs,
    plan: Plan,
    refused: &[(PathBuf, wire::ItemError)],
    skipped: &SkippedFiles,
    means: &[(&str, String)],
) -> Result<Ending> {
    let (photos, bucket) = (Arc::clone(&plan.photos), plan.bucket.bucket.clone());
    let (mut there, mut missing, mut bytes, mut failed) = (0_u64, 0_u64, 0, refused.len());
    let mut out = stdout();
    let quiet = args.report.quiet;
    for (photo, error) in refused {
        writeln!(out, "{}: {}: {}", photo.display(), error.code, error.message)?;
    }
    let mut uploads = Uploads::begin(plan);
    while let Some(event) = uploads.next().await {
        let (index, arrival) = event?;
        let (name, key) = (photos[index].name.display(), &photos[index].key);
        match arrival {
            Arrival::Missing { size } => {
                missing += 1;
                bytes += size;
                if !quiet {
                    writeln!(out, "would upload   {name} -> s3://{bucket}/{key}")?;
                }
            }
            Arrival::Failed(error) => {
                failed += 1;
                writeln!(out, "{name}: {}: {}", error.code, error.message)?;
            }
            Arrival::Held { .. } | Arrival::Uploaded { .. } => {
                there += 1;
                if !quiet {
                    writeln!(out, "skip           {name} -> s3://{bucket}/{key}")?;
                }
            }
        }
    }
    let megabytes = bytes as f64 / 1e6;
    writeln!(
        out,
        "\nwould upload {} ({megabytes:.1} MB); {there} already in the bucket, {failed} failed",
        counted(missing, "photo")
    )?;
    if !skipped.is_empty() {
        writeln!(out, "{skipped}")?;
    }
    for (name, value) in means {
        writeln!(out, "{name:<19} {value}")?;
    }
    Ok(if failed == 0 { Ending::Good } else { Ending::Failures })
}

/// What each photo is thought to cost, with the batches that were seen.
pub(super) fn cost(wait: &WaitArgs, counts: &Counts) -> Cost {
    let batch = (counts.parts > 0).then(|| counts.lines as f64 / counts.parts as f64);
    let WaitArgs { architecture, memory, traced, .. } = *wait;
    Cost { architecture, memory_mb: memory, traced, batch, per_message: None }
}

/// Lines that were nobody's result.
pub(super) fn ignored_lines(bulk_run: &BulkRun) -> Vec<(u64, &'static str)> {
    let ignored = bulk_run.tracker.ignored;
    vec![
        (ignored.repeats, "duplicates"),
        (ignored.foreign, "results of other photos"),
        (ignored.stale, "results of other versions of these photos"),
        (ignored.other_model, "results of another model for photos that already have one"),
        (bulk_run.counts.broken_lines, "lines that are not results"),
    ]
}

/// The summary: on standard output where that is for people.
pub(super) fn print(report: &ReportArgs, summary: &DatasetSummary<'_>) -> Result<()> {
    if report.sums_up() {
        match report.format {
            ResultFormat::Text => writeln!(stdout(), "\n{summary}")?,
            _ => notice!("{summary}"),
        }
    } else {
        report.warn_of_models(summary.tally);
    }
    Ok(())
}

/// How the run ends: some photos failed, or were not good enough.
pub(super) fn ending(report: &ReportArgs, bulk_run: &BulkRun) -> Ending {
    let tally = &bulk_run.writer.tally;
    let good = tally.failed() == 0 && bulk_run.writer.undone == 0;
    let mut ending = if good { Ending::Good } else { Ending::Failures };
    for condition in &report.fail_if {
        // Photos that were there already, with their results, have not been waited for.
        if tally.answered() > 0 && !condition.is_measured(tally) {
            notice!("uploader: --fail-if '{condition}' was not checked: nothing was measured in this run");
            continue;
        }
        if let Some(measured) = condition.comes_true(tally) {
            notice!("uploader: {measured}");
            ending = Ending::NotGoodEnough;
        }
    }
    ending
}

/// The command that collects this run's results, ready for a shell.
fn collect_command(args: &BulkArgs, bucket: &S3Uri, journal: &std::path::Path) -> String {
    let mut words: Vec<String> = vec![hint::program(), "collect".to_owned()];
    let option = |words: &mut Vec<String>, name: &str, value: &OsStr| {
        words.push(name.to_owned());
        words.push(hint::quoted(value));
    };
    // A list that was read from standard input cannot be read again; the journal has its photos.
    let listed = args.list.reads_standard_input(&args.paths);
    if listed {
        option(&mut words, "--journal", journal.as_os_str());
    } else {
        words.extend(args.paths.iter().map(|path| hint::quoted(path.as_os_str())));
        for list in &args.list.from_file {
            option(&mut words, "--from-file", list.as_os_str());
        }
        option(&mut words, "--bucket", bucket.to_string().as_ref());
    }
    option(&mut words, "--results", args.results.to_string().as_ref());
    if !listed {
        for pattern in &args.selection.include {
            option(&mut words, "--include", pattern.as_str().as_ref());
        }
        for pattern in &args.selection.exclude {
            option(&mut words, "--exclude", pattern.as_str().as_ref());
        }
        if let Some(journal) = &args.journal {
            option(&mut words, "--journal", journal.as_os_str());
        }
    }
    let StoreArgs { endpoint_url, profile, region } = &args.store;
    for (name, value) in [("--endpoint-url", endpoint_url), ("--profile", profile), ("--region", region)] {
        if let Some(value) = value {
            option(&mut words, name, value.as_ref());
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    fn command(words: &[&str]) -> String {
        let places = ["--bucket", "s3://in/p", "--results", "s3://out/r"];
        let words = ["uploader", "bulk"].into_iter().chain(words.iter().copied()).chain(places);
        let Verb::Bulk(args) = Cli::try_parse_from(words).unwrap().verb else { panic!("not bulk") };
        let command = collect_command(&args, args.bucket.as_ref().unwrap(), "/state/j.jsonl".as_ref());
        command.strip_prefix(&format!("{} ", hint::program())).unwrap().to_owned()
    }

    #[test]
    fn the_command_that_collects_reads_back() {
        assert_eq!(
            command(&["my photos", "it's/*.jpg", "--include", "*.jpg", "--endpoint-url", "http://h:1"]),
            "collect 'my photos' 'it'\\''s/*.jpg' --bucket s3://in/p --results s3://out/r --include '*.jpg' \
             --endpoint-url http://h:1"
        );
        assert_eq!(
            command(&["--from-file", "a list"]),
            "collect --from-file 'a list' --bucket s3://in/p --results s3://out/r"
        );
        assert_eq!(command(&["-"]), "collect --journal /state/j.jsonl --results s3://out/r");
    }
}
