//! The shape of the student project this one grew out of, for its two known clients.

use serde::Serialize;

use crate::Answer;

/// ymin, xmin, ymax, xmax, as fractions of the photo.
pub type NormalizedBox = [f64; 4];

/// The answer to `{"image": …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Single {
    /// Always 200: the clients look here, not at the HTTP status.
    pub status: u16,
    /// The boxes, `null` when nothing was found.
    pub bounding_boxes: Option<Vec<NormalizedBox>>,
    /// Labels beside the boxes.
    pub labels: Vec<String>,
    /// Scores beside the boxes, 0..=1.
    pub scores: Vec<f64>,
    /// Inference time in seconds, as text.
    pub inf_time: String,
}

/// The answer to `{"images": [… ]}`: everything a list, one entry per photo, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Many {
    /// Always 200.
    pub status: u16,
    /// Per photo its boxes, `null` when nothing was found or the photo failed.
    pub bounding_boxes: Vec<Option<Vec<NormalizedBox>>>,
    /// Per photo its labels.
    pub labels: Vec<Vec<String>>,
    /// Per photo its scores.
    pub scores: Vec<Vec<f64>>,
    /// Per photo what was wrong with it, `null` when nothing was.
    pub errors: Vec<Option<crate::ItemError>>,
    /// Inference time of all photos in seconds, as text.
    pub inf_time: String,
    /// Inference time per photo in seconds, as text.
    pub avg_inf_time: String,
}

fn seconds(ms: f64) -> String {
    format!("{:.4}", ms / 1000.0)
}

fn boxes(answer: &Answer) -> Option<Vec<NormalizedBox>> {
    let (width, height) = (f64::from(answer.image.width), f64::from(answer.image.height));
    let boxes: Vec<NormalizedBox> = answer
        .detections
        .iter()
        .map(|object| {
            let [x1, y1, x2, y2] = object.bbox;
            [y1 / height, x1 / width, y2 / height, x2 / width]
        })
        .collect();
    (!boxes.is_empty()).then_some(boxes)
}

fn labels(answer: &Answer) -> Vec<String> {
    answer.detections.iter().map(|object| object.label.clone()).collect()
}

fn scores(answer: &Answer) -> Vec<f64> {
    answer.detections.iter().map(|object| object.score).collect()
}

/// One photo's answer in the student project's shape.
#[must_use]
pub fn single(answer: &Answer) -> Single {
    Single {
        status: 200,
        bounding_boxes: boxes(answer),
        labels: labels(answer),
        scores: scores(answer),
        inf_time: seconds(answer.timings_ms.inference),
    }
}

/// Several photos' answers in the student project's shape.
#[must_use]
pub fn many(outcomes: &[Result<Answer, crate::ItemError>]) -> Many {
    let answered: Vec<&Answer> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
    let inference: f64 = answered.iter().map(|answer| answer.timings_ms.inference).sum();
    let per_photo = inference / answered.len().max(1) as f64;
    Many {
        status: 200,
        bounding_boxes: outcomes.iter().map(|outcome| outcome.as_ref().ok().and_then(boxes)).collect(),
        labels: outcomes.iter().map(|outcome| outcome.as_ref().map(labels).unwrap_or_default()).collect(),
        scores: outcomes.iter().map(|outcome| outcome.as_ref().map(scores).unwrap_or_default()).collect(),
        errors: outcomes.iter().map(|outcome| outcome.as_ref().err().cloned()).collect(),
        inf_time: seconds(inference),
        avg_inf_time: seconds(per_photo),
    }
}
