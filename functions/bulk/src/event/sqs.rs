//! SQS messages, the deployed path: each is acknowledged or handed back on its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Delivery, Event, Kind, notification, unreadable};

/// A batch of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqsEvent {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id. Without one it cannot be handed back alone; the empty id hands back the whole batch.
    #[serde(default)]
    pub message_id: String,
    /// What it says: JSON as text.
    pub body: String,
}

/// The answer to a batch: the messages to deliver again. All others are deleted from the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The messages to deliver again.
    pub batch_item_failures: Vec<Failure>,
}

/// A message to deliver again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Its id.
    pub item_identifier: String,
}

impl SqsEvent {
    pub(super) fn read(payload: Value) -> Result<Event, String> {
        let event: Self =
            serde_json::from_value(payload).map_err(|e| format!("not an SQS event: {}", unreadable(&e)))?;
        let deliveries = event.records.into_iter().map(|message| Delivery {
            id: message.message_id,
            entries: serde_json::from_str(&message.body)
                .map_err(|e| format!("the body is not JSON: {}", unreadable(&e)))
                .and_then(|body| notification(body, 0)),
        });
        Ok(Event { kind: Kind::Sqs, deliveries: deliveries.collect() })
    }
}
