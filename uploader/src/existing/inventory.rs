//! S3 Inventory: a list of a bucket's objects that S3 writes every day or week, for buckets too large to be listed. A
//! manifest names its data files; each is brought here, checked, and read row by row.

pub(crate) mod csv;
pub(crate) mod manifest;
mod parquet;
pub(crate) mod row;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use md5::{Digest, Md5};
use tokio::sync::mpsc;
use wire::S3Uri;

use self::manifest::{DataFile, Format, Manifest};
use self::row::Row;
use super::listing::ListingEvent;
use crate::bulk::{S3Error, Store, Stored};

/// A manifest is a few kilobytes; one with a thousand files is smaller than this.
const LARGEST_MANIFEST: usize = 16 << 20;
/// Rows handed on at once.
const ROWS: usize = 1000;

/// An inventory whose manifest was read.
#[derive(Debug)]
pub(crate) struct Inventory {
    store: Store,
    manifest: Manifest,
    /// The manifest's file, where it is on this machine.
    local: Option<PathBuf>,
}

impl Inventory {
    /// Reads a manifest: `s3://bucket/…/manifest.json`, or a file.
    pub(crate) async fn open(store: Store, manifest: &str, photos: &S3Uri) -> Result<Self> {
        let at = || format!("--inventory {manifest}");
        let (text, local) = if manifest.starts_with("s3://") {
            let uri: S3Uri = manifest.parse().map_err(anyhow::Error::msg).with_context(at)?;
            (fetch(&store, &uri.bucket, &uri.prefix).await.with_context(at)?, None)
        } else {
            let path = PathBuf::from(manifest);
            let size = std::fs::metadata(&path).with_context(at)?.len();
            if size > LARGEST_MANIFEST as u64 {
                bail!("{}: too large for a manifest.json; give the manifest, not a data file", at());
            }
            (std::fs::read(&path).with_context(at)?, Some(path))
        };
        let manifest = Manifest::parse(&text).with_context(at)?;
        if manifest.bucket != photos.bucket {
            bail!("{}: the inventory of bucket {:?}, but --existing is {photos}", at(), manifest.bucket);
        }
        Ok(Self { store, manifest, local })
    }

    /// Whether objects come with their sizes, and whether with their times.
    pub(crate) fn tells(&self) -> (bool, bool) {
        self.manifest.tells()
    }

    /// When the inventory was made, in words; empty where it does not say.
    pub(crate) fn made(&self) -> &str {
        &self.manifest.made
    }

    /// Reads all of it, one data file after the other.
    pub(crate) fn read(self) -> mpsc::Receiver<ListingEvent> {
        let (to_caller, listed) = mpsc::channel(16);
        tokio::spawn(async move {
            if let Err(error) = self.read_all(&to_caller).await {
                // Nobody listens after the end.
                let _ = to_caller.send(ListingEvent::Failed(error)).await;
            }
        });
        listed
    }

    async fn read_all(self, to_caller: &mpsc::Sender<ListingEvent>) -> Result<()> {
        for data in &self.manifest.files {
            let name = || format!("--inventory: data file {}", data.key);
            let (file, _temporary) = match &self.local {
                Some(manifest) => (File::open(manifest::beside(manifest, &data.key)?).with_context(name)?, None),
                None => {
                    let temporary = self.bring(data).await.with_context(name)?;
                    (temporary.reopen().with_context(name)?, Some(temporary))
                }
            };
            let (to_caller, data, columns) = (to_caller.clone(), data.clone(), self.manifest.columns.clone());
            let (format, bucket) = (self.manifest.format, self.manifest.bucket.clone());
            let name = name();
            let reading = tokio::task::spawn_blocking(move || {
                check(&file, &data)?;
                let mut rows = Rows { bucket, to_caller, objects: Vec::with_capacity(ROWS), listening: true };
                match format {
                    Format::Csv => csv::read(&file, &columns, &mut |row| rows.take(row))?,
                    Format::Parquet => parquet::read(file, &mut |row| rows.take(row))?,
                }
                rows.flush();
                anyhow::Ok(rows.listening)
            });
            // The reader of Parquet may panic over a file that is broken on purpose.
            let listening = reading.await.map_err(|_| anyhow::anyhow!("the file is broken"));
            if !listening.and_then(|read| read).context(name)? {
                return Ok(());
            }
        }
        let requests = if self.local.is_some() { 0 } else { self.manifest.files.len() as u64 + 1 };
        // Nobody listens after the end.
        let _ = to_caller.send(ListingEvent::Requests(requests)).await;
        Ok(())
    }

    /// A data file, in a temporary one: Parquet is read from its end.
    async fn bring(&self, data: &DataFile) -> Result<tempfile::NamedTempFile> {
        use std::io::Write;
        let bucket = &self.manifest.destination;
        let mut body = self.store.get(bucket, &data.key).await.map_err(S3Error::into_error)?.with_context(|| {
            format!("s3://{bucket}/{} does not exist (anymore); inventories may be set to expire", data.key)
        })?;
        let mut file = tempfile::NamedTempFile::new()?;
        while let Some(chunk) = body.next().await {
            file.write_all(&chunk?)?;
        }
        file.flush()?;
        Ok(file)
    }
}

async fn fetch(store: &Store, bucket: &str, key: &str) -> Result<Vec<u8>> {
    let body = store.get(bucket, key).await.map_err(S3Error::into_error)?;
    let mut body = body.with_context(|| format!("s3://{bucket}/{key} does not exist"))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() > LARGEST_MANIFEST {
            bail!("too large for a manifest.json; give the manifest, not a data file");
        }
    }
    Ok(bytes)
}

/// Whether a data file is the one that the manifest means.
fn check(mut file: &File, data: &DataFile) -> Result<()> {
    use std::io::{Seek, SeekFrom};
    let Some(expected) = &data.md5 else { return Ok(()) };
    let mut digest = Md5::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
    }
    file.seek(SeekFrom::Start(0))?;
    let found: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if !found.eq_ignore_ascii_case(expected) {
        bail!("the MD5 is {found}, not {expected} as in the manifest: the file is incomplete or another one");
    }
    Ok(())
}

/// Rows on their way out.
struct Rows {
    bucket: String,
    to_caller: mpsc::Sender<ListingEvent>,
    objects: Vec<Stored>,
    listening: bool,
}

impl Rows {
    /// Takes a row, or why it is none. Tells whether to go on.
    fn take(&mut self, row: Result<Row, String>) -> bool {
        match row {
            Ok(row) if row.bucket.as_ref().is_some_and(|bucket| *bucket != self.bucket) => self.send(
                ListingEvent::Unreadable(format!("a row of another bucket, {:?}", row.bucket.unwrap_or_default())),
            ),
            Ok(Row { is_delete_marker: true, .. }) => self.send(ListingEvent::DeleteMarker),
            Ok(Row { is_latest: false, .. }) => self.send(ListingEvent::OldVersion),
            Ok(row) => {
                self.objects.push(row.object);
                if self.objects.len() >= ROWS {
                    self.flush();
                }
            }
            Err(reason) => self.send(ListingEvent::Unreadable(reason)),
        }
        self.listening
    }

    fn flush(&mut self) {
        let objects = std::mem::take(&mut self.objects);
        if !objects.is_empty() {
            self.send(ListingEvent::Objects(objects));
        }
    }

    fn send(&mut self, news: ListingEvent) {
        self.listening = self.listening && self.to_caller.blocking_send(news).is_ok();
    }
}
