//! Photos out of S3, ahead of those who look at them.

use bytes::Bytes;
use detector::PhotoError;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wire::{ItemError, Problem, Source};

use crate::budget::{Budget, Held};
use crate::event::PhotoRef;
use crate::store::Store;
use crate::store::failure::Failure;

/// Requests at once. The bytes they bring are what is bounded; this keeps sockets below what a function may open.
const MOST_REQUESTS: usize = 64;
/// What is set aside for a photo whose size no event told, until S3 does.
const GUESS: u64 = 256 << 10;

/// A photo's bytes, and the memory they are entitled to.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) source: Source,
    pub(crate) bytes: Vec<u8>,
    pub(crate) held: Held,
}

/// A photo without bytes, as far as it is known.
#[derive(Debug)]
pub(crate) struct FetchError {
    pub(crate) source: Source,
    pub(crate) failure: Failure,
}

/// Fetches photos, as many at once as there is memory for.
#[derive(Debug)]
pub(crate) struct Fetcher {
    store: Store,
    requests: Semaphore,
    budget: Budget,
    max_bytes: u64,
}

impl Fetcher {
    /// `run_ahead` bytes may be in memory or on their way, and at least one photo of `max_bytes`.
    pub(crate) fn new(store: Store, max_bytes: usize, run_ahead: u64) -> Self {
        let max_bytes = max_bytes as u64;
        let budget = Budget::new(run_ahead.max(max_bytes));
        Self { store, requests: Semaphore::new(MOST_REQUESTS), budget, max_bytes }
    }

    /// A photo's bytes.
    pub(crate) async fn fetch(&self, photo: &PhotoRef) -> Result<Fetched, FetchError> {
        let _request = self.requests.acquire().await;
        let retry_policy = *self.store.retry_policy();
        let (mut pause, mut tries) = (retry_policy.pause, 1);
        let mut key = &photo.key;
        loop {
            let mut source = Source {
                bucket: photo.bucket.clone(),
                key: key.clone(),
                version_id: photo.version_id.clone(),
                etag: None,
                size: None,
            };
            let failure = match self.once(&mut source, photo.size.unwrap_or(GUESS)).await {
                Ok((bytes, held)) => return Ok(Fetched { source, bytes, held }),
                Err(failure) => failure,
            };
            match (failure, &photo.other_key) {
                (failure, Some(other)) if failure.is_not_found() && key != other => key = other,
                (Failure::Broken(_), _) if tries < retry_policy.tries => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    tries += 1;
                }
                (failure, _) => {
                    // Neither reading of the key is there: the first is what the event says.
                    if failure.is_not_found() {
                        source.key.clone_from(&photo.key);
                    }
                    return Err(FetchError { source, failure });
                }
            }
        }
    }

    async fn once(&self, source: &mut Source, guess: u64) -> Result<(Vec<u8>, Held), Failure> {
        let held = self.budget.hold(guess.min(self.max_bytes)).await;
        let mut object = self.store.open(&source.bucket, &source.key, source.version_id.as_deref()).await?;
        source.etag = object.e_tag().map(|etag| etag.trim_matches('"').to_owned());
        let size = object.content_length().and_then(|length| u64::try_from(length).ok());
        source.size = size;
        if let Some(bytes) = size.filter(|size| *size > self.max_bytes) {
            return Err(self.too_large(bytes));
        }
        // Until the bytes are ours nothing of the body is read, so S3 is held back by the connection's window.
        let held = self.budget.exchange(held, size.unwrap_or(self.max_bytes)).await;
        let mut bytes = Vec::with_capacity(size.unwrap_or(GUESS) as usize);
        while let Some(chunk) = self.chunk(object.body.next()).await? {
            if (bytes.len() + chunk.len()) as u64 > self.max_bytes {
                return Err(self.too_large((bytes.len() + chunk.len()) as u64));
            }
            bytes.extend_from_slice(&chunk);
        }
        if size.is_some_and(|size| size != bytes.len() as u64) {
            return Err(Failure::Broken(format!("the download ended early, after {} bytes", bytes.len())));
        }
        source.size = Some(bytes.len() as u64);
        Ok((bytes, held))
    }

    async fn chunk<E: std::error::Error>(
        &self,
        next: impl Future<Output = Option<Result<Bytes, E>>>,
    ) -> Result<Option<Bytes>, Failure> {
        match timeout(self.store.retry_policy().stall, next).await {
            Ok(None) => Ok(None),
            Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
            Ok(Some(Err(error))) => Err(Failure::Broken(format!("the download failed: {error}"))),
            Err(_) => Err(Failure::Broken("the download stalled".to_owned())),
        }
    }

    fn too_large(&self, bytes: u64) -> Failure {
        let (bytes, max) = (bytes as usize, self.max_bytes as usize);
        Failure::Never(ItemError::from(&Problem::from(&PhotoError::TooManyBytes { bytes, max })))
    }
}
