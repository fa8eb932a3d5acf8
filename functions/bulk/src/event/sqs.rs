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
    pub(super) fn read(payload: &Value) -> Event {
        let messages = payload.get("Records").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Event { kind: Kind::Sqs, deliveries: messages.iter().map(Message::delivery).collect() }
    }
}

impl Message {
    /// What a message says; one that is none is handed back alone, where it has an id.
    fn delivery(message: &Value) -> Delivery {
        match Self::deserialize(message) {
            Ok(message) => Delivery {
                id: message.message_id,
                entries: serde_json::from_str(&message.body)
                    .map_err(|e| format!("the body is not JSON: {}", unreadable(&e)))
                    .and_then(|body| notification(body, 0)),
            },
            Err(error) => Delivery {
                id: message.get("messageId").and_then(Value::as_str).unwrap_or_default().to_owned(),
                entries: Err(format!("not an SQS message: {}", unreadable(&error))),
            },
        }
    }
}
