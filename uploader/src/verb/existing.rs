//! `uploader bulk --existing`: photos that are in a bucket already go on the queue, and their results are collected.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Write, stdout};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use wire::S3Uri;

use super::bulk::{ending, ignored_lines, print};
use crate::args::{BulkArgs, StoreArgs};
use crate::bulk::{
    BulkRun, Collector, Counts, EarlierResults, Photo, ResultTracker, ResultWriter, S3Error, Store, journal, place, way,
};
use crate::ending::Ending;
use crate::existing::{
    Bucket, Estimate, Found, Inventory, ObjectFilter, Packer, Places, Queue, QueueJournal, Run, Sample, list,
};
use crate::hint;
use crate::interruption::Interruption;
use crate::notice::notice;
use crate::photo::{Inputs, SkippedFiles, item_error};
use crate::progress::Progress;
use crate::report::{Clock, Cost, DatasetSummary, Stop, Tally, counted};

/// Photos and their queue, of which the command line has made sure.
struct Route<'a> {
    photos: &'a S3Uri,
    queue: &'a str,
}

pub(super) async fn run(args: BulkArgs, photos: &S3Uri, queue: &str, interruption: &Interruption) -> Result<Ending> {
    let route = Route { photos, queue };
    if args.results.holds(&photos.bucket, &photos.folder()) {
        bail!("--existing {photos} is inside --results {}: results are not photos; use another prefix", args.results);
    }
    let path = match &args.journal {
        Some(path) => path.clone(),
        None => journal::path_of_existing(photos, queue, &args.results, args.store.endpoint_url.as_deref())?,
    };
    let mut inputs = Inputs::with_standard_input();
    args.existing.inventory.iter().for_each(|manifest| inputs.add(Path::new(manifest)));
    inputs.spare("--journal", &path)?;
    inputs.add(&path);
    args.report.spare(&inputs, std::iter::empty())?;
    if let (Some(output), false) = (&args.report.output, args.dry_run || args.no_wait) {
        // It is opened when the photos are known; that it cannot be is told before anything is queued.
        let opened = File::options().append(true).create(true).open(output);
        opened.with_context(|| format!("--output {}", output.display()))?;
    }

    let store = Store::open(&args.store).await?;
    let queue = Queue::new(store.config(), queue)?;
    let limit = queue.largest_message().await?;
    let mut journal = open(&args, &route, &path, &store).await?;
    if journal.uncertain() > 0 {
        notice!(
            "uploader: {} of an interrupted run may be on the queue already, since the answers to their requests were \
             lost: they are queued again; repeated results are dropped",
            counted(journal.uncertain() as u64, "photo")
        );
    }
    let sample = sample(&args, &mut journal)?;
    let before = journal.places.before.clone();
    let journal = Arc::new(Mutex::new(journal));
    let region = store.config().region().map_or("us-east-1", |region| region.as_ref()).to_owned();
    let plan = Run {
        filter: ObjectFilter::new(&args.existing, &args.selection, photos, &args.results),
        sample,
        packer: Packer::new(&photos.bucket, &region, args.existing.per_message.into(), limit),
        queue: (!args.dry_run).then_some(queue),
        journal: Arc::clone(&journal),
        remember: !args.dry_run && !args.no_wait,
        progress: Progress::endless(args.report.quiet),
    };
    let listed = match &args.existing.inventory {
        Some(manifest) => inventory(&args, &store, manifest, photos).await?.read(),
        None => list(Bucket::new(store.clone(), photos), &photos.folder(), args.concurrency.into()),
    };
    if !args.dry_run {
        interruption.heed();
    }
    let found = plan.go(listed, interruption).await;
    if found.is_err() && !args.dry_run && !args.report.quiet {
        notice!("uploader: what was queued is noted; run the same command again to resume");
    }
    let found = found?;
    for reason in &found.told {
        notice!("uploader: --inventory: {reason}");
    }
    if let Some(signal) = found.signal {
        if !args.report.quiet {
            notice!("uploader: {} queued; run the same command again to resume", counted(found.counts.sent, "photo"));
        }
        return Ok(Ending::Interrupted(signal));
    }
    if found.counts.chosen == 0 && found.counts.unreadable == 0 {
        bail!("{}", nothing(&args, photos, &found));
    }
    if let (Some(size), false) = (args.existing.sample, args.report.quiet) {
        let seed = journal.lock().map_or(None, |journal| journal.seed());
        let (chosen, all) = (found.counts.chosen, counted(found.counts.eligible, "photo"));
        if let Some(seed) = seed {
            notice!("uploader: sample of {} of {all}, --seed {seed}", chosen.min(size as u64));
        }
    }
    if args.dry_run {
        return dry_run(&args, &route, &found);
    }
    collect(&args, &route, store, found, before, &path, interruption).await
}

/// The journal: the one to go on with, a new one, or for a dry run whatever there is.
async fn open(args: &BulkArgs, route: &Route<'_>, path: &Path, store: &Store) -> Result<QueueJournal> {
    let places = Places {
        existing: journal::place(route.photos),
        queue: route.queue.to_owned(),
        results: journal::place(&args.results),
        before: EarlierResults::default(),
    };
    if args.dry_run {
        return if args.force { Ok(QueueJournal::none(places)) } else { QueueJournal::look(path, places) };
    }
    if let Some(journal) = QueueJournal::resume(path, &places, args.force)? {
        return Ok(journal);
    }
    let before = EarlierResults::now(store, &args.results).await.map_err(S3Error::into_error)?;
    QueueJournal::begin(path, Places { before, ..places })
}

fn sample(args: &BulkArgs, journal: &mut QueueJournal) -> Result<Option<Sample>> {
    let Some(size) = args.existing.sample else { return Ok(None) };
    let seed = args.existing.seed.or(journal.seed()).unwrap_or_else(|| fastrand::u64(..1 << 32));
    if journal.seed() != Some(seed) {
        journal.sampled(seed)?;
    }
    Ok(Some(Sample::new(size, seed)))
}

async fn inventory(args: &BulkArgs, store: &Store, manifest: &str, photos: &S3Uri) -> Result<Inventory> {
    let inventory = Inventory::open(store.clone(), manifest, photos).await?;
    let (sizes, times) = inventory.tells();
    let by_size = args.existing.min_size.map(|_| "--min-size").or(args.existing.max_size.map(|_| "--max-size"));
    if let (Some(option), false) = (by_size, sizes) {
        bail!("{option}: the inventory {manifest} has no field Size");
    }
    if args.existing.newer_than.is_some() && !times {
        bail!("--newer-than: the inventory {manifest} has no field LastModifiedDate");
    }
    if !args.report.quiet && !inventory.made().is_empty() {
        notice!("uploader: inventory of {}", inventory.made());
    }
    Ok(inventory)
}

/// Why there is nothing to do.
fn nothing(args: &BulkArgs, photos: &S3Uri, found: &Found) -> String {
    let folder = journal::place(photos);
    if found.counts.listed > 0 {
        return format!("no photos in {folder}: skipped {}", found.left);
    }
    let hint = match (&args.existing.inventory, photos.prefix.trim_end_matches('/').rsplit('/').next()) {
        (Some(manifest), _) => format!("; check --existing and --inventory {manifest}"),
        (None, Some(end)) if !end.is_empty() && !photos.prefix.ends_with('/') => {
            format!("; for keys that begin with {end:?}, use the prefix before it and --include '{end}*'")
        }
        _ => "; check --existing".to_owned(),
    };
    format!("no objects in {folder}{hint}")
}

/// Says what a run would do.
fn dry_run(args: &BulkArgs, route: &Route<'_>, found: &Found) -> Result<Ending> {
    let mut out = stdout();
    let line = |out: &mut std::io::Stdout, name: &str, value: &str| writeln!(out, "{name:<19} {value}");
    let counts = &found.counts;
    line(&mut out, "dataset", &way(route.photos, &args.results))?;
    line(&mut out, "photos", &format!("{}, {:.1} MB", counts.chosen, counts.bytes as f64 / 1e6))?;
    if found.left.count() > 0 {
        line(&mut out, "skipped", &found.left.to_string())?;
    }
    if counts.unreadable > 0 {
        line(&mut out, "unreadable", &counted(counts.unreadable, "row"))?;
    }
    if counts.before > 0 {
        line(&mut out, "queued before", &counted(counts.before, "photo"))?;
    }
    let messages = counted(counts.messages, "message");
    line(&mut out, "would queue", &format!("{} in {messages}", counted(counts.queued, "photo")))?;
    if counts.queued > 0 {
        writeln!(out, "{}", Estimate::new(&args.existing, &args.wait, counts))?;
    }
    Ok(if counts.unreadable == 0 { Ending::Good } else { Ending::Failures })
}

/// Waits for the results, unless nobody wants to.
async fn collect(
    args: &BulkArgs,
    route: &Route<'_>,
    store: Store,
    found: Found,
    before: EarlierResults,
    path: &Path,
    interruption: &Interruption,
) -> Result<Ending> {
    let photos = route.photos;
    let means = if args.list.verbose { store.means().to_vec() } else { Vec::new() };
    let unreadable = found.counts.unreadable;
    let queued = queued(&found);
    let (skipped, nothing) = (SkippedFiles::default(), Tally::begin());
    let mut summary = DatasetSummary {
        places: way(photos, &args.results),
        means: &means,
        tally: &nothing,
        uploaded: 0,
        queued: Some(queued),
        held: 0,
        concurrency: None,
        clock: Clock::S3,
        cost: None,
        ignored_lines: Vec::new(),
        skipped: &skipped,
        stop: None,
    };
    if args.no_wait {
        print(&args.report, &summary)?;
        if !args.report.quiet {
            notice!("uploader: to collect the results later, run\n  {}", collect_command(args, path));
        }
        return Ok(if unreadable == 0 { Ending::Good } else { Ending::Failures });
    }
    let remembered =
        found.keys.into_iter().map(|key| Photo { name: place(&photos.bucket, &key), local: false, key: key.into() });
    let awaited: Arc<Vec<Photo>> = Arc::new(remembered.collect());
    let all = awaited.len() as u64 + unreadable;
    let mut writer = ResultWriter::open(&args.report, store.clone(), photos.folder(), all as usize, Some(&awaited))?;
    for _ in 0..unreadable {
        let message = "A row of the inventory cannot be read; see the notices.";
        writer.failure(Path::new("(inventory)"), item_error("unreadable", message))?;
    }
    let tracker = ResultTracker::of_any_content(&photos.bucket, &awaited);
    let collector = Collector::new(store, args.results.clone(), tracker.index()).after(before);
    let (timeout, counts) = (args.wait.timeout, Counts::default());
    let mut bulk_run = BulkRun { photos: awaited, tracker, writer, timeout, held_since: Vec::new(), counts };
    let signal = bulk_run.run(None, Some(collector.begin()), interruption).await?;
    summary.tally = &bulk_run.writer.tally;
    summary.cost = Some(Cost {
        architecture: args.wait.architecture,
        memory_mb: args.wait.memory,
        traced: args.wait.traced,
        batch: None,
        per_message: Some(args.existing.per_message.into()),
    });
    summary.ignored_lines = ignored_lines(&bulk_run);
    summary.stop = signal.map(|_| Stop { done: bulk_run.writer.tally.photos, all });
    print(&args.report, &summary)?;
    if let Some(signal) = signal {
        if !args.report.quiet {
            notice!("uploader: run the same command again to resume");
        }
        return Ok(Ending::Interrupted(signal));
    }
    if bulk_run.counts.missing > 0 {
        notice!(
            "uploader: see detect-bulk's log and the dead-letter queue. --force queues photos again. To go on waiting, run\n  {}",
            collect_command(args, path)
        );
    }
    Ok(ending(&args.report, &bulk_run))
}

fn queued(found: &Found) -> String {
    let counts = &found.counts;
    let seconds = found.took.as_secs_f64();
    let mut text = counted(counts.queued, "photo");
    if counts.queued > 0 {
        text += &format!(" in {}, {seconds:.1} s", counted(counts.messages, "message"));
    }
    if counts.again > 0 {
        text += &format!(", {} of them perhaps for the second time", counts.again);
    }
    if counts.before > 0 {
        text += &format!("; skipped {}: queued before", counts.before);
    }
    if found.left.count() > 0 {
        text += &format!("; skipped {}", found.left);
    }
    text
}

/// The command that collects this run's results, ready for a shell.
fn collect_command(args: &BulkArgs, journal: &Path) -> String {
    let mut words: Vec<String> = vec![hint::program(), "collect".to_owned()];
    let StoreArgs { endpoint_url, profile, region } = &args.store;
    let results = Some(args.results.to_string());
    let mut option = |name: &str, value: &OsStr| words.extend([name.to_owned(), hint::quoted(value)]);
    option("--journal", journal.as_os_str());
    let options =
        [("--results", &results), ("--endpoint-url", endpoint_url), ("--profile", profile), ("--region", region)];
    for (name, value) in options {
        if let Some(value) = value {
            option(name, value.as_ref());
        }
    }
    words.join(" ")
}
