//! COCO's twelve figures, and the average precision of each category.

use std::sync::Arc;

use hotcoco::{COCO, COCOeval, IouType};
use serde::Serialize;

use crate::error::EvaluationError;

/// The twelve figures, 0 to 1, as pycocotools prints them; `None` where there are no objects to tell them from.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Figures {
    /// Average precision, the mean over IoU 0.50 to 0.95 and the categories.
    pub ap: Option<f64>,
    /// At an IoU of 0.50.
    pub ap50: Option<f64>,
    /// At an IoU of 0.75.
    pub ap75: Option<f64>,
    /// Of objects below 32 x 32 pixels.
    pub ap_small: Option<f64>,
    /// Of objects below 96 x 96 pixels.
    pub ap_medium: Option<f64>,
    /// Of larger ones.
    pub ap_large: Option<f64>,
    /// Average recall with one detection per photo and category.
    pub ar1: Option<f64>,
    /// With 10.
    pub ar10: Option<f64>,
    /// With 100.
    pub ar100: Option<f64>,
    /// Of small objects, with 100.
    pub ar_small: Option<f64>,
    /// Of medium ones.
    pub ar_medium: Option<f64>,
    /// Of large ones.
    pub ar_large: Option<f64>,
}

/// Truth and detections as the evaluator takes them: ids count from 1.
#[derive(Clone)]
pub(crate) struct Sides {
    pub(crate) truth: Arc<COCO>,
    pub(crate) found: Arc<COCO>,
}

/// AP and AP50 of a category.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct OfCategory {
    pub(crate) ap: Option<f64>,
    pub(crate) ap50: Option<f64>,
}

/// The figures, and those of each of so many categories.
pub(crate) fn figures(sides: &Sides, categories: usize) -> Result<(Figures, Vec<OfCategory>), EvaluationError> {
    let mut evaluator = COCOeval::new(sides.truth.clone(), sides.found.clone(), IouType::Bbox);
    evaluator.evaluate().map_err(EvaluationError::from)?;
    evaluator.accumulate();
    evaluator.summarize_lines();
    // -1 is COCO's "nothing to tell it from".
    let known = |value: f64| (value >= 0.0).then_some(value);
    let stat = |place: usize| evaluator.stats().and_then(|stats| stats.get(place).copied()).and_then(known);
    let figures = Figures {
        ap: stat(0),
        ap50: stat(1),
        ap75: stat(2),
        ap_small: stat(3),
        ap_medium: stat(4),
        ap_large: stat(5),
        ar1: stat(6),
        ar10: stat(7),
        ar100: stat(8),
        ar_small: stat(9),
        ar_medium: stat(10),
        ar_large: stat(11),
    };
    let mut of_categories = vec![OfCategory::default(); categories];
    if let Some(accumulated) = evaluator.accumulated() {
        let (shape, most) = (accumulated.shape, evaluator.params.max_det_idx());
        let all = evaluator.params.all_area_idx();
        for (place, id) in accumulated.cat_ids.iter().enumerate() {
            let mean = |overlaps: std::ops::Range<usize>| {
                let values = overlaps.flat_map(|t| (0..shape.r).map(move |r| (t, r))).filter_map(|(t, r)| {
                    known(*accumulated.precision.get(accumulated.precision_idx(t, r, place, all, most))?)
                });
                let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
                (count > 0).then(|| sum / count as f64)
            };
            if let Some(of) = of_categories.get_mut((*id as usize).wrapping_sub(1)) {
                *of = OfCategory { ap: mean(0..shape.t), ap50: mean(0..1) };
            }
        }
    }
    Ok((figures, of_categories))
}
