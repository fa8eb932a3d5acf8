//! What the uploader reads: journals, lists, keys, and the environment's proxies.

use std::path::PathBuf;
use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::bulk::{LONGEST_KEY, keys};

/// Keys: any bytes as the encoded key of an event, and any text as the key of an object that is asked for, by the uploader
/// and as S3 encodes it.
pub(crate) fn key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = keys(&json!({"Records": [{"s3": {"bucket": {"name": "in"}, "object": {"key": text}}}]}).to_string());
    let key = text.into_owned();
    let is_photo = (1..=LONGEST_KEY).contains(&key.len()) && !key.ends_with('/');
    let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string();
    let by_s3 = json!({"Records": [{"s3": {"bucket": {"name": "in"}, "object": {"key": encoded}}}]}).to_string();
    let by_uploader = uploader::fuzzing::messages(std::slice::from_ref(&key), 1 << 20);
    assert_eq!(by_uploader.len(), 1, "one photo, one message");
    for body in by_uploader.iter().chain([&by_s3]) {
        let found = keys(body);
        if is_photo {
            assert_eq!(found, [key.as_str()], "{body}");
        } else {
            assert!(found.is_empty(), "{key:?} is read as {found:?}");
        }
    }
}

/// A manifest or a data file of an S3 Inventory; its keys come back out of the messages that ask for them.
pub(crate) fn inventory(bytes: &[u8]) {
    uploader::fuzzing::manifest(bytes);
    let keys = uploader::fuzzing::inventory(bytes);
    // SQS takes a mebibyte, and one record always goes.
    let _ = uploader::fuzzing::messages(&keys, 1 << 20);
}

/// A journal of `uploader bulk`.
pub(crate) fn journal(bytes: &[u8]) {
    file("journal").iter().for_each(|path| uploader::fuzzing::journal(bytes, path));
}

/// A journal of `uploader bulk --existing`.
pub(crate) fn queue_journal(bytes: &[u8]) {
    file("queue_journal").iter().for_each(|path| uploader::fuzzing::queue_journal(bytes, path));
}

/// A list of `--from-file`.
pub(crate) fn list(bytes: &[u8]) {
    uploader::fuzzing::list(bytes);
}

/// Environment variables of proxies, and who is asked through them.
pub(crate) fn proxy(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        uploader::fuzzing::proxies(text);
    }
}

/// A file of this process.
fn file(name: &str) -> Option<PathBuf> {
    static FOLDER: LazyLock<Option<tempfile::TempDir>> = LazyLock::new(|| tempfile::tempdir().ok());
    FOLDER.as_ref().map(|folder| folder.path().join(name))
}
