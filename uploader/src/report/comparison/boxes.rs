//! Whether two answers found the same objects.

use serde::Serialize;
use wire::{Answer, FoundObject};

/// Two boxes that overlap so much are one.
const LEAST_IOU: f64 = 0.9;
/// Scores that differ by no more come from arithmetic, not from another model.
const SCORE_TOLERANCE: f64 = 0.02;

/// How the boxes of a number of photos compare.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Agreement {
    /// Photos that both answered.
    pub(crate) photos: usize,
    /// Those with different boxes.
    pub(crate) different: Vec<Disagreement>,
}

/// A photo in which two targets found different things.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Disagreement {
    pub(crate) photo: String,
    /// How many objects only the first found.
    pub(crate) only_first: usize,
    /// How many objects only the second found.
    pub(crate) only_second: usize,
    /// These objects.
    pub(crate) first_objects: Vec<FoundObject>,
    pub(crate) second_objects: Vec<FoundObject>,
}

impl Agreement {
    /// Adds a photo.
    pub(crate) fn add(&mut self, photo: &str, first: &Answer, second: &Answer) {
        self.photos += 1;
        let (first_objects, second_objects) = unmatched(first, second);
        let (only_first, only_second) = (first_objects.len(), second_objects.len());
        if only_first + only_second > 0 {
            let photo = photo.to_owned();
            self.different.push(Disagreement { photo, only_first, only_second, first_objects, second_objects });
        }
    }
}

/// The objects of each that have no counterpart in the other.
fn unmatched(first: &Answer, second: &Answer) -> (Vec<FoundObject>, Vec<FoundObject>) {
    let mut left: Vec<&FoundObject> = second.detections.iter().collect();
    let mut only_first = Vec::new();
    for object in &first.detections {
        let counterpart = left
            .iter()
            .enumerate()
            .filter(|(_, other)| same_kind(object, other))
            .map(|(place, other)| (place, iou(object.bbox, other.bbox)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, overlap)| *overlap >= LEAST_IOU);
        match counterpart {
            Some((place, _)) => drop(left.swap_remove(place)),
            None if on_the_threshold(object, first) => {}
            None => only_first.push(object.clone()),
        }
    }
    (only_first, left.into_iter().filter(|object| !on_the_threshold(object, second)).cloned().collect())
}

fn same_kind(a: &FoundObject, b: &FoundObject) -> bool {
    a.label == b.label && (a.score - b.score).abs() <= SCORE_TOLERANCE
}

/// An object that barely passed may barely fail elsewhere.
fn on_the_threshold(object: &FoundObject, answer: &Answer) -> bool {
    object.score - answer.thresholds.confidence <= SCORE_TOLERANCE
}

fn iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |[x1, y1, x2, y2]: [f64; 4]| (x2 - x1).max(0.0) * (y2 - y1).max(0.0);
    let common = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let union = area(a) + area(b) - common;
    if union > 0.0 { common / union } else { f64::from(u8::from(a == b)) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::answer;
    use super::*;

    fn object(label: &str, score: f64, bbox: [f64; 4]) -> FoundObject {
        FoundObject { label: label.to_owned(), class_id: 0, score, bbox }
    }

    fn compared(first: Vec<FoundObject>, second: Vec<FoundObject>) -> (usize, usize) {
        let (first, second) = unmatched(&answer(first), &answer(second));
        (first.len(), second.len())
    }

    #[test]
    fn order_and_small_differences_do_not_matter() {
        let (cat, dog) = (object("cat", 0.9, [0.0, 0.0, 100.0, 100.0]), object("dog", 0.8, [0.0, 0.0, 50.0, 50.0]));
        let moved = object("cat", 0.91, [1.0, 0.0, 101.0, 100.0]);
        assert_eq!(compared(vec![cat, dog.clone()], vec![dog, moved]), (0, 0));
    }

    #[test]
    fn label_place_score_and_number_matter() {
        let cat = || object("cat", 0.9, [0.0, 0.0, 100.0, 100.0]);
        assert_eq!(compared(vec![cat()], vec![object("dog", 0.9, cat().bbox)]), (1, 1));
        assert_eq!(compared(vec![cat()], vec![object("cat", 0.9, [20.0, 0.0, 120.0, 100.0])]), (1, 1));
        assert_eq!(compared(vec![cat()], vec![object("cat", 0.8, cat().bbox)]), (1, 1));
        assert_eq!(compared(vec![cat(), cat()], vec![cat()]), (1, 0));
    }

    #[test]
    fn what_barely_passed_may_be_missing() {
        assert_eq!(compared(vec![object("cat", 0.26, [0.0, 0.0, 9.0, 9.0])], Vec::new()), (0, 0));
        assert_eq!(compared(Vec::new(), vec![object("cat", 0.3, [0.0, 0.0, 9.0, 9.0])]), (0, 1));
    }
}
