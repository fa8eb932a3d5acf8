//! The shape of Amazon Rekognition's `DetectLabels` answer, for callers that already read it.

mod request;
mod taxonomy;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Answer;

pub use request::{Image, Request, S3Object, Wanted};

/// A `DetectLabels` answer. Confidences are percent, boxes are fractions of the photo.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DetectLabels {
    /// One entry per label, the most confident first.
    pub labels: Vec<Label>,
    /// The model and the head of its digest.
    pub label_model_version: String,
}

/// A label with its instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Label {
    /// The label, capitalised as Rekognition does.
    pub name: String,
    /// The best instance's confidence, 0..=100.
    pub confidence: f64,
    /// Where.
    pub instances: Vec<Instance>,
    /// What it is a kind of, for COCO's labels.
    pub parents: Vec<Named>,
    /// Always empty: a label has one name here.
    pub aliases: Vec<Named>,
    /// Rekognition's category of it, for COCO's labels.
    pub categories: Vec<Named>,
}

/// Something with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Named {
    /// Its name.
    pub name: &'static str,
}

/// One box of a label.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Instance {
    /// Where, as fractions of the photo.
    pub bounding_box: BoundingBox,
    /// 0..=100.
    pub confidence: f64,
}

/// A box as fractions of the photo's width and height.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoundingBox {
    /// Width, 0..=1.
    pub width: f64,
    /// Height, 0..=1.
    pub height: f64,
    /// Left edge, 0..=1.
    pub left: f64,
    /// Top edge, 0..=1.
    pub top: f64,
}

/// The answer in Rekognition's shape.
#[must_use]
pub fn detect_labels(answer: &Answer) -> DetectLabels {
    let (width, height) = (f64::from(answer.image.width), f64::from(answer.image.height));
    let mut by_label: BTreeMap<&str, Vec<Instance>> = BTreeMap::new();
    for object in &answer.detections {
        let [x1, y1, x2, y2] = object.bbox;
        by_label.entry(&object.label).or_default().push(Instance {
            bounding_box: BoundingBox {
                width: (x2 - x1) / width,
                height: (y2 - y1) / height,
                left: x1 / width,
                top: y1 / height,
            },
            confidence: (object.score * 1e4).round() / 1e2,
        });
    }
    let mut labels: Vec<Label> = by_label
        .into_iter()
        .map(|(label, instances)| {
            let (parent, category) = taxonomy::of(label);
            let named = |name: Option<&'static str>| name.map(|name| Named { name }).into_iter().collect();
            Label {
                name: capitalised(label),
                confidence: instances.iter().map(|i| i.confidence).fold(0.0, f64::max),
                instances,
                parents: named(parent),
                aliases: Vec::new(),
                categories: named(category),
            }
        })
        .collect();
    labels.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let digest = answer.model.sha256.get(..8).unwrap_or_default();
    DetectLabels { labels, label_model_version: format!("{}@{digest}", answer.model.name) }
}

fn capitalised(label: &str) -> String {
    label
        .split(' ')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        })
        .collect::<Vec<_>>()
        .join(" ")
}
