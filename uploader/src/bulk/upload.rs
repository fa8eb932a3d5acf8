//! Photos into the bucket: each is compared with what the bucket holds, and sent where that is something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::{ItemError, S3Uri};

use super::content::{Content, Stamp, hex};
use super::inventory::Held;
use super::journal::{Journal, Note};
use super::s3_error::S3Error;
use super::selection::Photo;
use super::store::Store;
use crate::photo::{fault, item_error};

/// How photos get into the bucket.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) store: Store,
    pub(crate) bucket: S3Uri,
    pub(crate) photos: Arc<Vec<Photo>>,
    /// What lies under each photo's key.
    pub(crate) held: Vec<Option<Held>>,
    pub(crate) journal: Journal,
    /// How many at once.
    pub(crate) concurrency: usize,
    /// Send what the bucket already holds, too.
    pub(crate) force: bool,
    /// Send nothing.
    pub(crate) only_look: bool,
}

/// What became of a photo on its way into the bucket.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Arrival {
    /// It was sent, and this is its entity tag.
    Uploaded { etag: String, at: Instant, took: Duration, size: u64 },
    /// The bucket held the same content already.
    Held { etag: String },
    /// It would have been sent.
    Missing { size: u64 },
    /// It cannot be read, or S3 did not take it.
    Failed(ItemError),
}

/// A photo's place in the plan and what became of it; or why the run cannot go on.
pub(crate) type Event = Result<(usize, Arrival)>;

/// Uploads under way. Dropped, they end.
#[derive(Debug)]
pub(crate) struct Uploads {
    events: mpsc::Receiver<Event>,
    _tasks: JoinSet<()>,
}

impl Uploads {
    /// Sets out.
    pub(crate) fn begin(plan: Plan) -> Self {
        let (to_caller, events) = mpsc::channel(plan.concurrency);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let concurrency = plan.concurrency;
            let sender = Arc::new(Sender { unconditional: AtomicBool::new(plan.force), plan });
            let mut arrivals = stream::iter(0..sender.plan.photos.len())
                .map(|index| {
                    let sender = Arc::clone(&sender);
                    async move { (index, Box::pin(sender.bring(index)).await) }
                })
                .buffer_unordered(concurrency);
            while let Some((index, arrival)) = arrivals.next().await {
                let event = match arrival {
                    Ok(arrival) => Ok((index, arrival)),
                    Err(Stop::Photo(error)) => Ok((index, Arrival::Failed(error))),
                    Err(Stop::Run(error)) => Err(error),
                };
                let is_last = event.is_err();
                if to_caller.send(event).await.is_err() || is_last {
                    return;
                }
            }
        });
        Self { events, _tasks: tasks }
    }

    /// The next photo, in the order in which they arrive; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

enum Stop {
    Photo(ItemError),
    Run(anyhow::Error),
}

impl From<S3Error> for Stop {
    fn from(error: S3Error) -> Self {
        match error {
            S3Error::Run(_) => Self::Run(error.into_error()),
            other => Self::Photo(other.into_photo()),
        }
    }
}

impl From<ItemError> for Stop {
    fn from(error: ItemError) -> Self {
        Self::Photo(error)
    }
}

#[derive(Debug)]
struct Sender {
    plan: Plan,
    /// This S3 has no conditional writes, or they are not wanted.
    unconditional: AtomicBool,
}

impl Sender {
    async fn bring(&self, index: usize) -> Result<Arrival, Stop> {
        let photo = &self.plan.photos[index];
        let held = self.plan.held.get(index).and_then(Option::as_ref).filter(|_| !self.plan.force);
        let path = photo.name.clone();
        let stamp = blocking(move || Stamp::of(&path)).await?;
        let held = held.filter(|held| held.size == stamp.size);
        if let Some(held) = held
            && let Some(etag) = self.as_noted(photo, held, stamp).await?
        {
            return Ok(Arrival::Held { etag });
        }
        let (path, with_md5) = (photo.name.clone(), held.is_some());
        let content = blocking(move || Content::read(&path, with_md5)).await?;
        if let Some(held) = held
            && let Some(etag) = self.if_same(photo, held.etag.as_deref(), &content).await?
        {
            self.note(photo, stamp, &content, &etag, None)?;
            return Ok(Arrival::Held { etag });
        }
        if self.plan.only_look {
            return Ok(Arrival::Missing { size: content.size });
        }
        let start = Instant::now();
        // What comes back depends on the moment at which S3 has the photo for certain: the time of it is taken at once.
        let sent = match self.send(index, photo, &content).await {
            // What S3 says of a file that changes on its way depends on the moment.
            Err(Stop::Photo(error)) => return Err(Stop::Photo(self.or_changed(photo, stamp, error).await)),
            sent => sent?,
        };
        let arrival = match sent {
            Sent::Now(etag) => {
                let at = Instant::now();
                Arrival::Uploaded { etag, at, took: at - start, size: content.size }
            }
            Sent::Before(etag) => Arrival::Held { etag },
        };
        match &arrival {
            Arrival::Uploaded { etag, .. } => self.note(photo, stamp, &content, etag, Some(epoch_ms()))?,
            Arrival::Held { etag } => self.note(photo, stamp, &content, etag, None)?,
            _ => {}
        }
        Ok(arrival)
    }

    /// The entity tag, where the journal says that this very file is the object that S3 still holds.
    async fn as_noted(&self, photo: &Photo, held: &Held, stamp: Stamp) -> Result<Option<String>, S3Error> {
        let Some(known) = self.plan.journal.known(&photo.key).filter(|known| known.stamp == stamp) else {
            return Ok(None);
        };
        let etag = match &held.etag {
            Some(etag) => Some(etag.to_string()),
            None => self.plan.store.head(&self.plan.bucket.bucket, &photo.key).await?.map(|head| head.etag),
        };
        Ok(etag.filter(|etag| **etag == *known.etag))
    }

    /// The entity tag of the object, where it has this content. An entity tag is the content's MD5 only for objects that
    /// were sent in one piece and are not encrypted with a KMS key; a SHA-256 is there only where it was sent.
    async fn if_same(&self, photo: &Photo, listed: Option<&str>, content: &Content) -> Result<Option<String>, S3Error> {
        if listed.is_some() && listed == content.md5.as_deref() {
            return Ok(listed.map(str::to_owned));
        }
        let Some(head) = self.plan.store.head(&self.plan.bucket.bucket, &photo.key).await? else { return Ok(None) };
        let same = head.size == content.size
            && (head.sha256 == Some(STANDARD.encode(content.sha256)) || content.md5.as_deref() == Some(&head.etag));
        Ok(same.then_some(head.etag))
    }

    /// Sends a photo. Where the key was free, S3 is asked to refuse if it no longer is: an upload that a killed run left
    /// under way may arrive meanwhile, and so may the first try of a request that is tried again.
    async fn send(&self, index: usize, photo: &Photo, content: &Content) -> Result<Sent, Stop> {
        let (store, bucket) = (&self.plan.store, &self.plan.bucket.bucket);
        let was_free = self.plan.held.get(index).is_some_and(Option::is_none);
        if was_free && !self.unconditional.load(Ordering::Relaxed) {
            match store.put(bucket, &photo.key, &photo.name, content, true).await {
                Ok(etag) => return Ok(Sent::Now(etag)),
                Err(S3Error::NoConditions) => self.unconditional.store(true, Ordering::Relaxed),
                Err(S3Error::Taken) => {
                    let (path, expected) = (photo.name.clone(), content.sha256);
                    let content = blocking(move || Content::read(&path, true)).await?;
                    if content.sha256 != expected {
                        return Err(fault::changed().into());
                    }
                    if let Some(etag) = self.if_same(photo, None, &content).await? {
                        return Ok(Sent::Before(etag));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Sent::Now(store.put(bucket, &photo.key, &photo.name, content, false).await?))
    }

    /// Why a photo was not taken: because it is no longer what it was, or for the reason that was told.
    async fn or_changed(&self, photo: &Photo, stamp: Stamp, told: ItemError) -> ItemError {
        let path = photo.name.clone();
        match blocking(move || Stamp::of(&path)).await {
            Ok(now) if now == stamp => told,
            Ok(_) => fault::changed(),
            Err(unreadable) => unreadable,
        }
    }

    fn note(&self, photo: &Photo, stamp: Stamp, content: &Content, etag: &str, at: Option<u64>) -> Result<(), Stop> {
        let note = Note {
            key: photo.key.to_string(),
            photo: photo.name.to_str().and_then(|path| std::path::absolute(path).ok()),
            size: stamp.size,
            modified: stamp.modified,
            sha256: hex(&content.sha256),
            etag: etag.to_owned(),
            uploaded: at,
        };
        self.plan.journal.note(&note).map_err(Stop::Run)
    }
}

/// How a photo came to be in the bucket.
enum Sent {
    /// By this request.
    Now(String),
    /// By another before it, with the same content.
    Before(String),
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ItemError> + Send + 'static,
) -> Result<T, ItemError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(item_error("internal", format!("Cannot read the file: {error}."))))
}

fn epoch_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
