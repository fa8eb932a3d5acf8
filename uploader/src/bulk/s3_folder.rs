//! A folder of S3 as tables are read from and written to: by threads that wait.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::ops::Range;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tables::Stored;
use tokio::runtime::Handle;
use wire::S3Uri;

use super::s3_error::S3Error;
use super::store::Store;
use super::stored::Page;

/// Smaller objects are read at once, and again where they break off.
const AT_ONCE: u64 = 4 << 20;
const TRIES: u32 = 4;
/// Objects in a page of a listing.
const PAGE: i32 = 1000;

/// A folder of S3.
#[derive(Debug, Clone)]
pub(crate) struct S3Folder {
    store: Store,
    at: S3Uri,
    handle: Handle,
}

impl S3Folder {
    /// The folder at `at`, for threads that are none of the runtime's.
    pub(crate) fn new(store: Store, at: S3Uri) -> Self {
        Self { store, at, handle: Handle::current() }
    }

    fn get(&self, key: &str) -> Result<Option<ByteStream>> {
        self.handle.block_on(self.store.get(&self.at.bucket, key)).map_err(S3Error::into_error)
    }
}

impl tables::Store for S3Folder {
    fn list(&self, each: &mut dyn FnMut(tables::Object) -> Result<()>) -> Result<()> {
        let (folder, mut after) = (self.at.folder(), String::new());
        loop {
            let page = self.handle.block_on(self.store.page(&self.at.bucket, &folder, &after, PAGE));
            let Page { objects, more } = page.map_err(S3Error::into_error)?;
            let Some(last) = objects.last() else { return Ok(()) };
            after.clone_from(&last.key);
            for object in objects {
                let Some(name) = object.key.strip_prefix(&folder) else { continue };
                each(tables::Object {
                    name: name.to_owned(),
                    version: object.etag.unwrap_or_default(),
                    size: object.size.unwrap_or(0),
                    stored: SystemTime::UNIX_EPOCH
                        + Duration::try_from_secs_f64(object.modified.unwrap_or(0.0).min(1e11)).unwrap_or_default(),
                })?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn read(&self, object: &tables::Object) -> Result<Option<Box<dyn Read + Send>>> {
        let key = self.at.join(&object.name);
        let mut attempt = 1;
        loop {
            let Some(body) = self.get(&key)? else { return Ok(None) };
            if object.size > AT_ONCE {
                return Ok(Some(Box::new(Body { handle: self.handle.clone(), body, held: VecDeque::new() })));
            }
            match self.handle.block_on(body.collect()) {
                Ok(bytes) => return Ok(Some(Box::new(Cursor::new(bytes.into_bytes())))),
                Err(_) if attempt < TRIES => attempt += 1,
                Err(error) => return Err(error).with_context(|| format!("s3://{}/{key} was cut off", self.at.bucket)),
            }
        }
    }

    fn read_range(&self, object: &tables::Object, range: Range<u64>) -> Result<Bytes> {
        let key = self.at.join(&object.name);
        let mut attempt = 1;
        loop {
            let read = self.store.range(&self.at.bucket, &key, &object.version, range.clone());
            match self.handle.block_on(read) {
                Ok(bytes) => return Ok(bytes.unwrap_or_default()),
                Err(S3Error::Photo(_)) if attempt < TRIES => attempt += 1,
                Err(error) => return Err(error.into_error()),
            }
        }
    }

    fn replace(&self, name: &str, version: Option<&str>, file: &File) -> Result<Stored> {
        let key = self.at.join(name);
        match self.handle.block_on(self.store.replace(&self.at.bucket, &key, version, file)) {
            Ok(()) => Ok(Stored::Done),
            Err(S3Error::Taken) => Ok(Stored::Conflict),
            Err(S3Error::NoConditions) => anyhow::bail!(
                "s3://{}/{key}: this S3 has no conditional writes (If-Match), without which two runs could undo each \
                 other; write tables to a folder, or to another S3",
                self.at.bucket
            ),
            Err(error) => Err(error.into_error()),
        }
    }

    fn place(&self) -> String {
        self.at.to_string()
    }
}

/// A large object as it comes.
struct Body {
    handle: Handle,
    body: ByteStream,
    held: VecDeque<u8>,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.held.is_empty() {
            match self.handle.block_on(self.body.next()) {
                None => return Ok(0),
                Some(chunk) => self.held.extend(chunk.map_err(io::Error::other)?),
            }
        }
        self.held.read(into)
    }
}
