//! Photos as messages of a queue: records as S3 itself sends them, several to a message, ten messages to a request.

use serde_json::{Value, json};
use url::form_urlencoded;

use crate::bulk::Stored;

/// SQS takes as many in a request.
const MESSAGES: usize = 10;
/// `{"Records":[` and `]}`.
const ENVELOPE: usize = 14;

/// A message, and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) photos: Vec<Stored>,
}

/// Fills messages and requests, none of them larger than the queue takes.
#[derive(Debug)]
pub(crate) struct Packer {
    bucket: String,
    region: String,
    per_message: usize,
    /// The most bytes of a message, and of all messages of a request.
    limit: usize,
    records: Vec<String>,
    photos: Vec<Stored>,
    /// Of the message being filled.
    bytes: usize,
    messages: Vec<Message>,
    /// Of the messages that are full.
    request_bytes: usize,
}

impl Packer {
    pub(crate) fn new(bucket: &str, region: &str, per_message: usize, limit: usize) -> Self {
        Self {
            bucket: bucket.to_owned(),
            region: region.to_owned(),
            per_message: per_message.max(1),
            limit,
            records: Vec::new(),
            photos: Vec::new(),
            bytes: ENVELOPE,
            messages: Vec::new(),
            request_bytes: 0,
        }
    }

    /// Puts a photo into the message being filled. Gives a request that is full.
    pub(crate) fn add(&mut self, photo: Stored) -> Option<Vec<Message>> {
        let record = record(&self.bucket, &self.region, &photo).to_string();
        let mut full = None;
        if !self.records.is_empty() && self.bytes + record.len() + 1 > self.limit {
            full = self.close();
        }
        self.bytes += record.len() + 1;
        self.records.push(record);
        self.photos.push(photo);
        if self.records.len() < self.per_message {
            return full;
        }
        // Never both: what did not fit has left one record, and where that is as many as wanted, nothing was there before.
        full.or_else(|| self.close())
    }

    /// What is left at the end.
    pub(crate) fn finish(&mut self) -> Vec<Vec<Message>> {
        let full = self.close();
        let rest = Some(std::mem::take(&mut self.messages)).filter(|messages| !messages.is_empty());
        full.into_iter().chain(rest).collect()
    }

    /// Ends the message being filled. Gives the request before it, where it does not fit any more.
    fn close(&mut self) -> Option<Vec<Message>> {
        if self.records.is_empty() {
            return None;
        }
        let body = format!("{{\"Records\":[{}]}}", self.records.join(","));
        let message = Message { body, photos: std::mem::take(&mut self.photos) };
        self.records.clear();
        self.bytes = ENVELOPE;
        let fits = self.messages.len() < MESSAGES && self.request_bytes + message.body.len() <= self.limit;
        let full = (!fits).then(|| {
            self.request_bytes = 0;
            std::mem::take(&mut self.messages)
        });
        self.request_bytes += message.body.len();
        self.messages.push(message);
        full
    }
}

/// What S3 would say if the photo had been stored just now.
fn record(bucket: &str, region: &str, photo: &Stored) -> Value {
    let mut object = json!({"key": encoded(&photo.key)});
    let members = [
        ("size", photo.size.map(Value::from)),
        ("eTag", photo.etag.clone().map(Value::from)),
        ("versionId", photo.version_id.clone().map(Value::from)),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    let mut record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": object,
        },
    });
    if let Some(time) = photo.modified.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok()) {
        let time = std::time::UNIX_EPOCH.checked_add(time).unwrap_or(std::time::UNIX_EPOCH);
        record["eventTime"] = humantime::format_rfc3339_millis(time).to_string().into();
    }
    record
}

/// A key as S3 writes it in events: form-encoded, but for the slashes.
fn encoded(key: &str) -> String {
    key.split('/')
        .map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect())
        .collect::<Vec<String>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photos(count: usize) -> impl Iterator<Item = Stored> {
        (0..count).map(|n| Stored { key: format!("in/{n}.jpg"), size: Some(7), ..Stored::default() })
    }

    fn packed(photos: impl Iterator<Item = Stored>, per_message: usize, limit: usize) -> Vec<Vec<Message>> {
        let mut packer = Packer::new("b", "eu-central-1", per_message, limit);
        let mut requests: Vec<_> = photos.filter_map(|photo| packer.add(photo)).collect();
        requests.extend(packer.finish());
        requests
    }

    #[test]
    fn records_are_as_s3_sends_them() {
        let photo = Stored {
            key: "in/A file+name é(1)~*.jpg".to_owned(),
            size: Some(1024),
            etag: Some("d41d".to_owned()),
            version_id: Some("v1".to_owned()),
            modified: Some(1_700_000_000.5),
        };
        let expected = json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
            "eventTime": "2023-11-14T22:13:20.500Z",
            "s3": {
                "s3SchemaVersion": "1.0", "bucket": {"name": "b", "arn": "arn:aws:s3:::b"},
                "object": {"key": "in/A+file%2Bname+%C3%A9%281%29%7E*.jpg", "size": 1024, "eTag": "d41d", "versionId": "v1"},
            },
        });
        assert_eq!(record("b", "us-east-1", &photo), expected);
    }

    #[test]
    fn messages_and_requests_are_full_but_never_too_full() {
        for (count, per_message, limit) in [
            (0, 10, 1 << 20),
            (1, 10, 1 << 20),
            (1234, 10, 1 << 20),
            (1000, 1, 1 << 20),
            (500, 1000, 4000),
            (97, 10, 700),
        ] {
            let requests = packed(photos(count), per_message, limit);
            let messages: Vec<&Message> = requests.iter().flatten().collect();
            let sent: Vec<&Stored> = messages.iter().flat_map(|message| &message.photos).collect();
            assert!(photos(count).eq(sent.into_iter().cloned()), "{count} by {per_message}");
            for request in &requests {
                assert!(!request.is_empty() && request.len() <= 10);
                assert!(request.iter().map(|message| message.body.len()).sum::<usize>() <= limit, "{limit}");
            }
            for message in messages {
                let body: Value = serde_json::from_str(&message.body).unwrap();
                assert_eq!(body["Records"].as_array().unwrap().len(), message.photos.len());
                assert!(message.photos.len() <= per_message);
            }
        }
        let requests = packed(photos(1000), 10, 1 << 20);
        assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [10; 10]);
    }
}
