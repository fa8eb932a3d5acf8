//! The objects below a prefix, listed by several requests at once where there are many.
//!
//! S3 lists keys in order, a thousand in a request, from any key on. So whoever has nothing to do takes over the end of a
//! range that somebody else is listing: it looks for the first place where keys begin differently, asking S3 for one key at a
//! time, and cuts it there, in the middle as far as that is to be guessed. Folders, numbers and random names are all cut alike, and no delimiter is needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use wire::S3Uri;

use crate::bulk::{Page, S3Error, Store, Stored};

/// Keys in a request, the most that S3 answers with.
const PAGE: i32 = 1000;
/// Pages on their way to whoever reads them.
const AHEAD: usize = 16;
/// Requests for one key that may be spent on cutting, beyond one for every page.
const SPARE_PROBES: usize = 8;
/// Follows whatever a key goes on with.
const LAST: char = '\u{10ffff}';

/// Something that can be listed from any key on.
pub(crate) trait Listable: Send + Sync + 'static {
    /// Up to `most` objects after the key `after`.
    fn page(&self, after: &str, most: i32) -> impl Future<Output = Result<Page, S3Error>> + Send;
}

/// What comes out of a listing.
#[derive(Debug)]
pub(crate) enum ListingEvent {
    /// Some objects, in no particular order.
    Objects(Vec<Stored>),
    /// A version of an object that was replaced.
    OldVersion,
    /// What is left of an object that was deleted.
    DeleteMarker,
    /// Something that was read and is no object: why.
    Unreadable(String),
    /// So many requests were made.
    Requests(u64),
    /// It cannot go on.
    Failed(anyhow::Error),
}

/// The objects of a bucket below a prefix.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) store: Store,
    pub(crate) bucket: String,
    /// With a slash at its end, or empty.
    pub(crate) folder: String,
}

impl Bucket {
    pub(crate) fn new(store: Store, place: &S3Uri) -> Self {
        Self { store, bucket: place.bucket.clone(), folder: place.folder() }
    }
}

impl Listable for Bucket {
    async fn page(&self, after: &str, most: i32) -> Result<Page, S3Error> {
        Box::pin(self.store.page(&self.bucket, &self.folder, after, most)).await
    }
}

/// Lists everything, with up to `at_once` requests at once.
pub(crate) fn list(objects: impl Listable, prefix: &str, at_once: usize) -> mpsc::Receiver<ListingEvent> {
    let (to_caller, listed) = mpsc::channel(AHEAD);
    let work = Arc::new(Work {
        objects,
        prefix: prefix.to_owned(),
        ranges: Mutex::new(Ranges { waiting: vec![Range::default()], ..Ranges::default() }),
        changed: Notify::new(),
    });
    tokio::spawn(async move {
        let mut tasks = JoinSet::new();
        for _ in 0..at_once.max(1) {
            let (work, to_caller) = (Arc::clone(&work), to_caller.clone());
            tasks.spawn(async move { work.help(&to_caller).await });
        }
        while let Some(ended) = tasks.join_next().await {
            let error = match ended {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.into_error(),
                Err(error) => anyhow::anyhow!("listing failed: {error}"),
            };
            // Nobody listens after the end.
            let _ = to_caller.send(ListingEvent::Failed(error)).await;
            return;
        }
        let requests = work.ranges().requests();
        let _ = to_caller.send(ListingEvent::Requests(requests)).await;
    });
    listed
}

/// Keys after one and up to another.
#[derive(Debug, Clone, Default)]
struct Range {
    after: String,
    until: Option<String>,
    /// Pages read of it.
    pages: usize,
    /// How many pages it has to have before somebody tries to cut it again.
    whole_until: usize,
}

#[derive(Debug, Default)]
struct Ranges {
    waiting: Vec<Range>,
    /// By a number of their own.
    active: Vec<(usize, Range)>,
    next: usize,
    pages: usize,
    probes: usize,
}

struct Work<S> {
    objects: S,
    prefix: String,
    ranges: Mutex<Ranges>,
    changed: Notify,
}

/// What somebody who is free can do.
enum Task {
    List(usize),
    Cut(usize, Range),
    Wait,
    End,
}

impl Ranges {
    fn requests(&self) -> u64 {
        (self.pages + self.probes) as u64
    }

    fn task(&mut self) -> Task {
        if let Some(range) = self.waiting.pop() {
            self.next += 1;
            self.active.push((self.next, range));
            return Task::List(self.next);
        }
        if self.active.is_empty() {
            return Task::End;
        }
        if self.probes > self.pages + SPARE_PROBES {
            return Task::Wait;
        }
        // The one whose keys differ earliest is likely to hold the most.
        let shared = |range: &Range| range.until.as_ref().map_or(0, |until| shared(&range.after, until));
        let largest = self.active.iter_mut().filter(|(_, range)| range.pages > range.whole_until);
        match largest.min_by_key(|(_, range)| shared(range)) {
            Some((number, range)) => {
                // Nobody else meanwhile.
                range.whole_until = range.pages + 1;
                Task::Cut(*number, range.clone())
            }
            None => Task::Wait,
        }
    }

    fn active(&mut self, number: usize) -> Option<&mut Range> {
        self.active.iter_mut().find(|(known, _)| *known == number).map(|(_, range)| range)
    }
}

impl<S: Listable> Work<S> {
    /// Lists and cuts until nothing is left to list.
    async fn help(&self, to_caller: &mpsc::Sender<ListingEvent>) -> Result<(), S3Error> {
        loop {
            let changed = self.changed.notified();
            let task = self.ranges().task();
            match task {
                Task::List(number) => {
                    if !self.read(number, to_caller).await? {
                        return Ok(());
                    }
                }
                Task::Cut(number, range) => self.cut(number, range).await?,
                Task::Wait => changed.await,
                Task::End => return Ok(()),
            }
        }
    }

    /// Reads a range to its end, which may come nearer meanwhile. Tells whether anybody still listens.
    async fn read(&self, number: usize, to_caller: &mpsc::Sender<ListingEvent>) -> Result<bool, S3Error> {
        loop {
            let Some(after) = self.ranges().active(number).map(|range| range.after.clone()) else { return Ok(true) };
            let Page { mut objects, more } = self.objects.page(&after, PAGE).await?;
            let ended = {
                let mut ranges = self.ranges();
                ranges.pages += 1;
                let until = ranges.active(number).and_then(|range| range.until.clone());
                let read = objects.len();
                if let Some(until) = until {
                    objects.retain(|object| object.key <= until);
                }
                let ended = !more || objects.len() < read || objects.is_empty();
                if ended {
                    ranges.active.retain(|(known, _)| *known != number);
                } else if let (Some(range), Some(last)) = (ranges.active(number), objects.last()) {
                    range.after.clone_from(&last.key);
                    range.pages += 1;
                }
                ended
            };
            self.changed.notify_waiters();
            if !objects.is_empty() && to_caller.send(ListingEvent::Objects(objects)).await.is_err() {
                return Ok(false);
            }
            if ended {
                return Ok(true);
            }
        }
    }

    /// Cuts a range in two where its keys begin to differ, if they do.
    async fn cut(&self, number: usize, range: Range) -> Result<(), S3Error> {
        let cut = match self.first_difference(&range).await? {
            Some(at) => Some(self.middle(&range, at).await?),
            None => None,
        };
        let mut ranges = self.ranges();
        let Some(active) = ranges.active(number) else { return Ok(()) };
        match cut {
            Some(boundary) if active.after < boundary && active.until == range.until => {
                let rest = Range { after: boundary.clone(), until: active.until.replace(boundary), ..Range::default() };
                active.whole_until = active.pages;
                ranges.waiting.push(rest);
                drop(ranges);
                self.changed.notify_waiters();
            }
            _ => active.whole_until = active.pages + 2,
        }
        Ok(())
    }

    /// The place of the first character in which keys that follow differ from the one that was read last.
    async fn first_difference(&self, range: &Range) -> Result<Option<usize>, S3Error> {
        let begins: Vec<usize> = range.after.char_indices().map(|(at, _)| at).collect();
        // Keys that follow all those which share the first characters: the more are shared, the more follow.
        let from = begins.partition_point(|at| *at < self.prefix.len());
        // Not the last one: what follows it is all the rest, and nothing would be gained.
        let (mut none, mut some) = (from, begins.len().saturating_sub(1));
        let mut found = None;
        while none < some {
            let middle = (none + some) / 2;
            let boundary = format!("{}{LAST}", &range.after[..begins[middle + 1]]);
            if self.has_between(&boundary, range.until.as_deref()).await? {
                found = Some(begins[middle]);
                some = middle;
            } else {
                none = middle + 1;
            }
        }
        Ok(found)
    }

    /// A key with others behind it, as far from the one that was read last as a few guesses find it.
    async fn middle(&self, range: &Range, at: usize) -> Result<String, S3Error> {
        let (shared, rest) = range.after.split_at(at);
        let first = |text: &str| text.chars().next().map_or(0, u32::from);
        let least = first(rest);
        let until = range.until.as_deref().and_then(|until| until.strip_prefix(shared)).map(first);
        let mut most = until.unwrap_or(if least < 0x80 { 0x7f } else { LAST.into() });
        while least + 1 < most {
            most = (least + most) / 2;
            let Some(guess) = char::from_u32(most).filter(|_| most > least) else { break };
            let boundary = format!("{shared}{guess}");
            if self.has_between(&boundary, range.until.as_deref()).await? {
                return Ok(boundary);
            }
        }
        let end = at + rest.chars().next().map_or(0, char::len_utf8);
        Ok(format!("{}{LAST}", &range.after[..end]))
    }

    async fn has_between(&self, after: &str, until: Option<&str>) -> Result<bool, S3Error> {
        self.ranges().probes += 1;
        let page = self.objects.page(after, 1).await?;
        Ok(page.objects.first().is_some_and(|object| until.is_none_or(|until| *object.key <= *until)))
    }

    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes two keys have in common.
fn shared(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::Bound;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Clone, Default)]
    struct Keys {
        keys: Arc<BTreeSet<String>>,
        now: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl Listable for Keys {
        async fn page(&self, after: &str, most: i32) -> Result<Page, S3Error> {
            self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // A thousand keys take longer than one.
            for _ in 0..1 + most / 50 {
                tokio::task::yield_now().await;
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            let mut rest = self.keys.range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
            let stored = |key: &String| Stored { key: key.clone(), ..Stored::default() };
            let objects: Vec<Stored> = rest.by_ref().take(most as usize).map(stored).collect();
            Ok(Page { objects, more: rest.next().is_some() })
        }
    }

    /// The keys that were listed, how many requests it took, and how many were made at once.
    async fn listed(keys: Vec<String>, prefix: &str) -> (Vec<String>, u64, usize) {
        let objects = Keys { keys: Arc::new(keys.into_iter().collect()), ..Keys::default() };
        let mut listed = list(objects.clone(), prefix, 8);
        let (mut keys, mut requests) = (Vec::new(), 0);
        while let Some(news) = listed.recv().await {
            match news {
                ListingEvent::Objects(objects) => keys.extend(objects.into_iter().map(|object| object.key)),
                ListingEvent::Requests(count) => requests = count,
                other => panic!("{other:?}"),
            }
        }
        keys.sort();
        (keys, requests, objects.most.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn every_key_is_listed_once_however_keys_are_named() {
        let numbered = |count: u32| (0..count).map(|n| format!("p/IMG_{n:06}.jpg")).collect::<Vec<_>>();
        let folders = (0..100_u32).flat_map(|f| (0..500).map(move |n| format!("p/2026/{f:02}/{n}.jpg"))).collect();
        let random = (0..50_000_u32).map(|n| format!("p/{:08x}.png", n.wrapping_mul(2_654_435_761))).collect();
        let uneven = numbered(20_000).into_iter().chain(["p/z.jpg".to_owned(), "p/é.jpg".to_owned()]).collect();
        let deep = (0..9000_u32).map(|n| format!("p/{}é日/{n}", "x".repeat(300))).collect();
        // How many requests there are at once, at least.
        let cases: [(Vec<String>, usize); 5] =
            [(numbered(50_000), 4), (folders, 4), (random, 4), (uneven, 2), (deep, 1)];
        for (keys, least) in cases {
            let mut expected = keys.clone();
            expected.sort();
            let pages = (keys.len() as u64).div_ceil(1000);
            let (found, requests, at_once) = listed(keys, "p/").await;
            assert_eq!(found.len(), expected.len());
            assert!(found == expected, "keys were lost or listed twice");
            assert!(at_once >= least, "only {at_once} requests at once: {pages} pages from {:?} on", expected[0]);
            assert!(requests < 4 * pages + 40, "{requests} requests for {pages} pages");
        }
    }

    #[tokio::test]
    async fn what_fits_into_a_page_takes_one_request() {
        assert_eq!(listed((0..1000).map(|n| format!("p/{n}")).collect(), "p/").await.1, 1);
        assert_eq!(listed(Vec::new(), "").await, (Vec::new(), 1, 1));
    }
}
