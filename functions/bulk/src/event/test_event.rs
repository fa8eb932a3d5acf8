//! The event that S3 sends once when a notification is set up.

use serde::{Deserialize, Serialize};
use serde_json::Value;

const NAME: &str = "s3:TestEvent";

/// `s3:TestEvent`: there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestEvent {
    /// Always `s3:TestEvent`.
    #[serde(rename = "Event")]
    pub event: String,
    /// The bucket whose notification was set up.
    #[serde(rename = "Bucket", default)]
    pub bucket: String,
}

impl TestEvent {
    pub(super) fn is(message: &Value) -> bool {
        message.get("Event").and_then(Value::as_str) == Some(NAME)
    }
}
