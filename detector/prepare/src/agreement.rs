//! The same boxes? Source and prepared graph on photos, fitted alike.

use std::fmt;
use std::path::{Path, PathBuf};

use detector::card::Fit;
use detector::catalog::ModelFile;
use detector::{Detection, Detector, DetectorOptions, ModelError, Thresholds};

use crate::error::{PrepareError, file};

/// Least overlap of two boxes that are the same.
const IOU: f32 = 0.99;
/// Most that their scores may differ by. A box within this of the least score may be on one side only.
const SCORE: f32 = 0.002;

/// How far the boxes of two graphs agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Photos that were looked at; what is no photo is passed over.
    pub photos: usize,
    /// Boxes of the source.
    pub boxes: usize,
    /// Boxes that only one of them has.
    pub lonely: usize,
    /// The least overlap of two boxes of one object.
    pub least_iou: f32,
    /// The largest difference of their scores.
    pub most_score: f32,
}

impl Agreement {
    /// Every box has its like, with an IoU of at least 0.99 and a score within 0.002.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.lonely == 0 && self.least_iou >= IOU && self.most_score <= SCORE
    }

    fn add(&mut self, one: &[Detection], other: &[Detection], least: f32) {
        self.photos += 1;
        self.boxes += one.len();
        for (from, to) in [(one, other), (other, one)] {
            for detection in from {
                let overlap = |like: &&Detection| like.bbox.iou(&detection.bbox);
                let alike = to.iter().filter(|like| like.class_id == detection.class_id);
                match alike.max_by(|a, b| overlap(a).total_cmp(&overlap(b))).filter(|like| overlap(like) > 0.5) {
                    Some(like) => {
                        self.least_iou = self.least_iou.min(overlap(&like));
                        self.most_score = self.most_score.max((like.score - detection.score).abs());
                    }
                    None if detection.score < least + SCORE => {}
                    None => self.lonely += 1,
                }
            }
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { photos, boxes, lonely, least_iou, most_score } = self;
        write!(f, "{boxes} boxes on {photos} photos, IoU {least_iou:.4} or more, scores within {most_score:.5}")?;
        if *lonely > 0 {
            write!(f, ", {lonely} boxes found by only one of the two")?;
        }
        Ok(())
    }
}

/// Looks at the photos with the source and with the graph at `prepared`.
pub(crate) fn on(
    model: &ModelFile,
    source: &Detector,
    prepared: &Path,
    photos: &[PathBuf],
) -> Result<Agreement, PrepareError> {
    // The source may know one shape only, which is then the one in which both are compared.
    let mut card = source.card().clone();
    card.input.fit = if source.fits_shape() { Fit::Shape } else { Fit::Square };
    let model = ModelFile { path: prepared.to_owned(), card: Some(card), ..model.clone() };
    let prepared = Detector::load(model, &DetectorOptions::default())?;
    let defaults = source.card().defaults;
    let general = Thresholds::default();
    let thresholds = Thresholds { confidence: defaults.confidence.unwrap_or(general.confidence), ..general };
    let mut agreement = Agreement { photos: 0, boxes: 0, lonely: 0, least_iou: 1.0, most_score: 0.0 };
    for path in photos {
        let bytes = std::fs::read(path).map_err(file(path))?;
        let Ok(photo) = source.decode(&bytes) else { continue };
        let failed = |e: ModelError| PrepareError::Model(e);
        let one = source.detect_photo(&photo, &thresholds).map_err(failed)?;
        let other = prepared.detect_photo(&photo, &thresholds).map_err(failed)?;
        agreement.add(&one.detections, &other.detections, thresholds.confidence);
    }
    Ok(agreement)
}
