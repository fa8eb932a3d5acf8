//! What was put on the queue: noted before a request is sent and again when it was answered, so that a killed run goes on
//! where it stopped.
//!
//! JSON lines, only ever appended to. Nobody can ask a queue whether it holds a message. Photos of requests whose answer is
//! not noted may be on it, or not: they are sent again, since nothing may be lost.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::bulk::EarlierResults;
use crate::bulk::journal::ends_with_newline;
use crate::bulk::stored::{Digest16, Stored, digest};

/// No run comes so far: a larger number is not gone on from, so that there is always a next one.
const MOST_REQUESTS: u64 = 1 << 60;

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Places {
    /// The photos, `s3://bucket/prefix/`.
    pub(crate) existing: String,
    pub(crate) queue: String,
    pub(crate) results: String,
    /// The results that were there before anything was sent.
    #[serde(default)]
    pub(crate) before: EarlierResults,
}

/// All other lines.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Note {
    /// A request that is about to be sent: the photos of each of its messages.
    Intent { request: u64, messages: Vec<Vec<Stored>> },
    /// Messages of a request that the queue has taken, by their places in it.
    Sent { request: u64, sent: Vec<usize> },
    /// The seed of a sample.
    Sampled { seed: u64 },
}

/// The journal of a run under way.
#[derive(Debug)]
pub(crate) struct QueueJournal {
    path: PathBuf,
    /// `None` for one that is only read.
    file: Option<File>,
    pub(crate) places: Places,
    known: Known,
}

/// What a journal says.
#[derive(Debug, Default)]
struct Known {
    /// The content of each photo that the queue has taken.
    sent: HashMap<Digest16, Option<Digest16>>,
    /// Photos of requests that may have been sent.
    uncertain: HashSet<Digest16>,
    next: u64,
    seed: Option<u64>,
}

impl QueueJournal {
    /// Opens a journal to go on with. `None` where there is none to go on with, or with `anew`: then [`QueueJournal::begin`].
    pub(crate) fn resume(path: &Path, expected: &Places, anew: bool) -> Result<Option<Self>> {
        let at = || format!("journal {}", path.display());
        if !path.try_exists().with_context(at)? {
            return Ok(None);
        }
        let mut file = OpenOptions::new().read(true).append(true).open(path).with_context(at)?;
        lock(&file, path)?;
        let end = file.seek(SeekFrom::End(0)).with_context(at)?;
        if end == 0 {
            return Ok(None);
        }
        let Some((places, known)) = read(path)? else {
            bail!("{} is not a journal of uploader bulk --existing; use another --journal file", path.display());
        };
        check(path, &places, expected)?;
        if anew {
            return Ok(None);
        }
        if !ends_with_newline(path).with_context(at)? {
            // The last line is torn: what follows must not become part of it.
            file.write_all(b"\n").with_context(at)?;
        }
        Ok(Some(Self { path: path.to_owned(), file: Some(file), places, known }))
    }

    /// Begins a journal. What is there already is given up.
    pub(crate) fn begin(path: &Path, places: Places) -> Result<Self> {
        let at = || format!("journal {}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(at)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path).with_context(at)?;
        lock(&file, path)?;
        file.set_len(0).with_context(at)?;
        let mut journal = Self { path: path.to_owned(), file: Some(file), places, known: Known::default() };
        let line = serde_json::to_vec(&journal.places)?;
        journal.write(line)?;
        Ok(journal)
    }

    /// A journal that says nothing, and in which nothing is noted.
    pub(crate) fn none(places: Places) -> Self {
        Self { path: PathBuf::new(), file: None, places, known: Known::default() }
    }

    /// What a journal says, which may not exist; nothing will be noted.
    pub(crate) fn look(path: &Path, places: Places) -> Result<Self> {
        let found = if path.exists() { read(path)? } else { None };
        if let Some((found, _)) = &found {
            check(path, found, &places)?;
        }
        let known = found.map_or_else(Known::default, |(_, known)| known);
        Ok(Self { known, ..Self::none(places) })
    }

    /// Whether the queue has taken this photo, with this content.
    pub(crate) fn has_sent(&self, photo: &Stored) -> bool {
        let content = content(photo);
        self.known.sent.get(&identity(photo)).is_some_and(|sent| match (sent, content) {
            (Some(sent), Some(content)) => *sent == content,
            // Inventories may not tell it.
            _ => true,
        })
    }

    /// Whether the photo may be on the queue already.
    pub(crate) fn is_uncertain(&self, photo: &Stored) -> bool {
        self.known.uncertain.contains(&identity(photo))
    }

    /// How many photos may be on the queue already.
    pub(crate) fn uncertain(&self) -> usize {
        self.known.uncertain.len()
    }

    /// The seed of the last sample.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.known.seed
    }

    /// Notes the seed of a sample.
    pub(crate) fn sampled(&mut self, seed: u64) -> Result<()> {
        self.known.seed = Some(seed);
        self.note(&Note::Sampled { seed })
    }

    /// Notes a request that is about to be sent. Gives its number.
    pub(crate) fn intends(&mut self, messages: &[Message]) -> Result<u64> {
        let request = self.known.next;
        self.known.next += 1;
        let messages = messages.iter().map(|message| message.photos.clone()).collect();
        self.note(&Note::Intent { request, messages })?;
        Ok(request)
    }

    /// Notes that the queue has taken messages of a request.
    pub(crate) fn sent(&mut self, request: u64, sent: Vec<usize>) -> Result<()> {
        self.note(&Note::Sent { request, sent })
    }

    fn note(&mut self, note: &Note) -> Result<()> {
        let line = serde_json::to_vec(note)?;
        self.write(line)
    }

    /// One write, so that a kill tears at most this line.
    fn write(&mut self, mut line: Vec<u8>) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        line.push(b'\n');
        file.write_all(&line).with_context(|| format!("journal {}", self.path.display()))
    }
}

/// A journal of this kind as `collect` reads it: the places, the photos that are or may be on the queue, and how many of them
/// only may be. `None` for a journal of another kind.
pub(crate) fn photos(path: &Path) -> Result<Option<(Places, Vec<Stored>, usize)>> {
    let mut photos: Vec<Stored> = Vec::new();
    let mut index: HashMap<Digest16, usize> = HashMap::new();
    let places = each_line(path, |note| {
        if let Note::Intent { messages, .. } = note {
            for photo in messages.into_iter().flatten() {
                match index.get(&identity(&photo)) {
                    Some(&at) => photos[at] = photo,
                    None => {
                        index.insert(identity(&photo), photos.len());
                        photos.push(photo);
                    }
                }
            }
        }
    })?;
    let Some(places) = places else { return Ok(None) };
    let uncertain = read(path)?.map_or(0, |(_, known)| known.uncertain.len());
    Ok(Some((places, photos, uncertain)))
}

fn read(path: &Path) -> Result<Option<(Places, Known)>> {
    let mut known = Known::default();
    let mut open: HashMap<u64, Vec<Vec<Stored>>> = HashMap::new();
    let places = each_line(path, |note| match note {
        Note::Intent { request, messages } => {
            if request < MOST_REQUESTS {
                known.next = known.next.max(request + 1);
            }
            open.insert(request, messages);
        }
        Note::Sent { request, sent } => {
            let Some(messages) = open.get_mut(&request) else { return };
            for message in sent {
                for photo in messages.get_mut(message).map(std::mem::take).unwrap_or_default() {
                    known.sent.insert(identity(&photo), content(&photo));
                }
            }
            if messages.iter().all(Vec::is_empty) {
                open.remove(&request);
            }
        }
        Note::Sampled { seed } => known.seed = Some(seed),
    })?;
    // What was not answered and was sent again later is certain.
    let open = open.into_values().flatten().flatten();
    known.uncertain = open.map(|photo| identity(&photo)).filter(|photo| !known.sent.contains_key(photo)).collect();
    Ok(places.map(|places| (places, known)))
}

/// Hands every note to `each`; tells the places. A line that a kill has torn is passed over: what it was about to say had
/// not been done, or counts as uncertain.
fn each_line(path: &Path, mut each: impl FnMut(Note)) -> Result<Option<Places>> {
    let at = || format!("journal {}", path.display());
    let mut lines = BufReader::new(File::open(path).with_context(at)?);
    let (mut places, mut line) = (None, Vec::new());
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).with_context(at)? == 0 {
            return Ok(places);
        }
        if places.is_none() {
            let Ok(found) = serde_json::from_slice(&line) else { return Ok(None) };
            places = Some(found);
        } else if let Ok(note) = serde_json::from_slice(&line) {
            each(note);
        }
    }
}

fn check(path: &Path, found: &Places, expected: &Places) -> Result<()> {
    let same =
        (&found.existing, &found.queue, &found.results) == (&expected.existing, &expected.queue, &expected.results);
    if !same {
        bail!(
            "{}: the journal of {} to queue {} with results in {}; use another --journal file",
            path.display(),
            found.existing,
            found.queue,
            found.results
        );
    }
    Ok(())
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            bail!("journal {} is in use by another run; wait for it, or use another --journal file", path.display())
        }
        // A file system without locks is no reason not to send.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn identity(photo: &Stored) -> Digest16 {
    digest(&[photo.key.as_bytes()])
}

fn content(photo: &Stored) -> Option<Digest16> {
    photo.etag.as_ref().map(|etag| digest(&[etag.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(key: &str, etag: &str) -> Stored {
        Stored { key: key.to_owned(), etag: Some(etag.to_owned()), ..Stored::default() }
    }

    fn message(keys: &[&str]) -> Message {
        Message { body: String::new(), photos: keys.iter().map(|key| photo(key, "e")).collect() }
    }

    fn places() -> Places {
        Places {
            existing: "s3://in/".to_owned(),
            queue: "http://q".to_owned(),
            results: "s3://out/".to_owned(),
            before: EarlierResults::default(),
        }
    }

    #[test]
    fn only_what_was_answered_is_certain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/run.jsonl");
        assert!(QueueJournal::resume(&path, &places(), false).unwrap().is_none());
        let mut journal = QueueJournal::begin(&path, places()).unwrap();
        let first = journal.intends(&[message(&["a", "b"]), message(&["c"])]).unwrap();
        let second = journal.intends(&[message(&["d"])]).unwrap();
        journal.sent(first, vec![0]).unwrap();
        journal.sent(second, vec![0]).unwrap();
        drop(journal);
        // A kill in the middle of a line.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();

        let mut journal = QueueJournal::resume(&path, &places(), false).unwrap().unwrap();
        let sent = |journal: &QueueJournal, key: &str| journal.has_sent(&photo(key, "e"));
        assert_eq!(["a", "b", "c", "d", "e"].map(|key| sent(&journal, key)), [true, true, false, false, false]);
        assert_eq!(["a", "c", "d", "e"].map(|key| journal.is_uncertain(&photo(key, "e"))), [false, true, true, false]);
        assert!(!journal.has_sent(&photo("a", "another content")));
        assert!(journal.has_sent(&Stored { etag: None, ..photo("a", "") }));
        let again = journal.intends(&[message(&["c", "d"])]).unwrap();
        assert!(again > second);
        journal.sent(again, vec![0]).unwrap();
        journal.sampled(7).unwrap();
        drop(journal);
        let journal = QueueJournal::look(&path, places()).unwrap();
        assert_eq!((journal.uncertain(), journal.seed(), sent(&journal, "d")), (0, Some(7), true));
        let (_, found, uncertain) = photos(&path).unwrap().unwrap();
        assert_eq!((found.len(), uncertain), (4, 0));
    }

    #[test]
    fn a_journal_is_one_runs_and_of_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let first = QueueJournal::begin(&path, places()).unwrap();
        let error = QueueJournal::resume(&path, &places(), false).unwrap_err().to_string();
        assert!(error.contains("another run"), "{error}");
        drop(first);
        let error =
            QueueJournal::resume(&path, &Places { queue: "http://r".to_owned(), ..places() }, false).unwrap_err();
        assert!(error.to_string().contains("http://q"), "{error}");
        std::fs::write(&path, "{\"bucket\": \"s3://in/\", \"results\": \"s3://out/\"}\n").unwrap();
        let error = QueueJournal::resume(&path, &places(), false).unwrap_err().to_string();
        assert!(error.contains("not a journal of uploader bulk --existing"), "{error}");
        assert!(QueueJournal::resume(&path, &places(), true).is_err(), "another file would be given up");
        assert!(photos(&path).unwrap().is_none());
    }
}
