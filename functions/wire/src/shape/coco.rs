//! COCO's results format (<https://cocodataset.org/#format-results>).

use detector::labels::coco_category;
use serde::{Deserialize, Serialize};

use crate::{Answer, FoundObject};

/// One entry of a COCO results list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CocoResult {
    /// The photo: a number where the caller has one.
    pub image_id: ImageId,
    /// COCO category id; for labels COCO does not know, the class id plus 1.
    pub category_id: usize,
    /// x, y, width, height in pixels of the upright photo.
    pub bbox: [f64; 4],
    /// Confidence, 0..=1.
    pub score: f64,
}

/// Identifies a photo in a results list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ImageId {
    /// A COCO image id, or a photo's place in its request.
    Number(u64),
    /// A file's stem that is no number.
    Name(String),
}

impl ImageId {
    /// The id of a file by its stem: a number where it is one (`000000000139` is 139).
    #[must_use]
    pub fn from_stem(stem: &str) -> Self {
        match stem.parse() {
            Ok(number) if stem.bytes().all(|b| b.is_ascii_digit()) => Self::Number(number),
            _ => Self::Name(stem.to_owned()),
        }
    }
}

/// The category id of a label.
#[must_use]
pub fn category_id(object: &FoundObject) -> usize {
    coco_category(&object.label).unwrap_or(object.class_id + 1)
}

/// The answer as entries of a results list.
#[must_use]
pub fn results(answer: &Answer, image_id: &ImageId) -> Vec<CocoResult> {
    answer
        .detections
        .iter()
        .map(|object| {
            let [x1, y1, x2, y2] = object.bbox;
            let side = |length: f64| (length * 100.0).round() / 100.0;
            CocoResult {
                image_id: image_id.clone(),
                category_id: category_id(object),
                bbox: [x1, y1, side(x2 - x1), side(y2 - y1)],
                score: object.score,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_become_numbers_where_they_are_numbers() {
        assert_eq!(ImageId::from_stem("000000000139"), ImageId::Number(139));
        assert_eq!(ImageId::from_stem("+7"), ImageId::Name("+7".to_owned()));
        assert_eq!(ImageId::from_stem("holiday"), ImageId::Name("holiday".to_owned()));
    }
}
