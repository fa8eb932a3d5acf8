//! Results as they come: looked for again and again, read once each, line by line.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;
use wire::{Line, S3Uri, partition};

use super::earlier_results::EarlierResults;
use super::result_tracker::{Arrived, Index};
use super::s3_error::S3Error;
use super::store::{Object, Store};

/// Results read at once.
const AT_ONCE: usize = 8;
/// Between two looks while results come, and the longest where none do.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);
/// Longer lines are no results: a hundred detections take a hundredth of it.
const LONGEST_LINE: usize = 1 << 20;

/// What the collector tells.
#[derive(Debug)]
pub(crate) enum CollectorEvent {
    /// A line of the results.
    Line(Box<Arrived>),
    /// A line that is none.
    Broken(String),
    /// A part with so many lines was read.
    Part(u64),
    /// A look or a part failed, and will be tried again.
    Retry(String),
    /// All there was at a look has been read.
    Caught,
    /// The run cannot go on.
    End(anyhow::Error),
}

/// Where results are, and which are of interest.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) store: Store,
    pub(crate) results: S3Uri,
    /// Keys whose results are awaited; `None`: all are taken.
    pub(crate) wanted: Option<Arc<Index>>,
    /// What was there before, and is nobody's.
    before: EarlierResults,
    seen: HashSet<u64>,
    old: Vec<Object>,
}

/// A collector at work. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Collecting {
    events: mpsc::Receiver<CollectorEvent>,
    read_old: Option<oneshot::Sender<()>>,
    _tasks: JoinSet<()>,
}

impl Collector {
    pub(crate) fn new(store: Store, results: S3Uri, wanted: Option<Arc<Index>>) -> Self {
        Self { store, results, wanted, before: EarlierResults::default(), seen: HashSet::new(), old: Vec::new() }
    }

    /// Passes over what was there before.
    pub(crate) fn after(self, before: EarlierResults) -> Self {
        Self { before, ..self }
    }

    /// Takes note of what is there before the run begins: it is read only on demand.
    pub(crate) async fn mark_old(&mut self) -> Result<(), S3Error> {
        self.old = self.look().await?;
        Ok(())
    }

    /// Goes to work.
    pub(crate) fn begin(self) -> Collecting {
        let (to_caller, events) = mpsc::channel(256);
        let (read_old, old_wanted) = oneshot::channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(self.work(to_caller, old_wanted));
        Collecting { events, read_old: Some(read_old), _tasks: tasks }
    }

    async fn work(mut self, to_caller: mpsc::Sender<CollectorEvent>, old_wanted: oneshot::Receiver<()>) {
        let mut pause = SHORTEST;
        let (mut old_wanted, mut awaits_old) = (old_wanted, true);
        loop {
            let start = Instant::now();
            let goes_on = match self.look().await {
                Ok(found) => {
                    pause = if found.is_empty() { (pause * 3 / 2).min(LONGEST) } else { SHORTEST };
                    self.read_all(found, false, &to_caller).await
                }
                Err(error) => report(&to_caller, error).await,
            };
            if !goes_on {
                return;
            }
            // At most half of the time is spent on listing, however much there is to list.
            tokio::select! {
                () = sleep(pause.max(start.elapsed())) => {}
                wanted = &mut old_wanted, if awaits_old => {
                    awaits_old = false;
                    let old = std::mem::take(&mut self.old);
                    if wanted.is_ok() && !self.read_all(old, true, &to_caller).await {
                        return;
                    }
                    pause = SHORTEST;
                }
            }
        }
    }

    /// What is new among the results.
    async fn look(&mut self) -> Result<Vec<Object>, S3Error> {
        let folder = self.results.folder();
        let mut found = Vec::new();
        let (seen, wanted, before) = (&mut self.seen, self.wanted.as_deref(), &self.before);
        self.store
            .list(&self.results.bucket, &folder, |object| {
                if is_result(&object.key, &folder, wanted) && !before.has(&object) && seen.insert(fingerprint(&object))
                {
                    found.push(object);
                }
            })
            .await?;
        // Where photos have results by several models, those by the latest are likely to be wanted.
        found.sort_by(|a, b| b.stored.unwrap_or(0.0).total_cmp(&a.stored.unwrap_or(0.0)));
        Ok(found)
    }

    /// Reads results; those that fail are read again after the next look. Tells whether anybody still listens.
    async fn read_all(&mut self, objects: Vec<Object>, old: bool, to_caller: &mpsc::Sender<CollectorEvent>) -> bool {
        let (store, bucket) = (&self.store, &self.results.bucket);
        let mut reads = stream::iter(objects)
            .map(|object| async move {
                let read = Box::pin(read(store, bucket, &object, old, to_caller)).await;
                (object, read)
            })
            .buffer_unordered(AT_ONCE);
        let mut failed = Vec::new();
        while let Some((object, read)) = reads.next().await {
            let event = match read {
                Ok(lines) => CollectorEvent::Part(lines),
                Err(S3Error::NotThere) => continue,
                Err(error) => {
                    failed.push(object);
                    if !report(to_caller, error).await {
                        return false;
                    }
                    continue;
                }
            };
            if to_caller.send(event).await.is_err() {
                return false;
            }
        }
        drop(reads);
        if failed.is_empty() && !old {
            return to_caller.send(CollectorEvent::Caught).await.is_ok();
        }
        for object in failed {
            // An old one is found as a new one then, and its entity tags still tell whose results it has.
            self.seen.remove(&fingerprint(&object));
        }
        true
    }
}

impl Collecting {
    /// What comes next; `None` after the end.
    pub(crate) async fn next(&mut self) -> Option<CollectorEvent> {
        self.events.recv().await
    }

    /// Asks for what lay there before the run began.
    pub(crate) fn read_old(&mut self) {
        if let Some(read_old) = self.read_old.take() {
            // Nobody listens after the end, and then nothing is read.
            let _ = read_old.send(());
        }
    }
}

/// Tells of a failure. Whether the work goes on.
async fn report(to_caller: &mpsc::Sender<CollectorEvent>, error: S3Error) -> bool {
    let (event, goes_on) = match error {
        S3Error::Run(_) => (CollectorEvent::End(error.into_error()), false),
        other => (CollectorEvent::Retry(other.into_photo().message), true),
    };
    to_caller.send(event).await.is_ok() && goes_on
}

/// Reads one object's lines, however long it is, and hands each on. Tells how many results it had.
async fn read(
    store: &Store,
    bucket: &str,
    object: &Object,
    old: bool,
    to_caller: &mpsc::Sender<CollectorEvent>,
) -> Result<u64, S3Error> {
    let mut body = store.get(bucket, &object.key).await?.ok_or(S3Error::NotThere)?;
    let (mut rest, mut number, mut results) = (Vec::new(), 0, 0);
    loop {
        let chunk = body.next().await.transpose().map_err(|error| {
            let message = format!("s3://{bucket}/{} was cut off: {error}", object.key);
            S3Error::Photo(crate::photo::item_error("connection", message))
        })?;
        let is_last = chunk.is_none();
        rest.extend_from_slice(&chunk.unwrap_or_default());
        let mut begin = 0;
        while begin < rest.len() {
            let end = rest[begin..].iter().position(|byte| *byte == b'\n').map(|length| begin + length);
            let Some(end) = end.or(is_last.then_some(rest.len())) else { break };
            number += 1;
            if let Some(event) = parse(&rest[begin..end], bucket, object, number, old) {
                results += u64::from(matches!(event, CollectorEvent::Line(_)));
                if to_caller.send(event).await.is_err() {
                    return Ok(results);
                }
            }
            begin = end + 1;
        }
        rest.drain(..begin.min(rest.len()));
        if rest.len() > LONGEST_LINE {
            let event = CollectorEvent::Broken(format!(
                "s3://{bucket}/{} line {}: too long for a result",
                object.key,
                number + 1
            ));
            // Nobody listens after the end.
            let _ = to_caller.send(event).await;
            return Ok(results);
        }
        if is_last {
            return Ok(results);
        }
    }
}

fn parse(line: &[u8], bucket: &str, object: &Object, number: u64, old: bool) -> Option<CollectorEvent> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    Some(match serde_json::from_slice::<Line>(line) {
        Ok(line) => CollectorEvent::Line(Box::new(Arrived { line, old, stored: object.stored, at: Instant::now() })),
        Err(error) => {
            CollectorEvent::Broken(format!("s3://{bucket}/{} line {number} is not a result: {error}", object.key))
        }
    })
}

/// Whether an object is a result of interest: a part, or the object of a photo that is awaited. Both lie in the folder of
/// a day, or, stored by an older detect-bulk, in none.
fn is_result(key: &str, folder: &str, wanted: Option<&Index>) -> bool {
    let Some(name) = key.strip_prefix(folder) else { return false };
    let of_interest = |name: &str| {
        (name.starts_with("part-") && name.ends_with(".jsonl"))
            || name.strip_suffix(".json").is_some_and(|photo| wanted.is_none_or(|wanted| wanted.contains_key(photo)))
    };
    // A photo's own key may begin like the folder of a day.
    of_interest(name) || partition::split(name).is_some_and(|(_, name)| of_interest(name))
}

/// A version of an object: stored again under its key, it is another.
fn fingerprint(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&object.key, object.size, &object.etag, object.stored.map(f64::to_bits)).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_awaited_objects_are_results() {
        let wanted: Index = [("photos/a.jpg".into(), 0), ("date=2026-11-30/c.jpg".into(), 1)].into();
        for (key, is) in [
            ("out/part-1.jsonl", true),
            ("out/photos/a.jpg.json", true),
            ("out/photos/b.jpg.json", false),
            ("out/photos/a.jpg.annotated.jpg", false),
            ("out/notes.jsonl", false),
            ("out/date=2026-11-30/part-1.jsonl", true),
            ("out/date=2026-11-30/photos/a.jpg.json", true),
            ("out/date=2026-11-30/photos/b.jpg.json", false),
            ("out/date=2026-11-31/part-1.jsonl", false),
            ("out/date=2026-11-30/notes.jsonl", false),
            ("other/part-1.jsonl", false),
        ] {
            assert_eq!(is_result(key, "out/", Some(&wanted)), is, "{key}");
        }
        for key in ["out/date=2026-11-30/c.jpg.json", "out/date=2026-12-01/date=2026-11-30/c.jpg.json"] {
            assert!(is_result(key, "out/", Some(&wanted)), "{key}");
        }
        assert!(is_result("out/photos/b.jpg.json", "out/", None) && is_result("part-1.jsonl", "", None));
    }

    #[test]
    fn an_object_stored_again_is_another() {
        let object = Object { key: "a".to_owned(), size: 1, etag: None, stored: Some(1.0) };
        assert_eq!(fingerprint(&object), fingerprint(&object.clone()));
        assert_ne!(fingerprint(&object), fingerprint(&Object { stored: Some(2.0), ..object.clone() }));
        assert_ne!(fingerprint(&object), fingerprint(&Object { etag: Some("e".to_owned()), ..object.clone() }));
    }
}
