//! Labels by class id, and COCO's two numberings: 80 dense class ids, and category ids 1..=90 with gaps.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// COCO's labels in class-id order, each with its category id (<https://cocodataset.org/#format-data>).
#[rustfmt::skip]
const COCO: [(&str, usize); 80] = [
    ("person", 1), ("bicycle", 2), ("car", 3), ("motorcycle", 4), ("airplane", 5), ("bus", 6), ("train", 7),
    ("truck", 8), ("boat", 9), ("traffic light", 10), ("fire hydrant", 11), ("stop sign", 13), ("parking meter", 14),
    ("bench", 15), ("bird", 16), ("cat", 17), ("dog", 18), ("horse", 19), ("sheep", 20), ("cow", 21),
    ("elephant", 22), ("bear", 23), ("zebra", 24), ("giraffe", 25), ("backpack", 27), ("umbrella", 28),
    ("handbag", 31), ("tie", 32), ("suitcase", 33), ("frisbee", 34), ("skis", 35), ("snowboard", 36),
    ("sports ball", 37), ("kite", 38), ("baseball bat", 39), ("baseball glove", 40), ("skateboard", 41),
    ("surfboard", 42), ("tennis racket", 43), ("bottle", 44), ("wine glass", 46), ("cup", 47), ("fork", 48),
    ("knife", 49), ("spoon", 50), ("bowl", 51), ("banana", 52), ("apple", 53), ("sandwich", 54), ("orange", 55),
    ("broccoli", 56), ("carrot", 57), ("hot dog", 58), ("pizza", 59), ("donut", 60), ("cake", 61), ("chair", 62),
    ("couch", 63), ("potted plant", 64), ("bed", 65), ("dining table", 67), ("toilet", 70), ("tv", 72),
    ("laptop", 73), ("mouse", 74), ("remote", 75), ("keyboard", 76), ("cell phone", 77), ("microwave", 78),
    ("oven", 79), ("toaster", 80), ("sink", 81), ("refrigerator", 82), ("book", 84), ("clock", 85), ("vase", 86),
    ("scissors", 87), ("teddy bear", 88), ("hair drier", 89), ("toothbrush", 90),
];

/// COCO's 80 labels in class-id order.
#[must_use]
pub fn coco80() -> Vec<String> {
    COCO.iter().map(|(label, _)| (*label).to_owned()).collect()
}

/// COCO's category id (1..=90) of a label, where it is one of COCO's.
#[must_use]
pub fn coco_category(label: &str) -> Option<usize> {
    COCO.iter().find(|(name, _)| *name == label).map(|(_, category)| *category)
}

/// From a COCO category id (1..=90) to the class id among COCO's 80; `None` for the gaps.
pub(crate) fn coco_class(category: usize) -> Option<usize> {
    COCO.iter().position(|(_, id)| *id == category)
}

/// True for COCO's 80 labels in their order.
pub(crate) fn is_coco80(labels: &[String]) -> bool {
    labels.len() == COCO.len() && labels.iter().zip(COCO).all(|(label, (name, _))| label == name)
}

/// As [`deserialize`] reads them.
pub(crate) fn serialize<S: Serializer>(labels: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    if is_coco80(labels) { serializer.serialize_str("coco80") } else { labels.serialize(serializer) }
}

/// `"coco80"`, or a list of labels.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Labels {
        Known(String),
        List(Vec<String>),
    }
    match Labels::deserialize(deserializer)? {
        Labels::List(labels) => Ok(labels),
        Labels::Known(name) if name == "coco80" => Ok(coco80()),
        Labels::Known(name) => Err(serde::de::Error::custom(format!(
            "labels = {name:?} is not known: write \"coco80\" or a list of labels by class id"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_numberings_agree() {
        assert_eq!(COCO.map(|(_, category)| coco_class(category)), std::array::from_fn(Some));
        assert_eq!((coco_category("toothbrush"), coco_class(12)), (Some(90), None));
    }
}
