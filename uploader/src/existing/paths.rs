//! `s3://bucket/prefix` among the paths of a command line: an object, or the photos below a prefix.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use tempfile::TempDir;
use wire::{ItemError, S3Uri};

use super::listing::{Bucket, ListingEvent, list};
use super::object_filter::is_named_like_a_photo;
use crate::bulk::stored::digest;
use crate::bulk::{S3Error, Store, place};
use crate::photo::{Fetching, Found, Listing, Object, Objects, Source, Unfetched, item_error};

/// Requests that list, at once.
const AT_ONCE: usize = 16;

/// Puts objects where a listing has places of S3. What is wrong with a place is its error; where there is nothing else, it
/// is a mistake of the command line.
///
/// With `twice`, objects that are fetched are kept on this machine until the end: they will be read again.
pub(crate) async fn resolve(listing: &mut Listing, store: Store, twice: bool) -> Result<()> {
    let from: Arc<dyn Objects> = match twice {
        true => Arc::new(Kept { folder: tempfile::tempdir()?, store: store.clone() }),
        false => Arc::new(store.clone()),
    };
    let mut mistake = None;
    let mut found = Vec::with_capacity(listing.found.len());
    for entry in std::mem::take(&mut listing.found) {
        let Source::Place(uri) = &entry.source else {
            found.push(entry);
            continue;
        };
        let looked = Box::pin(look(&store, uri)).await;
        match looked {
            Ok((objects, others)) => {
                listing.skipped.add_named_otherwise(others);
                let folder = PathBuf::from(uri.folder());
                found.extend(objects.into_iter().map(|key| object(uri, key, &folder, &from)));
            }
            Err(error) => {
                mistake.get_or_insert_with(|| format!("{}: {}", entry.path.display(), error.message));
                found.push(Found::fault(entry.path, error, true));
            }
        }
    }
    listing.found = found;
    match mistake {
        Some(mistake) if listing.found.iter().all(|found| matches!(found.source, Source::Fault { .. })) => {
            bail!("{}", mistake.trim_end_matches('.'))
        }
        _ => Ok(()),
    }
}

fn object(uri: &S3Uri, key: String, folder: &Path, from: &Arc<dyn Objects>) -> Found {
    let path = place(&uri.bucket, &key);
    let inside = Path::new(&key).strip_prefix(folder).ok().filter(|inside| !inside.as_os_str().is_empty());
    let name =
        inside.map_or_else(|| Path::new(&key).file_name().map_or_else(|| path.clone(), PathBuf::from), Path::to_owned);
    let source = Source::Object(Object { bucket: uri.bucket.clone(), key, from: Arc::clone(from) });
    Found { path, place: name.clone(), name, source }
}

/// The keys of a place, sorted, and how many others lie there.
async fn look(store: &Store, uri: &S3Uri) -> Result<(Vec<String>, u64), ItemError> {
    let is_object = !uri.prefix.is_empty() && !uri.prefix.ends_with('/');
    if is_object && store.head(&uri.bucket, &uri.prefix).await.map_err(to_error)?.is_some() {
        return Ok((vec![uri.prefix.clone()], 0));
    }
    let folder = uri.folder();
    let mut listed = list(Bucket::new(store.clone(), uri), &folder, AT_ONCE);
    let (mut keys, mut others) = (Vec::new(), 0);
    while let Some(news) = listed.recv().await {
        match news {
            ListingEvent::Objects(objects) => {
                for object in objects.into_iter().filter(|object| !object.key.ends_with('/')) {
                    if is_named_like_a_photo(&object.key) {
                        keys.push(object.key);
                    } else {
                        others += 1;
                    }
                }
            }
            ListingEvent::Failed(error) => return Err(item_error("s3", format!("{error:#}"))),
            ListingEvent::OldVersion
            | ListingEvent::DeleteMarker
            | ListingEvent::Unreadable(_)
            | ListingEvent::Requests(_) => {}
        }
    }
    if keys.is_empty() {
        let (what, there) = match others {
            0 if is_object => ("No such object, and no", String::new()),
            0 => ("No", String::new()),
            others => ("No", format!(", only {others} objects that are not named like photos")),
        };
        return Err(item_error("not_found", format!("{what} photos in s3://{}/{folder}{there}.", uri.bucket)));
    }
    keys.sort_unstable();
    Ok((keys, others))
}

fn to_error(error: S3Error) -> ItemError {
    error.into_photo()
}

impl Objects for Store {
    fn fetch<'a>(&'a self, bucket: &'a str, key: &'a str, most: u64) -> Fetching<'a> {
        Box::pin(async move {
            let failed = |error: S3Error| Unfetched::Failed(error.into_photo());
            let mut body = self.get(bucket, key).await.map_err(failed)?.ok_or_else(|| failed(S3Error::NotThere))?;
            if let Some(size) = body.size_hint().1.filter(|size| *size > most) {
                return Err(Unfetched::TooLarge(size));
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| {
                    Unfetched::Failed(item_error("connection", format!("The download was cut off: {error}.")))
                })?;
                bytes.extend_from_slice(&chunk);
                if bytes.len() as u64 > most {
                    return Err(Unfetched::TooLarge(bytes.len() as u64));
                }
            }
            Ok(bytes)
        })
    }
}

/// Objects that are fetched once, and then read from a folder of this machine, which goes with its owner.
#[derive(Debug)]
struct Kept {
    folder: TempDir,
    store: Store,
}

impl Objects for Kept {
    fn fetch<'a>(&'a self, bucket: &'a str, key: &'a str, most: u64) -> Fetching<'a> {
        Box::pin(async move {
            let name: String =
                digest(&[bucket.as_bytes(), key.as_bytes()]).iter().map(|byte| format!("{byte:02x}")).collect();
            let path = self.folder.path().join(name);
            if let Ok(bytes) = tokio::fs::read(&path).await {
                return if bytes.len() as u64 > most {
                    Err(Unfetched::TooLarge(bytes.len() as u64))
                } else {
                    Ok(bytes)
                };
            }
            let bytes = self.store.fetch(bucket, key, most).await?;
            let kept = async {
                let part = tempfile::NamedTempFile::new_in(self.folder.path())?;
                tokio::fs::write(part.path(), &bytes).await?;
                part.persist(&path)?;
                std::io::Result::Ok(())
            };
            // Where there is no room for it, it is fetched again.
            let _ = kept.await;
            Ok(bytes)
        })
    }
}
