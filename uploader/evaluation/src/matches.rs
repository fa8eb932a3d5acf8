//! Which detections are true, at an IoU of 0.50.

use hotcoco::{COCOeval, IouType};

use crate::error::EvaluationError;
use crate::figures::Sides;

/// The overlap from which on a detection has found an object.
pub(crate) const IOU: f64 = 0.5;

/// A detection that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Match {
    pub(crate) image: usize,
    pub(crate) category: usize,
    pub(crate) score: f64,
    /// Whether it is of an object, and the first of it.
    pub(crate) is_true: bool,
}

/// All of them, and how many objects there are for them.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) detections: Vec<Match>,
    /// (image, category, objects), crowds apart.
    pub(crate) objects: Vec<(usize, usize, usize)>,
}

impl Matches {
    /// Matches as COCO does it: of each photo and category the best 100 detections, the best first, each with the object that
    /// it overlaps most and that is still free.
    pub(crate) fn of(sides: &Sides) -> Result<Self, EvaluationError> {
        let mut evaluator = COCOeval::new(sides.truth.clone(), sides.found.clone(), IouType::Bbox);
        evaluator.params.iou_thrs = vec![IOU];
        evaluator.params.area_ranges.retain(|range| range.label == "all");
        evaluator.evaluate().map_err(EvaluationError::from)?;
        let mut matches = Self::default();
        for cell in evaluator.eval_imgs().iter().flatten() {
            let (image, category) = (cell.image_id as usize - 1, cell.category_id as usize - 1);
            let objects = cell.num_gt_in_denominator();
            if objects > 0 {
                matches.objects.push((image, category, objects));
            }
            for (place, score) in cell.dt_scores.iter().enumerate() {
                // What lies in a crowd is neither true nor false.
                if !cell.dt_ignore[(0, place)] {
                    let is_true = cell.dt_matched[(0, place)];
                    matches.detections.push(Match { image, category, score: *score, is_true });
                }
            }
        }
        // As pycocotools sorts: those of equal score stay in the order of their images.
        matches.detections.sort_by_key(|found| found.image);
        matches.detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(matches)
    }
}
