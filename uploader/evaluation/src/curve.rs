//! Precision, recall and F1 over the least score.

use serde::Serialize;

use crate::matches::Match;

/// Points of a curve.
const POINTS: u32 = 100;

/// What a least score makes of the detections.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Operating {
    /// The least score.
    pub confidence: f64,
    /// The share of the detections that are true.
    pub precision: f64,
    /// The share of the objects that are found.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
    /// Objects that were found.
    pub true_positives: usize,
    /// Detections that are of no object, or of one that was found already.
    pub false_positives: usize,
    /// Objects that were not found.
    pub false_negatives: usize,
}

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The least score.
    pub confidence: f64,
    /// 1 where nothing is detected.
    pub precision: f64,
    /// 0 where there are no objects.
    pub recall: f64,
    /// 0 where nothing is found.
    pub f1: f64,
}

impl Operating {
    fn new(confidence: f64, truths: usize, taken: usize, objects: usize) -> Self {
        let share = |part: usize, of: usize, none: f64| if of == 0 { none } else { part as f64 / of as f64 };
        let f1 = share(2 * truths, taken + objects, 0.0);
        Self {
            confidence,
            precision: share(truths, taken, 1.0),
            recall: share(truths, objects, 0.0),
            f1,
            true_positives: truths,
            false_positives: taken - truths,
            false_negatives: objects - truths,
        }
    }
}

/// The least score with the best F1, the highest of several; `None` where nothing is found. `found` are sorted, best first.
pub(crate) fn best(found: &[&Match], objects: usize) -> Option<Operating> {
    let (mut truths, mut best): (usize, Option<Operating>) = (0, None);
    for (place, detection) in found.iter().enumerate() {
        truths += usize::from(detection.is_true);
        let next = found.get(place + 1).map(|next| next.score);
        if next == Some(detection.score) {
            continue;
        }
        // Between two scores, so that rounding it changes nothing.
        let confidence = next.map_or(detection.score, |next| f64::midpoint(detection.score, next));
        let here = Operating::new(confidence, truths, place + 1, objects);
        if here.f1 > best.map_or(0.0, |best| best.f1) {
            best = Some(here);
        }
    }
    best
}

/// The curve at 0.00, 0.01, … 1.00. `found` are sorted, best first.
pub(crate) fn curve(found: &[&Match], objects: usize) -> Vec<Point> {
    let mut truths = vec![0];
    truths.extend(found.iter().scan(0, |truths, detection| {
        *truths += usize::from(detection.is_true);
        Some(*truths)
    }));
    let point = |hundredths: u32| {
        let confidence = f64::from(hundredths) / f64::from(POINTS);
        let taken = found.partition_point(|detection| detection.score >= confidence);
        let Operating { precision, recall, f1, .. } = Operating::new(confidence, truths[taken], taken, objects);
        Point { confidence, precision, recall, f1 }
    };
    (0..=POINTS).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(detections: &[(f64, bool)]) -> Vec<Match> {
        detections.iter().map(|&(score, is_true)| Match { image: 0, category: 0, score, is_true }).collect()
    }

    #[test]
    fn the_best_threshold_lies_between_two_scores() {
        let found = found(&[(0.9, true), (0.8, true), (0.4, false), (0.4, false), (0.2, false)]);
        let found: Vec<&Match> = found.iter().collect();
        let best = best(&found, 3).unwrap();
        assert!((best.confidence - 0.6).abs() < 1e-9);
        assert_eq!((best.true_positives, best.false_positives, best.false_negatives), (2, 0, 1));
        assert!((best.precision - 1.0).abs() < 1e-9 && (best.recall - 2.0 / 3.0).abs() < 1e-9);
        assert!((best.f1 - 0.8).abs() < 1e-9);
        let curve = curve(&found, 3);
        assert_eq!(curve.len(), 101);
        assert!((curve[0].precision - 0.4).abs() < 1e-9 && (curve[40].precision - 0.5).abs() < 1e-9);
        assert!((curve[95].precision - 1.0).abs() < 1e-9 && curve[95].recall == 0.0);
    }

    #[test]
    fn detections_of_one_score_are_taken_together() {
        let found = found(&[(0.5, true), (0.5, false)]);
        let best = best(&found.iter().collect::<Vec<_>>(), 1).unwrap();
        assert_eq!((best.true_positives, best.false_positives), (1, 1));
    }

    #[test]
    fn nothing_found_has_no_threshold() {
        assert_eq!(best(&[], 3), None);
        assert_eq!(best(&found(&[(0.5, false)]).iter().collect::<Vec<_>>(), 3), None);
        assert!(curve(&[], 0).iter().all(|point| point.recall == 0.0 && point.f1 == 0.0));
    }
}
