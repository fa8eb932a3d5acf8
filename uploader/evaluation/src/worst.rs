//! The photos on which most goes wrong.

use std::collections::HashMap;

use serde::Serialize;

use crate::matches::Matches;

/// A photo and what went wrong on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worst {
    /// The photo, as the truth calls it.
    pub photo: String,
    /// Objects that were found.
    pub true_positives: usize,
    /// Objects that were not.
    pub false_negatives: usize,
    /// Detections that are of no object, or of one that was found already.
    pub false_positives: usize,
}

impl Worst {
    /// How many objects and detections are wrong.
    #[must_use]
    pub fn cost(&self) -> usize {
        self.false_negatives + self.false_positives
    }
}

/// The worst photos with a least score, `count` at most; those on which nothing is wrong are not among them.
pub(crate) fn worst(matches: &Matches, confidence: f64, count: usize, name: impl Fn(usize) -> String) -> Vec<Worst> {
    let mut photos: HashMap<usize, (usize, usize, usize)> = HashMap::new();
    for (image, _, objects) in &matches.objects {
        photos.entry(*image).or_default().0 += objects;
    }
    for found in matches.detections.iter().filter(|found| found.score >= confidence) {
        let (_, truths, wrong) = photos.entry(found.image).or_default();
        *if found.is_true { truths } else { wrong } += 1;
    }
    let mut all: Vec<(usize, usize, (usize, usize, usize))> = photos
        .into_iter()
        .map(|(image, counts)| (counts.0 - counts.1 + counts.2, image, counts))
        .filter(|(cost, ..)| *cost > 0)
        .collect();
    all.sort_unstable_by_key(|(cost, image, _)| (std::cmp::Reverse(*cost), *image));
    let entry = |(_, image, (objects, truths, wrong)): (usize, usize, (usize, usize, usize))| Worst {
        photo: name(image),
        true_positives: truths,
        false_negatives: objects - truths,
        false_positives: wrong,
    };
    all.into_iter().take(count).map(entry).collect()
}
