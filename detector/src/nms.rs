//! Thresholds and greedy non-maximum suppression.

use crate::{BBox, Detection, MULTI_LABEL_CANDIDATES, Thresholds};

/// What a head read from the graph: not yet filtered, in any coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) class_id: usize,
    pub(crate) score: f32,
    pub(crate) bbox: BBox,
}

impl From<Detection> for Candidate {
    fn from(Detection { class_id, score, bbox }: Detection) -> Self {
        Self { class_id, score, bbox }
    }
}

/// Candidates to detections, best first: confidence, classes, NMS (where the head needs it) and count.
///
/// A box is dropped when its IoU with a better kept box of its class (of any class with `class_agnostic`) exceeds
/// `thresholds.iou`. Scores and boxes that are not finite are dropped: NaN never reaches a comparison. Candidates of
/// equal score keep their order, so the same photo gives the same answer.
pub(crate) fn select(mut candidates: Vec<Candidate>, thresholds: &Thresholds, suppress: bool) -> Vec<Detection> {
    candidates.retain(|c| {
        c.score.is_finite() && c.score >= thresholds.confidence && c.bbox.is_finite() && thresholds.takes(c.class_id)
    });
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    if thresholds.multi_label {
        candidates.truncate(MULTI_LABEL_CANDIDATES);
    }
    let mut kept: Vec<Detection> = Vec::with_capacity(thresholds.max_detections.min(candidates.len()));
    for candidate in candidates {
        if kept.len() >= thresholds.max_detections {
            break;
        }
        let suppressed = suppress
            && kept.iter().any(|better| {
                (thresholds.class_agnostic || better.class_id == candidate.class_id)
                    && better.bbox.iou(&candidate.bbox) > thresholds.iou
            });
        if !suppressed {
            let Candidate { class_id, score, bbox } = candidate;
            kept.push(Detection { class_id, score, bbox });
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate() -> impl Strategy<Value = Candidate> {
        let score = prop_oneof![9 => 0.0f32..1.0, 1 => Just(f32::NAN)];
        (0usize..3, score, 0.0f32..90.0, 0.0f32..90.0, 1.0f32..40.0, 1.0f32..40.0).prop_map(
            |(class_id, score, x, y, w, h)| Candidate { class_id, score, bbox: BBox::new(x, y, x + w, y + h) },
        )
    }

    fn thresholds() -> impl Strategy<Value = Thresholds> {
        (0.0f32..1.0, 0.0f32..1.0, 0usize..20, any::<bool>()).prop_map(|(confidence, iou, max_detections, agnostic)| {
            Thresholds { confidence, iou, max_detections, class_agnostic: agnostic, ..Thresholds::default() }
        })
    }

    proptest! {
        #[test]
        fn kept_boxes_pass_every_threshold(candidates in prop::collection::vec(candidate(), 0..60), t in thresholds()) {
            let kept = select(candidates, &t, true);
            prop_assert!(kept.len() <= t.max_detections);
            prop_assert!(kept.iter().all(|d| d.score >= t.confidence));
            prop_assert!(kept.windows(2).all(|pair| pair[0].score >= pair[1].score));
            for (i, a) in kept.iter().enumerate() {
                for b in &kept[..i] {
                    prop_assert!((a.class_id != b.class_id && !t.class_agnostic) || a.bbox.iou(&b.bbox) <= t.iou);
                }
            }
        }

        #[test]
        fn a_dropped_box_has_a_reason(candidates in prop::collection::vec(candidate(), 0..60), t in thresholds()) {
            let t = Thresholds { max_detections: 1000, ..t };
            let kept = select(candidates.clone(), &t, true);
            for c in candidates.iter().filter(|c| c.score >= t.confidence) {
                let is_kept = kept.iter().any(|d| d.bbox == c.bbox && d.class_id == c.class_id);
                let is_beaten = kept.iter().any(|d| d.score >= c.score && d.bbox.iou(&c.bbox) > t.iou);
                prop_assert!(is_kept || is_beaten);
            }
        }

        #[test]
        fn selecting_twice_changes_nothing(candidates in prop::collection::vec(candidate(), 0..60), t in thresholds()) {
            let once = select(candidates, &t, true);
            let again = once.iter().map(|d| Candidate { class_id: d.class_id, score: d.score, bbox: d.bbox }).collect();
            prop_assert_eq!(select(again, &t, true), once);
        }
    }

    #[test]
    fn only_the_classes_asked_for() {
        let candidates = vec![
            Candidate { class_id: 0, score: 0.9, bbox: BBox::new(0.0, 0.0, 1.0, 1.0) },
            Candidate { class_id: 1, score: 0.8, bbox: BBox::new(0.0, 0.0, 1.0, 1.0) },
        ];
        let thresholds = Thresholds { classes: Some(vec![1]), ..Thresholds::default() };
        assert_eq!(select(candidates, &thresholds, true)[0].class_id, 1);
    }
}
