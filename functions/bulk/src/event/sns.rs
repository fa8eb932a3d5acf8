//! SNS around S3's notifications: as an event of its own, and inside SQS messages.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Entry, each_record, notification, unreadable};

/// What SNS invokes a function with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnsEvent {
    /// The records; SNS sends one.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The notification.
    #[serde(rename = "Sns")]
    pub sns: Notification,
}

/// A notification; in SQS the whole body of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// What the publisher, S3, said: JSON as text.
    #[serde(rename = "Message")]
    pub message: String,
}

impl SnsEvent {
    pub(super) fn read(message: &Value, layer: usize) -> Result<Vec<Entry>, String> {
        each_record(message, |record| {
            let record = Record::deserialize(record).map_err(|e| format!("not an SNS event: {}", unreadable(&e)))?;
            record.sns.open(layer)
        })
    }
}

impl Notification {
    pub(super) fn read(message: Value, layer: usize) -> Result<Vec<Entry>, String> {
        let envelope: Self =
            serde_json::from_value(message).map_err(|e| format!("not an SNS notification: {}", unreadable(&e)))?;
        envelope.open(layer)
    }

    fn open(self, layer: usize) -> Result<Vec<Entry>, String> {
        let inner = serde_json::from_str(&self.message)
            .map_err(|e| format!("the SNS message is not JSON: {}", unreadable(&e)))?;
        notification(inner, layer + 1)
    }
}
