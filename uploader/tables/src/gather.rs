//! Results that no table holds yet: listed, read by several threads at once, and spilled.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use wire::partition;

use crate::job::{Job, ListingSummary, Summary};
use crate::line::{self, Found, Identity};
use crate::published::Published;
use crate::sources::{Sources, fingerprint};
use crate::spill::Spill;
use crate::store::{Object, Store};

/// Files read at once: most of the time each waits for S3.
const READERS: usize = 16;
/// Bytes of lines handed on at once.
const BATCH: usize = 256 << 10;
/// Lines that are no results and are told one by one.
const TOLD: u64 = 5;
/// Between two words of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// A file of results that no table holds.
#[derive(Debug)]
pub(crate) struct Work {
    object: Object,
    pub(crate) date: String,
    fingerprint: u64,
}

/// What comes of reading it.
enum ReaderEvent {
    Lines(Arc<Work>, Vec<(Identity, Vec<u8>)>),
    /// A line that is no result.
    Other(Arc<Work>, String),
    /// Read to its end.
    End(Arc<Work>),
    /// It has been deleted since.
    Gone,
    Failed(anyhow::Error),
}

/// Reads what no table holds into `spill`.
pub(crate) fn gather(
    job: &Job<'_>,
    published: &BTreeMap<String, Object>,
    spill: &mut Spill,
    summary: &mut Summary,
) -> Result<()> {
    let (to_readers, work) = sync_channel::<Work>(2 * READERS);
    let (to_spill, events) = sync_channel::<ReaderEvent>(2 * READERS);
    let work = Arc::new(Mutex::new(work));
    thread::scope(|scope| {
        let lister = scope.spawn(|| {
            let to_readers = to_readers;
            list(job, published, &mut |work| to_readers.send(work).map_err(|_| anyhow!("stopped")))
        });
        for _ in 0..READERS {
            let (work, to_spill) = (Arc::clone(&work), to_spill.clone());
            scope.spawn(move || read(job.results.as_ref(), &work, &to_spill));
        }
        // The readers hold them now: where nobody listens any more they end, and then the lister does.
        drop((work, to_spill));
        let taken = take(job, events, spill, summary);
        let listed = lister.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken?;
        summary.listed = listed?;
        Ok(())
    })
}

/// Lists the results, and hands those that no table holds to `each`.
pub(crate) fn list(
    job: &Job<'_>,
    published: &BTreeMap<String, Object>,
    each: &mut dyn FnMut(Work) -> Result<()>,
) -> Result<ListingSummary> {
    let mut listed = ListingSummary::default();
    let mut contained: HashMap<String, Sources> = HashMap::new();
    job.results.list(&mut |object| {
        job.go_on()?;
        let Some(date) = date_of(&object) else { return Ok(()) };
        listed.files += 1;
        if !contained.contains_key(&date) {
            let sources = match published.get(&date) {
                Some(file) => Published::open(&job.tables, file)?.sources()?,
                None => Sources::default(),
            };
            contained.insert(date.clone(), sources);
        }
        let fingerprint = fingerprint(&object);
        if contained.get(&date).is_some_and(|sources| sources.contains(fingerprint)) {
            return Ok(());
        }
        listed.new += 1;
        listed.new_bytes += object.size;
        each(Work { object, date, fingerprint })
    })?;
    Ok(listed)
}

/// The day of a file of results: that of its folder; where an older detect-bulk has stored it, that on which it was
/// stored. `None` for what is no file of results.
fn date_of(object: &Object) -> Option<String> {
    if !object.name.ends_with(".jsonl") && !object.name.ends_with(".json") {
        return None;
    }
    Some(match partition::split(&object.name) {
        Some((date, _)) => date.to_owned(),
        None => partition::date_of(object.stored),
    })
}

/// Reads files until there are no more, or nobody listens.
fn read(results: &dyn Store, work: &Mutex<Receiver<Work>>, to: &SyncSender<ReaderEvent>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        let work = Arc::new(work);
        let end = match read_one(results, &work, to) {
            Ok(Some(end)) => end,
            Ok(None) => return,
            Err(error) => ReaderEvent::Failed(error),
        };
        if to.send(end).is_err() {
            return;
        }
    }
}

/// Reads a file; `None` where nobody listens.
fn read_one(results: &dyn Store, work: &Arc<Work>, to: &SyncSender<ReaderEvent>) -> Result<Option<ReaderEvent>> {
    let Some(body) = results.read(&work.object)? else { return Ok(Some(ReaderEvent::Gone)) };
    let (mut lines, mut bytes, mut heard) = (Vec::new(), 0, true);
    let read = line::read(body, work.object.name.ends_with(".json"), |found| {
        heard = match found {
            Found::Other(number, why) => {
                to.send(ReaderEvent::Other(Arc::clone(work), format!("line {number}: {why}"))).is_ok()
            }
            Found::Result(identity, line) => {
                bytes += line.len();
                lines.push((identity, line));
                if bytes < BATCH {
                    true
                } else {
                    bytes = 0;
                    to.send(ReaderEvent::Lines(Arc::clone(work), std::mem::take(&mut lines))).is_ok()
                }
            }
        };
        heard
    });
    heard = heard && (lines.is_empty() || to.send(ReaderEvent::Lines(Arc::clone(work), lines)).is_ok());
    read.map_err(|error| error.context(format!("cannot read {} in {}", work.object.name, results.place())))?;
    Ok(heard.then(|| ReaderEvent::End(Arc::clone(work))))
}

fn take(job: &Job<'_>, events: Receiver<ReaderEvent>, spill: &mut Spill, summary: &mut Summary) -> Result<()> {
    let (mut files, mut told) = (0, Instant::now());
    for event in events {
        job.go_on()?;
        if told.elapsed() > PROGRESS {
            (job.progress)(files, spill.lines());
            told = Instant::now();
        }
        match event {
            ReaderEvent::Lines(work, lines) => {
                for (identity, line) in lines {
                    spill.line(&work.date, identity, &line)?;
                }
            }
            ReaderEvent::Other(work, why) => {
                summary.other_lines += 1;
                if summary.other_lines <= TOLD {
                    (job.notice)(&format!("{} {why}", work.object.name));
                }
            }
            ReaderEvent::End(work) => {
                files += 1;
                spill.source(&work.date, work.fingerprint);
            }
            ReaderEvent::Gone => {}
            ReaderEvent::Failed(error) => {
                summary.failed += 1;
                (job.notice)(&format!("{error:#}"));
            }
        }
    }
    Ok(())
}
