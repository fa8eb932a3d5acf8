//! What the function answers about one photo.

use std::time::Duration;

use detector::annotate::Label;
use detector::{BBox, Findings, Thresholds};
use serde::{Deserialize, Serialize};

use crate::Problem;

/// Size of the upright photo, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// One detected object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundObject {
    /// The class in words.
    pub label: String,
    /// The class as an index into the model's labels.
    pub class_id: usize,
    /// Confidence, 0..=1.
    pub score: f64,
    /// x1, y1, x2, y2 in pixels of the upright photo.
    #[serde(rename = "box")]
    pub bbox: [f64; 4],
}

impl FoundObject {
    /// The box as [`detector::annotate::draw`] takes it.
    #[must_use]
    pub fn to_label(&self) -> Label {
        let [x1, y1, x2, y2] = self.bbox.map(|v| v as f32);
        Label {
            bbox: BBox::new(x1, y1, x2, y2),
            text: format!("{} {:.2}", self.label, self.score),
            class_id: self.class_id,
        }
    }
}

/// The model that answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ModelRef {
    /// The card's name.
    pub name: String,
    /// Digest of the model file, lower-case hex.
    pub sha256: String,
    /// Why this model and not the one asked for, where it stands in for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The thresholds that were in force.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThresholdsUsed {
    /// Least score.
    pub confidence: f64,
    /// NMS overlap.
    pub iou: f64,
    /// Most detections.
    pub max_detections: usize,
}

impl From<&Thresholds> for ThresholdsUsed {
    fn from(thresholds: &Thresholds) -> Self {
        Self {
            confidence: round(thresholds.confidence, 4),
            iou: round(thresholds.iou, 4),
            max_detections: thresholds.max_detections,
        }
    }
}

/// Stage timings in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimingsMs {
    /// Waiting for a session to be free, before anything was done. Absent in older answers, which is 0.
    #[serde(default)]
    pub queue: f64,
    /// Bytes to upright pixels.
    pub decode: f64,
    /// Pixels to tensor.
    pub preprocess: f64,
    /// The model's run.
    pub inference: f64,
    /// Head, thresholds, NMS.
    pub postprocess: f64,
    /// All of it, waiting included.
    pub total: f64,
    /// How many slices the stages cover beside the whole photo; a number, not a time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slices: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's way
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl TimingsMs {
    /// These timings of a photo that waited for `queue` before it was worked on.
    #[must_use]
    pub fn after(self, queue: Duration) -> Self {
        Self { queue: millis(queue), total: to_microsecond(self.total + queue.as_secs_f64() * 1e3), ..self }
    }

    /// The stages as a `Server-Timing` header (W3C Server Timing).
    #[must_use]
    pub fn server_timing(&self) -> String {
        let Self { queue, decode, preprocess, inference, postprocess, total, slices } = self;
        let stages = format!(
            "queue;dur={queue}, decode;dur={decode}, preprocess;dur={preprocess}, inference;dur={inference}, \
             postprocess;dur={postprocess}, total;dur={total}"
        );
        if *slices == 0 { stages } else { format!("{stages}, slices;desc=\"{slices}\"") }
    }
}

impl From<&Findings> for TimingsMs {
    fn from(findings: &Findings) -> Self {
        let timings = &findings.timings;
        Self {
            slices: findings.slices as u64,
            queue: 0.0,
            decode: millis(timings.decode),
            preprocess: millis(timings.preprocess),
            inference: millis(timings.inference),
            postprocess: millis(timings.postprocess),
            total: millis(timings.total),
        }
    }
}

impl std::ops::AddAssign for TimingsMs {
    fn add_assign(&mut self, other: Self) {
        self.queue += other.queue;
        self.decode += other.decode;
        self.preprocess += other.preprocess;
        self.inference += other.inference;
        self.postprocess += other.postprocess;
        self.total += other.total;
        self.slices += other.slices;
    }
}

/// The answer for one photo (`format=spotter`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Size of the upright photo.
    pub image: ImageSize,
    /// The objects, best score first.
    pub detections: Vec<FoundObject>,
    /// Which model.
    pub model: ModelRef,
    /// Which thresholds.
    pub thresholds: ThresholdsUsed,
    /// Where the time went.
    pub timings_ms: TimingsMs,
    /// True in the first answer of a fresh execution environment.
    pub cold_start: bool,
    /// Process start to ready, in milliseconds.
    pub init_ms: f64,
    /// The photo with its boxes drawn: base64 of a JPEG, where `annotate` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotated: Option<String>,
    /// The photo with its objects made unrecognisable: base64 of a JPEG, where `redact` asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<String>,
}

impl Answer {
    /// The answer for what was found, without the facts about the process (`cold_start`, `init_ms`).
    #[must_use]
    pub fn new(findings: &Findings, labels: &[String], model: ModelRef, thresholds: &Thresholds) -> Self {
        let detections = findings
            .detections
            .iter()
            .map(|detection| FoundObject {
                label: labels
                    .get(detection.class_id)
                    .cloned()
                    .unwrap_or_else(|| format!("class {}", detection.class_id)),
                class_id: detection.class_id,
                score: round(detection.score, 4),
                bbox: [detection.bbox.x1, detection.bbox.y1, detection.bbox.x2, detection.bbox.y2].map(|v| round(v, 2)),
            })
            .collect();
        Self {
            image: ImageSize { width: findings.width, height: findings.height },
            detections,
            model,
            thresholds: thresholds.into(),
            timings_ms: findings.into(),
            cold_start: false,
            init_ms: 0.0,
            annotated: None,
            redacted: None,
        }
    }
}

/// Why one photo of several has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemError {
    /// The stable code. Callers add codes of their own (a client's `connection`), so it is text here.
    pub code: String,
    /// What was wrong, in words.
    pub message: String,
}

impl From<&Problem> for ItemError {
    fn from(problem: &Problem) -> Self {
        Self { code: problem.code.to_string(), message: problem.detail.clone() }
    }
}

/// One entry of `{"results": […]}`: an answer or an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    /// The photo was looked at.
    Answer(Box<Answer>),
    /// It could not be.
    Error {
        /// Why not.
        error: ItemError,
    },
}

/// A number as it is printed: `digits` after the point.
pub(crate) fn round(value: f32, digits: i32) -> f64 {
    let factor = 10f64.powi(digits);
    (f64::from(value) * factor).round() / factor
}

/// A duration in milliseconds, to the microsecond.
fn millis(duration: Duration) -> f64 {
    to_microsecond(duration.as_secs_f64() * 1e3)
}

fn to_microsecond(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}
