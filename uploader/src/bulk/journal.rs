//! What was uploaded, noted as soon as S3 has confirmed it: a killed run continues where it stopped.
//!
//! JSON lines, only ever appended to. The first says between which places; each further one is a photo that the bucket
//! holds. The bucket has the last word: what the journal says saves reading files and asking S3 for each, and whatever
//! it lacks (the upload that S3 confirmed as the run was killed) is found in the bucket's listing.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wire::S3Uri;

use super::content::{Stamp, hex};

/// Between which places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Places {
    bucket: String,
    results: String,
}

/// One photo in the bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) key: String,
    /// Its path, where it can be written as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) photo: Option<PathBuf>,
    pub(crate) size: u64,
    /// The file's time of modification, in nanoseconds since 1970.
    pub(crate) modified: u64,
    /// Digest of its content, lower-case hex.
    pub(crate) sha256: String,
    /// The entity tag that S3 gave it.
    pub(crate) etag: String,
    /// When the upload ended, in milliseconds since 1970 by this machine's clock; absent where the bucket already
    /// held the photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uploaded: Option<u64>,
}

/// What is kept of a note in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) stamp: Stamp,
    pub(crate) etag: Box<str>,
}

/// The journal of a run under way.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    known: HashMap<Box<str>, Known>,
    /// `None` for one that is only read.
    file: Option<Mutex<File>>,
}

impl Journal {
    /// Opens a journal to go on with, or begins one.
    pub(crate) fn open(path: &Path, bucket: &S3Uri, results: &S3Uri) -> Result<Self> {
        let at = || format!("journal {}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(at)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).with_context(at)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another run; wait for it, or use another --journal file", at())
            }
            // A file system without locks is no reason not to upload.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let (begun, known) = Self::read_known(path, bucket)?;
        let end = file.seek(SeekFrom::End(0)).with_context(at)?;
        if end > 0 && !ends_with_newline(path).with_context(at)? {
            // The last line is torn: what follows must not become part of it.
            file.write_all(b"\n").with_context(at)?;
        }
        // Missing, too, where a full disk has torn it: without it nobody could collect by this journal.
        if !begun {
            let places = Places { bucket: place(bucket), results: place(results) };
            writeln!(file, "{}", serde_json::to_string(&places)?).with_context(at)?;
        }
        Ok(Self { path: path.to_owned(), known, file: Some(Mutex::new(file)) })
    }

    /// What a journal says, which may not exist; nothing will be noted.
    pub(crate) fn look(path: &Path, bucket: &S3Uri) -> Result<Self> {
        let known = if path.exists() { Self::read_known(path, bucket)?.1 } else { HashMap::new() };
        Ok(Self { path: path.to_owned(), known, file: None })
    }

    /// What is known of the photo with this key.
    pub(crate) fn known(&self, key: &str) -> Option<&Known> {
        self.known.get(key)
    }

    /// Notes a photo that the bucket holds.
    pub(crate) fn note(&self, note: &Note) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut line = serde_json::to_vec(note)?;
        line.push(b'\n');
        // One write, so that a kill tears at most this line.
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).with_context(|| format!("journal {}", self.path.display()))
    }

    /// Whether the journal says between which places, and what it knows.
    fn read_known(path: &Path, bucket: &S3Uri) -> Result<(bool, HashMap<Box<str>, Known>)> {
        let mut known = HashMap::new();
        let places = read(path, |note| {
            let stamp = Stamp { size: note.size, modified: note.modified };
            known.insert(note.key.into(), Known { stamp, etag: note.etag.into() });
        })?;
        match places {
            Some(places) if places.bucket != place(bucket) => {
                bail!("{}: the journal of uploads to {}; use another --journal file", path.display(), places.bucket)
            }
            places => Ok((places.is_some(), known)),
        }
    }
}

/// All photos of a journal, the last note of each, and the bucket they are in.
pub(crate) fn photos(path: &Path) -> Result<(S3Uri, Vec<Note>)> {
    let mut notes: Vec<Note> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    let places = read(path, |note| match index.get(&note.key) {
        // A note of a photo that was found in the bucket does not know when it got there.
        Some(&at) => {
            let uploaded = note.uploaded.or(notes[at].uploaded.filter(|_| notes[at].etag == note.etag));
            notes[at] = Note { uploaded, ..note };
        }
        None => {
            index.insert(note.key.clone(), notes.len());
            notes.push(note);
        }
    })?;
    let places = places.with_context(|| format!("{} is not a journal of uploader bulk", path.display()))?;
    let bucket = places.bucket.parse().map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))?;
    Ok((bucket, notes))
}

/// The journal of these paths and places where none is named.
pub(crate) fn default_path(paths: &[PathBuf], bucket: &S3Uri, endpoint: Option<&str>) -> Result<PathBuf> {
    let mut digest = Sha256::new();
    for path in paths {
        digest.update(std::path::absolute(path).unwrap_or_else(|_| path.clone()).as_os_str().as_encoded_bytes());
        digest.update([0]);
    }
    digest.update(place(bucket));
    digest.update(endpoint.unwrap_or_default());
    path_of(bucket, digest)
}

/// The same for the photos that are in a bucket already.
pub(crate) fn path_of_existing(
    photos: &S3Uri,
    queue: &str,
    results: &S3Uri,
    endpoint: Option<&str>,
) -> Result<PathBuf> {
    let parts = ["existing", &place(photos), queue, &place(results), endpoint.unwrap_or_default()];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part).chain_update([0]));
    path_of(photos, digest)
}

fn path_of(bucket: &S3Uri, digest: Sha256) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_STATE_HOME")
        .or_else(|| Some(variable("HOME")?.join(".local/state")))
        .context("no default journal: set XDG_STATE_HOME or HOME, or use --journal FILE")?;
    let name: String = format!("{}-{}", bucket.bucket, bucket.prefix.trim_end_matches('/'))
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' })
        .take(100)
        .collect();
    let name = format!("{}-{}.jsonl", name.trim_end_matches('-'), &hex(&digest.finalize())[..12]);
    Ok(folder.join("spotter/bulk").join(name))
}

/// A place by one name, with or without a slash at its end.
pub(crate) fn place(uri: &S3Uri) -> String {
    format!("s3://{}/{}", uri.bucket, uri.folder())
}

/// Hands every note to `each`; tells the places. Lines that are torn or strange are passed over: what they said is found
/// in the bucket.
fn read(path: &Path, mut each: impl FnMut(Note)) -> Result<Option<Places>> {
    let file = File::open(path).with_context(|| format!("journal {}", path.display()))?;
    let mut lines = BufReader::new(file);
    let (mut places, mut line) = (None, Vec::new());
    loop {
        line.clear();
        let count = lines.read_until(b'\n', &mut line).with_context(|| format!("journal {}", path.display()))?;
        if count == 0 {
            return Ok(places);
        }
        if let Ok(note) = serde_json::from_slice(&line) {
            each(note);
        } else if let (Ok(found), None) = (serde_json::from_slice(&line), &places) {
            places = Some(found);
        }
    }
}

pub(crate) fn ends_with_newline(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> S3Uri {
        text.parse().unwrap()
    }

    fn note(key: &str, etag: &str, uploaded: Option<u64>) -> Note {
        Note {
            key: key.to_owned(),
            photo: Some(format!("in/{key}").into()),
            size: 7,
            modified: 1,
            sha256: "ab".to_owned(),
            etag: etag.to_owned(),
            uploaded,
        }
    }

    #[test]
    fn notes_survive_and_a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/run.jsonl");
        let (bucket, results) = (uri("s3://in/photos"), uri("s3://out/r"));
        let journal = Journal::open(&path, &bucket, &results).unwrap();
        journal.note(&note("a.jpg", "e1", Some(5))).unwrap();
        journal.note(&note("b.jpg", "e2", Some(6))).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();

        let journal = Journal::open(&path, &bucket, &results).unwrap();
        assert_eq!(&*journal.known("a.jpg").unwrap().etag, "e1");
        assert!(journal.known("b.jpg").is_none());
        journal.note(&note("a.jpg", "e1", None)).unwrap();
        journal.note(&note("c.jpg", "e3", None)).unwrap();
        drop(journal);
        let (from, notes) = photos(&path).unwrap();
        let found: Vec<_> = notes.iter().map(|note| (note.key.as_str(), note.uploaded)).collect();
        assert_eq!((place(&from), found), (place(&bucket), vec![("a.jpg", Some(5)), ("c.jpg", None)]));
    }

    #[test]
    fn a_journal_is_one_runs_and_one_buckets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let first = Journal::open(&path, &uri("s3://in/photos"), &uri("s3://out")).unwrap();
        let error = Journal::open(&path, &uri("s3://in/photos"), &uri("s3://out")).unwrap_err();
        assert!(error.to_string().contains("another run"), "{error}");
        drop(first);
        let error = Journal::open(&path, &uri("s3://other"), &uri("s3://out")).unwrap_err();
        assert!(error.to_string().contains("s3://in/photos"), "{error}");
        std::fs::write(&path, "{\"hello\": 1}\n").unwrap();
        assert!(photos(&path).unwrap_err().to_string().contains("not a journal"));
    }

    #[test]
    fn a_journal_whose_first_line_is_torn_is_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let (bucket, results) = (uri("s3://in/photos"), uri("s3://out"));
        drop(Journal::open(&path, &bucket, &results).unwrap());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        for _ in 0..2 {
            Journal::open(&path, &bucket, &results).unwrap().note(&note("a.jpg", "e1", Some(5))).unwrap();
        }
        let (from, notes) = photos(&path).unwrap();
        assert_eq!((place(&from), notes.len()), (place(&bucket), 1));
        assert_eq!(std::fs::read_to_string(&path).unwrap().matches("bucket").count(), 1 + 1, "once torn, once whole");
    }
}
