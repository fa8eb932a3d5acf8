//! Photos that are objects of S3. How they are fetched is somebody else's business.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use wire::ItemError;

/// Why an object's bytes are not there.
#[derive(Debug)]
pub(crate) enum Unfetched {
    /// It has more bytes than were wanted: as many, or at least so many.
    TooLarge(u64),
    /// Anything else.
    Failed(ItemError),
}

/// A body under way.
pub(crate) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, Unfetched>> + Send + 'a>>;

/// Where objects come from.
pub(crate) trait Objects: Debug + Send + Sync {
    /// An object's bytes, if they are no more than `most`.
    fn fetch<'a>(&'a self, bucket: &'a str, key: &'a str, most: u64) -> Fetching<'a>;
}

/// An object, and where it comes from.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) from: Arc<dyn Objects>,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.bucket, &self.key) == (&other.bucket, &other.key)
    }
}

impl Eq for Object {}

impl Object {
    /// Its bytes, if they are no more than `most`.
    pub(crate) async fn fetch(&self, most: u64) -> Result<Vec<u8>, Unfetched> {
        self.from.fetch(&self.bucket, &self.key, most).await
    }
}
