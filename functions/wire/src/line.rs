//! A photo's result in a dataset: one line of a part, or one object.

use serde::{Deserialize, Serialize};

use crate::{Answer, ItemError, ModelRef};

/// The object in S3 that the photo was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded. Where the event's key cannot be decoded: as the event has it.
    pub key: String,
    /// Its version, where the event names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Its entity tag, without quotes; unknown for an object that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its size in bytes; unknown for an object that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// What became of a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LineOutcome {
    /// The photo was looked at.
    Answer(Box<Answer>),
    /// It never can be.
    Error {
        /// Why not.
        error: ItemError,
        /// The model that would have looked at it.
        model: ModelRef,
    },
}

/// One photo's result. Photos are delivered at least once, so the same photo may have several lines; they are the same
/// but for their timings and their invocation, and [`Line::identity`] tells them apart from other photos'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Which object.
    pub source: Source,
    /// The answer, or the error.
    #[serde(flatten)]
    pub outcome: LineOutcome,
    /// The invocation that made the line, as its log has it. Lines of older functions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Line {
    /// What makes two lines repeats of each other: bucket, key, entity tag and the model's digest.
    #[must_use]
    pub fn identity(&self) -> (&str, &str, Option<&str>, &str) {
        let model = match &self.outcome {
            LineOutcome::Answer(answer) => &answer.model,
            LineOutcome::Error { model, .. } => model,
        };
        (&self.source.bucket, &self.source.key, self.source.etag.as_deref(), &model.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_line_survive_json() {
        let source = serde_json::json!({"bucket": "in", "key": "a b.jpg", "etag": "d41d", "size": 7});
        let model = serde_json::json!({"name": "yolox-nano", "sha256": "c789"});
        let answer = serde_json::json!({
            "source": source,
            "image": {"width": 640, "height": 480},
            "detections": [{"label": "cat", "class_id": 15, "score": 0.91, "box": [64.0, 48.0, 320.0, 240.0]}],
            "model": model,
            "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
            "timings_ms": {
                "queue": 0.25, "decode": 1.0, "preprocess": 0.5, "inference": 7.0, "postprocess": 0.5, "total": 9.25
            },
            "cold_start": false,
            "init_ms": 0.0
        });
        let error = serde_json::json!({
            "request_id": "8f5e", "source": source, "error": {"code": "undecodable_image", "message": "It is broken."}, "model": model
        });
        for json in [answer, error] {
            let line: Line = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(&line).unwrap(), json);
            assert_eq!(line.identity(), ("in", "a b.jpg", Some("d41d"), "c789"));
        }
    }
}
