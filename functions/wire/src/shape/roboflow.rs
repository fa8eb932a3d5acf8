//! The shape of Roboflow's inference server (`/infer/object_detection`), for callers that use its client.

use serde::Serialize;

use crate::{Answer, ImageSize};

/// The objects of one photo.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inference {
    /// Seconds in the function.
    pub time: f64,
    /// Size of the upright photo.
    pub image: ImageSize,
    /// The objects, best first.
    pub predictions: Vec<Prediction>,
}

/// One object; the box is its centre and size, in pixels of the upright photo.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Centre, from the left.
    pub x: f64,
    /// Centre, from the top.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Score, 0..=1.
    pub confidence: f64,
    /// The class in words.
    pub class: String,
    /// The class as a number.
    pub class_id: usize,
}

/// The answer in Roboflow's shape.
#[must_use]
pub fn inference(answer: &Answer) -> Inference {
    let predictions = answer.detections.iter().map(|object| {
        let [x1, y1, x2, y2] = object.bbox;
        Prediction {
            x: (x1 + x2) / 2.0,
            y: (y1 + y2) / 2.0,
            width: x2 - x1,
            height: y2 - y1,
            confidence: object.score,
            class: object.label.clone(),
            class_id: object.class_id,
        }
    });
    Inference { time: answer.timings_ms.total / 1e3, image: answer.image, predictions: predictions.collect() }
}
