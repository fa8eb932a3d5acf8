//! Which photos' results are awaited, and what each result that comes in means to them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use wire::{Line, LineOutcome, ModelRef};

use super::selection::Photo;

/// A line of the results, as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) line: Line,
    /// Whether it lay there before the run began.
    pub(crate) old: bool,
    /// When it was stored, in seconds since 1970 by S3's clock.
    pub(crate) stored: Option<f64>,
    /// When it was read.
    pub(crate) at: Instant,
}

/// A photo's result.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Which photo; `None` where nothing was expected and everything is taken.
    pub(crate) index: Option<usize>,
    pub(crate) line: Line,
    /// From the end of the upload to the result, where both are known.
    pub(crate) waited: Option<Duration>,
}

/// From when a photo's result is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Since {
    /// The end of its upload, by this program.
    Here(Instant),
    /// When it was stored, in seconds since 1970: a result's time is that of S3's clock, too.
    Stored(f64),
    /// Unknown, or of no interest: the photo was there before the run.
    Unknown,
}

/// Lines that are nobody's result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IgnoredLines {
    /// The same photo, content and model once more.
    pub(crate) repeats: u64,
    /// Other photos.
    pub(crate) foreign: u64,
    /// These photos, but other contents of theirs.
    pub(crate) stale: u64,
    /// Photos that have a result by another model.
    pub(crate) other_model: u64,
}

/// Keys of the photos at hand, and their places.
pub(crate) type Index = HashMap<Arc<str>, u32>;

#[derive(Debug, Clone, Default)]
struct PhotoState {
    /// Of the object whose results count; `None` until the photo is in the bucket.
    etag: Option<Box<str>>,
    since: Option<Since>,
    /// Its result is there, by this model; or it will never have one.
    done: Option<u16>,
}

/// No model: the photo failed before any saw it.
const NONE: u16 = u16::MAX;

/// The photos at hand and their results so far.
#[derive(Debug)]
pub(crate) struct ResultTracker {
    bucket: Option<String>,
    index: Arc<Index>,
    states: Vec<PhotoState>,
    /// Results that came before S3's answer to the upload did.
    early: HashMap<u32, Vec<Arrived>>,
    models: Vec<String>,
    /// Where nothing is expected: what has been taken.
    seen: HashSet<[u8; 16]>,
    open: usize,
    /// Whether a result counts whatever content it is of.
    any_content: bool,
    pub(crate) ignored: IgnoredLines,
}

impl ResultTracker {
    /// Awaits a result of each photo.
    pub(crate) fn of(bucket: &str, photos: &[Photo]) -> Self {
        let keys = photos.iter().map(|photo| Arc::clone(&photo.key));
        Self {
            bucket: Some(bucket.to_owned()),
            index: Arc::new(keys.zip(0..).collect()),
            states: vec![PhotoState::default(); photos.len()],
            early: HashMap::new(),
            models: Vec::new(),
            seen: HashSet::new(),
            open: photos.len(),
            any_content: false,
            ignored: IgnoredLines::default(),
        }
    }

    /// Awaits a result of each photo, whatever its content: one that was replaced after it was listed has the result of what
    /// replaced it.
    pub(crate) fn of_any_content(bucket: &str, photos: &[Photo]) -> Self {
        Self { any_content: true, ..Self::of(bucket, photos) }
    }

    /// Awaits nothing, and takes everything.
    pub(crate) fn of_everything() -> Self {
        Self { bucket: None, ..Self::of("", &[]) }
    }

    /// The keys whose results are of interest; `None` where all are.
    pub(crate) fn index(&self) -> Option<Arc<Index>> {
        self.bucket.as_ref().map(|_| Arc::clone(&self.index))
    }

    /// How many results are still to come.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// The photos without a result.
    pub(crate) fn missing(&self) -> impl Iterator<Item = usize> {
        self.states.iter().enumerate().filter(|(_, state)| state.done.is_none()).map(|(index, _)| index)
    }

    /// The photo will have no result.
    pub(crate) fn gave_up(&mut self, index: usize) {
        if let Some(state) = self.states.get_mut(index).filter(|state| state.done.is_none()) {
            state.done = Some(NONE);
            self.open -= 1;
        }
    }

    /// The photo is in the bucket, with this entity tag. Gives the result that came ahead of this news.
    pub(crate) fn is_there(&mut self, index: usize, etag: &str, since: Since) -> Option<Delivery> {
        let state = self.states.get_mut(index)?;
        state.etag = Some(etag.into());
        state.since = Some(since);
        let early = self.early.remove(&u32::try_from(index).ok()?)?;
        let mut delivery = None;
        for arrived in early {
            let taken = self.take(arrived);
            delivery = delivery.or(taken);
        }
        delivery
    }

    /// Reads a line: a result, or nothing of interest.
    pub(crate) fn take(&mut self, arrived: Arrived) -> Option<Delivery> {
        let Some(bucket) = &self.bucket else { return self.take_anything(arrived) };
        let source = &arrived.line.source;
        let Some(&index) = self.index.get(source.key.as_str()).filter(|_| source.bucket == *bucket) else {
            self.ignored.foreign += 1;
            return None;
        };
        let state = &self.states[index as usize];
        if self.any_content {
            return self.done(index, arrived);
        }
        let Some(etag) = &state.etag else {
            if state.done.is_none() {
                self.early.entry(index).or_default().push(arrived);
            } else {
                self.ignored.stale += 1;
            }
            return None;
        };
        let is_this_content = match &source.etag {
            Some(found) => **found == **etag,
            // It could not be read, so nobody knows which content it was; a result from before this content is not its.
            None => !arrived.old && state.since.is_none_or(|since| since.allows(&arrived)),
        };
        if !is_this_content {
            self.ignored.stale += 1;
            return None;
        }
        self.done(index, arrived)
    }

    /// The photo's result is there, or was already.
    fn done(&mut self, index: u32, arrived: Arrived) -> Option<Delivery> {
        let model = self.model(&arrived.line);
        let state = &mut self.states[index as usize];
        if let Some(done) = state.done {
            *(if done == model { &mut self.ignored.repeats } else { &mut self.ignored.other_model }) += 1;
            return None;
        }
        state.done = Some(model);
        self.open -= 1;
        let waited = state.since.and_then(|since| since.until(&arrived));
        Some(Delivery { index: Some(index as usize), line: arrived.line, waited })
    }

    fn take_anything(&mut self, arrived: Arrived) -> Option<Delivery> {
        let digest = Sha256::digest(format!("{:?}", arrived.line.identity()));
        if !digest.first_chunk().is_some_and(|identity| self.seen.insert(*identity)) {
            self.ignored.repeats += 1;
            return None;
        }
        Some(Delivery { index: None, line: arrived.line, waited: None })
    }

    fn model(&mut self, line: &Line) -> u16 {
        let digest = &model_of(line).sha256;
        let at = self.models.iter().position(|known| known == digest).unwrap_or_else(|| {
            self.models.push(digest.clone());
            self.models.len() - 1
        });
        u16::try_from(at).unwrap_or(NONE - 1)
    }
}

impl Since {
    /// Whether a result of unknown content may be that of this one.
    fn allows(self, arrived: &Arrived) -> bool {
        match (self, arrived.stored) {
            // S3 tells whole seconds.
            (Self::Stored(since), Some(stored)) => stored >= since.floor(),
            _ => true,
        }
    }

    fn until(self, arrived: &Arrived) -> Option<Duration> {
        match self {
            Self::Here(since) => Some(arrived.at.saturating_duration_since(since)),
            // A result from before this upload is that of an earlier one with the same content.
            Self::Stored(since) => Duration::try_from_secs_f64(arrived.stored? - since).ok(),
            Self::Unknown => None,
        }
    }
}

/// The model that looked at a photo, or would have.
pub(crate) fn model_of(line: &Line) -> &ModelRef {
    match &line.outcome {
        LineOutcome::Answer(answer) => &answer.model,
        LineOutcome::Error { model, .. } => model,
    }
}

#[cfg(test)]
mod tests {
    use wire::{ItemError, Source};

    use super::*;

    fn photos(keys: &[&str]) -> Vec<Photo> {
        keys.iter().map(|&key| Photo { name: key.into(), local: true, key: key.into() }).collect()
    }

    fn arrived(bucket: &str, key: &str, etag: Option<&str>, model: &str) -> Arrived {
        let source = Source {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: None,
            etag: etag.map(str::to_owned),
            size: None,
        };
        let error = ItemError { code: "undecodable_image".to_owned(), message: String::new() };
        let model = ModelRef { name: "m".to_owned(), sha256: model.to_owned(), note: None };
        let line = Line { source, outcome: LineOutcome::Error { error, model }, request_id: None };
        Arrived { line, old: false, stored: Some(100.0), at: Instant::now() }
    }

    #[test]
    fn only_the_awaited_content_counts_and_only_once() {
        let mut tracker = ResultTracker::of("in", &photos(&["a.jpg", "b.jpg"]));
        assert!(tracker.is_there(0, "e1", Since::Here(Instant::now())).is_none());
        for (bucket, key, etag, model) in
            [("in", "c.jpg", Some("e1"), "m1"), ("other", "a.jpg", Some("e1"), "m1"), ("in", "a.jpg", Some("e0"), "m1")]
        {
            assert!(tracker.take(arrived(bucket, key, etag, model)).is_none(), "{bucket} {key}");
        }
        let delivery = tracker.take(arrived("in", "a.jpg", Some("e1"), "m1")).unwrap();
        assert_eq!((delivery.index, delivery.waited.is_some()), (Some(0), true));
        assert!(tracker.take(arrived("in", "a.jpg", Some("e1"), "m1")).is_none());
        assert!(tracker.take(arrived("in", "a.jpg", Some("e1"), "m2")).is_none());
        assert_eq!(tracker.ignored, IgnoredLines { repeats: 1, foreign: 2, stale: 1, other_model: 1 });
        assert_eq!((tracker.open(), tracker.missing().collect::<Vec<_>>()), (1, vec![1]));
        tracker.gave_up(1);
        tracker.gave_up(1);
        assert_eq!(tracker.open(), 0);
    }

    #[test]
    fn a_result_may_overtake_the_answer_to_its_upload() {
        let mut tracker = ResultTracker::of("in", &photos(&["a.jpg"]));
        assert!(tracker.take(arrived("in", "a.jpg", Some("e0"), "m")).is_none());
        assert!(tracker.take(arrived("in", "a.jpg", Some("e1"), "m")).is_none());
        assert_eq!(tracker.open(), 1);
        let delivery = tracker.is_there(0, "e1", Since::Here(Instant::now())).unwrap();
        assert_eq!((delivery.index, delivery.waited), (Some(0), Some(Duration::ZERO)));
        assert_eq!((tracker.open(), tracker.ignored.stale), (0, 1));
    }

    #[test]
    fn errors_without_content_count_when_they_are_new() {
        let mut tracker = ResultTracker::of("in", &photos(&["a.jpg", "b.jpg"]));
        tracker.is_there(0, "e1", Since::Here(Instant::now()));
        tracker.is_there(1, "e1", Since::Stored(100.5));
        assert!(tracker.take(Arrived { old: true, ..arrived("in", "a.jpg", None, "m") }).is_none());
        assert!(tracker.take(arrived("in", "a.jpg", None, "m")).is_some());
        assert!(tracker.take(Arrived { stored: Some(99.0), ..arrived("in", "b.jpg", None, "m") }).is_none());
        assert!(tracker.take(arrived("in", "b.jpg", None, "m")).is_some());
    }

    #[test]
    fn of_what_was_there_any_content_counts_once() {
        let mut tracker = ResultTracker::of_any_content("in", &photos(&["a.jpg", "b.jpg"]));
        assert!(tracker.take(arrived("in", "a.jpg", Some("e1"), "m")).is_some());
        assert!(tracker.take(arrived("in", "a.jpg", Some("e2"), "m")).is_none());
        assert!(tracker.take(arrived("in", "b.jpg", None, "m")).is_some());
        assert_eq!((tracker.open(), tracker.ignored.repeats), (0, 1));
    }

    #[test]
    fn where_nothing_is_expected_everything_is_taken_once() {
        let mut tracker = ResultTracker::of_everything();
        assert!(tracker.take(arrived("in", "a.jpg", Some("e1"), "m")).is_some());
        assert!(tracker.take(arrived("in", "a.jpg", Some("e1"), "m")).is_none());
        assert!(tracker.take(arrived("in", "a.jpg", Some("e2"), "m")).is_some());
        assert_eq!((tracker.open(), tracker.ignored.repeats), (0, 1));
    }
}
