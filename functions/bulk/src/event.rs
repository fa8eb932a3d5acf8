//! Events: what asks for photos to be looked at. One file per kind; here is what they have in common.
//!
//! Parsed leniently, with small types of our own: of everything the documentation shows, only bucket and key are
//! certain. Emulators leave out `userIdentity` and `sequencer`, encode `/`, or quote the entity tag.

pub mod batch;
pub mod eventbridge;
mod key;
mod lenient;
pub mod s3;
pub mod sns;
pub mod sqs;
pub mod test_event;

use serde_json::Value;

/// SNS inside SQS is two layers; nobody needs more.
const MAX_LAYERS: usize = 3;

/// A photo that an event names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoRef {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Another reading of the key, for kinds of event where it is unclear whether keys are encoded.
    pub other_key: Option<String>,
    /// Its version, in a versioned bucket.
    pub version_id: Option<String>,
    /// How large the event says it is: a hint, since the object may have been replaced since.
    pub size: Option<u64>,
}

/// One thing that an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Look at this.
    Photo(PhotoRef),
    /// A photo whose key no object can have.
    BadKey {
        /// Its bucket.
        bucket: String,
        /// The key as the event has it.
        key: String,
        /// Its version.
        version_id: Option<String>,
        /// What is wrong with the key.
        reason: String,
    },
    /// A record that nobody can read, among others that can be.
    Unreadable {
        /// Its bucket, where it can be told.
        bucket: String,
        /// The record, or the beginning of a long one.
        record: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing to do, and why: a test event, a folder, an object that was deleted.
    Nothing(&'static str),
}

/// What is acknowledged or handed back as one: an SQS message, a task of S3 Batch Operations, or a whole event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The id by which it is answered for; empty for a whole event.
    pub id: String,
    /// What it says, or why it cannot be read.
    pub entries: Result<Vec<Entry>, String>,
}

/// How an event wants to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `batchItemFailures`: the messages to deliver again.
    Sqs,
    /// A result code per task.
    Batch {
        /// The schema version to answer in.
        schema_version: String,
        /// Identifies the invocation.
        invocation_id: String,
    },
    /// Nothing, or an error that has the whole event delivered again.
    Direct,
}

impl Kind {
    /// The kind in one word, for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
            Self::Batch { .. } => "batch",
            Self::Direct => "direct",
        }
    }
}

/// An invocation's event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// How it is answered.
    pub kind: Kind,
    /// Its parts.
    pub deliveries: Vec<Delivery>,
}

impl Event {
    /// Reads an event of any kind.
    ///
    /// # Errors
    /// Says what is wrong with a whole event. A part of one that cannot be read is an error of its [`Delivery`] only.
    pub fn read(payload: Value) -> Result<Self, String> {
        if payload.get("invocationSchemaVersion").is_some() {
            return batch::Invocation::read(&payload);
        }
        let records = payload.get("Records").and_then(Value::as_array);
        if records.is_some_and(|records| records.iter().any(|record| record.get("body").is_some())) {
            return Ok(sqs::SqsEvent::read(&payload));
        }
        let entries = notification(payload, 0)?;
        Ok(Self { kind: Kind::Direct, deliveries: vec![Delivery { id: String::new(), entries: Ok(entries) }] })
    }
}

/// Reads what S3 says, in whatever it is wrapped: it comes as a whole event, or as an SQS message's body.
fn notification(message: Value, layer: usize) -> Result<Vec<Entry>, String> {
    if layer > MAX_LAYERS {
        return Err("too many layers of envelopes".to_owned());
    }
    if test_event::TestEvent::is(&message) {
        return Ok(vec![Entry::Nothing("s3:TestEvent")]);
    }
    if message.get("detail-type").is_some() {
        return eventbridge::ObjectEvent::read(message);
    }
    if message.get("Message").is_some() {
        return sns::Notification::read(message, layer);
    }
    match message.get("Records").and_then(Value::as_array) {
        Some(records) if records.iter().any(|record| record.get("Sns").is_some()) => {
            sns::SnsEvent::read(&message, layer)
        }
        Some(_) => s3::S3Event::read(&message),
        None => Err("not an event of S3, SQS, SNS, EventBridge or S3 Batch Operations".to_owned()),
    }
}

/// The longest part of an unreadable record that its line tells.
const LONGEST_RECORD: usize = 500;

/// Reads records one by one, so that a bad one holds no other up: it is an entry of its own. Where none can be read, all of
/// it cannot.
fn each_record(message: &Value, read: impl Fn(&Value) -> Result<Vec<Entry>, String>) -> Result<Vec<Entry>, String> {
    let records = message.get("Records").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (mut entries, mut first_reason, mut any) = (Vec::with_capacity(records.len()), None, records.is_empty());
    for record in records {
        match read(record) {
            Ok(mut read) => {
                any = true;
                entries.append(&mut read);
            }
            Err(reason) => {
                let bucket = record.pointer("/s3/bucket/name").and_then(Value::as_str).unwrap_or_default().to_owned();
                let record = record.to_string().chars().take(LONGEST_RECORD).collect();
                first_reason.get_or_insert_with(|| reason.clone());
                entries.push(Entry::Unreadable { bucket, record, reason });
            }
        }
    }
    match first_reason {
        Some(reason) if !any => Err(reason),
        _ => Ok(entries),
    }
}

/// A photo, a folder or a bad key, from what an event says of an object. `key` is form-encoded.
fn entry(bucket: String, key: String, version_id: Option<String>, size: Option<u64>) -> Entry {
    match key::decode(&key) {
        Ok(decoded) if decoded.ends_with('/') => Entry::Nothing("a folder"),
        Ok(key) => Entry::Photo(PhotoRef { bucket, key, other_key: None, version_id, size }),
        Err(reason) => Entry::BadKey { bucket, key, version_id, reason },
    }
}

/// A type's complaint about a value, without serde's "at line 1 column 2".
fn unreadable(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}
