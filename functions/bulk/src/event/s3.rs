//! S3 event notifications, as S3 sends them to Lambda, SQS and SNS.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, each_record, entry, lenient, unreadable};

/// A notification: one or more records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Event {
    /// The records.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// What happened to one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// For example `ObjectCreated:Put`; some emulators write `s3:` before it.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// Which object.
    pub s3: Entity,
}

/// A bucket and an object in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// The bucket.
    pub bucket: Bucket,
    /// The object.
    pub object: Object,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its key, form-encoded.
    pub key: String,
    /// Its size in bytes.
    #[serde(default, deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Its version, in a versioned bucket.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl S3Event {
    pub(super) fn read(message: &Value) -> Result<Vec<Entry>, String> {
        each_record(message, |record| {
            let record = Record::deserialize(record).map_err(|e| format!("not an S3 event: {}", unreadable(&e)))?;
            Ok(vec![record.entry()])
        })
    }
}

impl Record {
    fn entry(self) -> Entry {
        // A notification that is set up for more than creation also tells of deletions, restores, tags.
        let name = self.event_name.as_deref().map(|name| name.trim_start_matches("s3:"));
        if name.is_some_and(|name| !name.starts_with("ObjectCreated:")) {
            return Entry::Nothing("no new object");
        }
        let Entity { bucket, object } = self.s3;
        entry(bucket.name, object.key, object.version_id, object.size)
    }
}
