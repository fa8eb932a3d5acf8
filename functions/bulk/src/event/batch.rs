//! S3 Batch Operations: existing datasets, a task per object of a manifest. Schema 1.0 names the bucket by its ARN, 2.0
//! by its name.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Delivery, Event, Kind, entry, lenient, unreadable};

/// Longest text a task's result carries into the completion report.
const MAX_RESULT_CHARS: usize = 1000;

/// An invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// `1.0` or `2.0`.
    pub invocation_schema_version: String,
    /// Goes back with the answer.
    #[serde(default)]
    pub invocation_id: String,
    /// The tasks; S3 sends one.
    pub tasks: Vec<Task>,
}

/// One object of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Goes back with the answer.
    pub task_id: String,
    /// The object's key, form-encoded.
    pub s3_key: String,
    /// Its version, where the manifest names one.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub s3_version_id: Option<String>,
    /// Its bucket, in schema 1.0.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub s3_bucket_arn: Option<String>,
    /// Its bucket, in schema 2.0.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub s3_bucket: Option<String>,
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultCode {
    /// Done.
    Succeeded,
    /// S3 tries it again.
    TemporaryFailure,
    /// S3 does not.
    PermanentFailure,
}

/// The answer to an invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The invocation's.
    pub invocation_schema_version: String,
    /// What tasks without a result count as.
    pub treat_missing_keys_as: ResultCode,
    /// The invocation's.
    pub invocation_id: String,
    /// One result per task.
    pub results: Vec<TaskResult>,
}

/// The answer to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    /// The task's.
    pub task_id: String,
    /// What became of it.
    pub result_code: ResultCode,
    /// In words, for the completion report.
    pub result_string: String,
}

impl TaskResult {
    pub(crate) fn new(task_id: &str, result_code: ResultCode, text: &str) -> Self {
        let result_string = text.chars().take(MAX_RESULT_CHARS).collect();
        Self { task_id: task_id.to_owned(), result_code, result_string }
    }
}

impl Invocation {
    pub(super) fn read(payload: &Value) -> Result<Event, String> {
        let invalid = |reason: &str| format!("not an S3 Batch Operations invocation: {reason}");
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = Kind::Batch {
            schema_version: text("invocationSchemaVersion").ok_or_else(|| invalid("its schema version is no text"))?,
            invocation_id: text("invocationId").unwrap_or_default(),
        };
        let tasks = payload.get("tasks").and_then(Value::as_array).ok_or_else(|| invalid("it has no tasks"))?;
        let deliveries = tasks.iter().map(|task| {
            Task::deserialize(task).map(Task::delivery).or_else(|error| {
                // One that has no id cannot be answered for; as one that is missing, it is tried again.
                let id = task.get("taskId").and_then(Value::as_str).ok_or_else(|| invalid(&unreadable(&error)))?;
                Ok(Delivery { id: id.to_owned(), entries: Err(format!("not a task: {}", unreadable(&error))) })
            })
        });
        Ok(Event { kind, deliveries: deliveries.collect::<Result<_, String>>()? })
    }
}

impl Task {
    fn delivery(self) -> Delivery {
        let bucket = self.s3_bucket.or(self.s3_bucket_arn).map(|name| bucket_name(&name).to_owned());
        let entries = bucket
            .map(|bucket| vec![entry(bucket, self.s3_key, self.s3_version_id, None)])
            .ok_or_else(|| "the task names no bucket".to_owned());
        Delivery { id: self.task_id, entries }
    }
}

/// `arn:aws:s3:::photos` is the bucket `photos`; an access point's ARN is used as it is.
fn bucket_name(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((arn, bucket)) if arn.starts_with("arn:") && !bucket.contains('/') => bucket,
        _ => name,
    }
}
