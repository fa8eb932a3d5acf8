//! The parsers of this program as `fuzz/` calls them: each takes any bytes, and panics where a property does not hold.

use std::path::Path;

use wire::S3Uri;

use crate::bulk::journal::{self, Journal, Note};
use crate::bulk::stored::Stored;
use crate::existing::inventory::csv;
use crate::existing::inventory::manifest::Manifest;
use crate::existing::inventory::row::Column;
use crate::existing::journal::{self as queue_journal, QueueJournal};
use crate::existing::message::{Message, Packer};
use crate::link::endpoint::Endpoint;
use crate::link::proxy::Proxies;
use crate::photo::list::names;

/// What a password is called in the proxies that are tried.
const PASSWORD: &str = "S3CR3T";

/// A journal of `bulk` that holds anything, written to `path`: what is noted after it is found again.
pub fn journal(bytes: &[u8], path: &Path) {
    let Ok(()) = std::fs::write(path, bytes) else { return };
    let _ = journal::photos(path);
    let places = S3Uri { bucket: "in".to_owned(), prefix: String::new() };
    let Ok(open) = Journal::open(path, &places, &places) else { return };
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned();
    let note = Note {
        key: head.clone(),
        photo: Some(head.clone().into()),
        size: bytes.len() as u64,
        modified: u64::MAX,
        sha256: String::new(),
        etag: head,
        uploaded: Some(7),
    };
    assert!(open.note(&note).is_ok(), "a note cannot be written");
    drop(open);
    let again = Journal::open(path, &places, &places);
    let known = again.as_ref().ok().and_then(|journal| journal.known(&note.key));
    assert!(known.is_some_and(|known| *known.etag == note.etag && known.stamp.size == note.size), "a note is lost");
    drop(again);
    if let Ok((_, notes)) = journal::photos(path) {
        assert!(notes.contains(&note), "a note is not told");
    }
}

/// A journal of `bulk --existing` that holds anything, written to `path`: what is noted after it is found again.
pub fn queue_journal(bytes: &[u8], path: &Path) {
    let Ok(()) = std::fs::write(path, bytes) else { return };
    let Ok(Some((places, _, _))) = queue_journal::photos(path) else { return };
    let Ok(Some(mut open)) = QueueJournal::resume(path, &places, false) else { return };
    let photo = Stored { key: "fuzz/new.jpg".to_owned(), etag: Some("e".to_owned()), ..Stored::default() };
    let message = Message { body: String::new(), photos: vec![photo.clone()] };
    let first = open.intends(std::slice::from_ref(&message));
    let second = open.intends(std::slice::from_ref(&message));
    let (Ok(first), Ok(second)) = (first, second) else { panic!("a request cannot be noted") };
    assert_ne!(first, second, "two requests of one number");
    assert!(open.sent(second, vec![0]).is_ok(), "an answer cannot be noted");
    drop(open);
    let Ok(Some(again)) = QueueJournal::resume(path, &places, false) else { panic!("the journal is lost") };
    assert!(again.has_sent(&photo) && !again.is_uncertain(&photo), "an answer is lost");
}

/// A `manifest.json` of an S3 Inventory.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert!(manifest.columns.contains(&Some(Column::Key)), "a manifest without keys");
    }
}

/// A data file of an S3 Inventory in CSV, compressed or not: the keys that it names.
#[must_use]
pub fn inventory(bytes: &[u8]) -> Vec<String> {
    const COLUMNS: [&str; 8] =
        ["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag"];
    // Small files may hold many rows.
    const MOST: usize = 1000;
    let mut keys = Vec::new();
    let _ = csv::read(bytes, &COLUMNS.map(Column::named), &mut |row| {
        keys.extend(row.map(|row| row.object.key));
        keys.len() < MOST
    });
    assert!(keys.iter().all(|key| !key.is_empty()), "a row without a key");
    keys
}

/// The bodies of the messages that ask for photos with these keys.
#[must_use]
pub fn messages(keys: &[String], limit: usize) -> Vec<String> {
    let mut packer = Packer::new("in", "eu-central-1", 10, limit);
    let photo = |key: &String| Stored { key: key.clone(), size: Some(7), ..Stored::default() };
    let mut requests: Vec<Vec<Message>> = keys.iter().filter_map(|key| packer.add(photo(key))).collect();
    requests.extend(packer.finish());
    requests.into_iter().flatten().map(|message| message.body).collect()
}

/// A list of paths, as `--from-file` reads it.
pub fn list(mut bytes: &[u8]) {
    for name in names::read(&mut bytes).unwrap_or_default() {
        let name = name.as_os_str().as_encoded_bytes();
        assert!(!name.contains(&0) && !name.iter().all(u8::is_ascii_whitespace), "a name that is none");
    }
}

/// Environment variables of proxies, a line `NAME=VALUE` each, and the URLs that are asked, a line each.
pub fn proxies(text: &str) {
    let variables: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let proxies = Proxies::read(|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    });
    for url in text.lines() {
        let Ok(endpoint) = Endpoint::parse(url) else { continue };
        let shown = match proxies.lead(endpoint) {
            Ok(Endpoint { proxy: Some(proxy), .. }) => format!("{proxy} {proxy:?} {}", proxy.place()),
            Ok(_) => continue,
            Err(error) => format!("{error} {error:?}"),
        };
        // Whatever stands before the last @ may be a password, but for a scheme; nothing after it is one.
        let is_secret = |value: &str| {
            let is_scheme = value.split_once("://").is_some_and(|(scheme, _)| scheme.contains(PASSWORD));
            !is_scheme && !value.rsplit('@').next().unwrap_or_default().contains(PASSWORD)
        };
        if variables.iter().all(|(_, value)| is_secret(value)) {
            assert!(!shown.contains(PASSWORD), "a password is shown: {shown}");
        }
    }
}
