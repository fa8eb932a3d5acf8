//! How well models find what is known to be in photos: what was measured, and its tables.

mod tables;

use std::collections::BTreeMap;

use evaluation::Evaluation;
use serde::Serialize;
use wire::{ModelRef, ThresholdsUsed};

pub(crate) use self::tables::{assessments, points, tables};
use super::comparison::Environment;

/// Everything that a report tells.
#[derive(Debug, Serialize)]
pub(crate) struct EvaluationReport {
    pub(crate) environment: Environment,
    pub(crate) truth: TruthFacts,
    /// What prices are reckoned with.
    pub(crate) rates: EvaluationRates,
    /// What has to be known of truth and photos beside the figures.
    pub(crate) notes: Vec<String>,
    pub(crate) targets: Vec<Assessed>,
}

/// What the figures are held against.
#[derive(Debug, Serialize)]
pub(crate) struct TruthFacts {
    pub(crate) path: String,
    pub(crate) images: usize,
    pub(crate) objects: usize,
    pub(crate) categories: usize,
}

/// Where prices are from.
#[derive(Debug, Serialize)]
pub(crate) struct EvaluationRates {
    pub(crate) list_of: &'static str,
    pub(crate) region: &'static str,
    pub(crate) architecture: &'static str,
}

/// One target or file of results.
#[derive(Debug, Serialize)]
pub(crate) struct Assessed {
    pub(crate) name: String,
    /// What it is.
    pub(crate) title: String,
    pub(crate) models: Vec<ModelRef>,
    /// Failed photos by code: they are not evaluated.
    pub(crate) failures: BTreeMap<String, u64>,
    /// What was asked for, where that is known.
    pub(crate) thresholds: Option<ThresholdsUsed>,
    /// Whether a box had every label above the least score, where that is known.
    pub(crate) multi_label: Option<bool>,
    /// The function's own time per photo, median, where it is known.
    pub(crate) ms_per_photo: Option<f64>,
    /// From sending to the whole answer, median.
    pub(crate) round_trip_ms: Option<f64>,
    /// Through a Function URL with so much memory; for targets on this machine, what their speed would cost there.
    pub(crate) dollars_per_1000: Option<f64>,
    pub(crate) memory_mb: Option<u32>,
    /// What has to be known beside the figures.
    pub(crate) notes: Vec<String>,
    #[serde(flatten)]
    pub(crate) evaluation: Evaluation,
}

impl EvaluationReport {
    /// What has to be known beside the figures: of all, then of each target.
    pub(crate) fn all_notes(&self) -> Vec<String> {
        let one = self.targets.len() == 1;
        let of = |target: &Assessed, note: &String| if one { note.clone() } else { format!("{}: {note}", target.name) };
        let own = self.targets.iter().flat_map(|target| target.notes.iter().map(move |note| of(target, note)));
        self.notes.iter().cloned().chain(own).collect()
    }
}

impl Assessed {
    /// What was asked for, where that is known.
    pub(crate) fn asked(&self) -> Option<String> {
        let ThresholdsUsed { confidence, iou, max_detections } = self.thresholds?;
        let labels = match self.multi_label {
            Some(true) => ", every label of a box above the confidence (--multi-label)",
            Some(false) => ", one label per box, its best (--multi-label: every one)",
            None => "",
        };
        Some(format!("confidence {confidence}, IoU {iou}, {max_detections} detections per photo{labels}"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use evaluation::{Category, Detection, Image, Object, Truth, evaluate};

    use super::*;

    /// Two targets on three photos; the first finds one of three objects, and a false one.
    pub(crate) fn report() -> EvaluationReport {
        let names = ["a.jpg", "b|<b>.jpg", "c.jpg"];
        let truth = Truth {
            images: names.iter().map(|name| Image { name: (*name).to_owned(), ..Image::default() }).collect(),
            categories: vec![Category { id: 1, name: "cat".to_owned() }, Category { id: 2, name: "dog".to_owned() }],
            objects: (0..3)
                .map(|image| Object { image, category: 0, bbox: [0.0, 0.0, 50.0, 50.0], area: None, is_crowd: false })
                .collect(),
            ..Truth::default()
        };
        let found = |image, score, side| Detection { image, category: 0, score, bbox: [0.0, 0.0, side, side] };
        let images = [(0, None), (1, None), (2, None)];
        let target = |name: &str, detections: &[Detection]| Assessed {
            name: name.to_owned(),
            title: "local server".to_owned(),
            models: vec![ModelRef { name: "nano".to_owned(), sha256: "0123456789abcdef".to_owned(), note: None }],
            failures: BTreeMap::new(),
            thresholds: Some(ThresholdsUsed { confidence: 0.01, iou: 0.45, max_detections: 100 }),
            multi_label: Some(false),
            ms_per_photo: Some(12.5),
            round_trip_ms: Some(14.0),
            dollars_per_1000: Some(0.0005),
            memory_mb: Some(1769),
            notes: vec!["the truth has no category for 1 label: bird".to_owned()],
            evaluation: evaluate(&truth, &images, detections).unwrap(),
        };
        EvaluationReport {
            environment: Environment::look(),
            truth: TruthFacts { path: "instances.json".to_owned(), images: 3, objects: 3, categories: 2 },
            rates: EvaluationRates { list_of: "2026-11-24", region: "us-east-1", architecture: "x86_64" },
            notes: vec!["1 photo is not in the truth: d.jpg".to_owned()],
            targets: vec![
                target("weak", &[found(0, 0.9, 50.0), found(1, 0.8, 10.0)]),
                target("good", &[found(0, 0.9, 50.0), found(1, 0.8, 50.0), found(2, 0.7, 50.0)]),
            ],
        }
    }
}
