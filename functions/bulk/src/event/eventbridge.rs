//! EventBridge events of S3.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::s3::Bucket;
use super::{Entry, PhotoRef, key, lenient, unreadable};

/// An event about one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEvent {
    /// What happened: `Object Created`, `Object Deleted`, ….
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// Which object.
    pub detail: Detail,
}

/// A bucket and an object in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The bucket.
    pub bucket: Bucket,
    /// The object.
    pub object: Object,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its key. Here S3 does not encode it, but not everybody who sends such events knows that.
    pub key: String,
    /// Its size in bytes.
    #[serde(default, deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its version, in a versioned bucket.
    #[serde(
        rename = "version-id",
        default,
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub version_id: Option<String>,
}

impl ObjectEvent {
    pub(super) fn read(message: Value) -> Result<Vec<Entry>, String> {
        if message.get("detail-type").and_then(Value::as_str) != Some("Object Created") {
            return Ok(vec![Entry::Nothing("no new object")]);
        }
        let event: Self = serde_json::from_value(message)
            .map_err(|e| format!("not an S3 event of EventBridge: {}", unreadable(&e)))?;
        Ok(vec![event.detail.entry()])
    }
}

impl Detail {
    fn entry(self) -> Entry {
        let (bucket, Object { key, size, version_id }) = (self.bucket.name, self.object);
        if key.ends_with('/') {
            return Entry::Nothing("a folder");
        }
        let other_key = key::decode(&key).ok().filter(|decoded| *decoded != key);
        match key::check(key.clone()) {
            Ok(key) => Entry::Photo(PhotoRef { bucket, key, other_key, version_id, size }),
            Err(reason) => Entry::BadKey { bucket, key, version_id, reason },
        }
    }
}
