//! What Rekognition says of a label beside its name: its parent and its category, for COCO's 80 labels.

/// Parent (COCO's supercategory, as Rekognition writes names) and category (of Rekognition's list).
struct Group {
    parent: Option<&'static str>,
    category: &'static str,
    labels: &'static [&'static str],
}

const GROUPS: &[Group] = &[
    Group { parent: None, category: "Person Description", labels: &["person"] },
    Group {
        parent: Some("Vehicle"),
        category: "Vehicles and Automotive",
        labels: &["bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"],
    },
    Group {
        parent: None,
        category: "Transport and Logistics",
        labels: &["traffic light", "fire hydrant", "stop sign", "parking meter"],
    },
    Group { parent: Some("Furniture"), category: "Furniture and Furnishings", labels: &["bench"] },
    Group {
        parent: Some("Animal"),
        category: "Animals and Pets",
        labels: &["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"],
    },
    Group {
        parent: Some("Accessories"),
        category: "Apparel and Accessories",
        labels: &["backpack", "umbrella", "handbag", "tie", "suitcase"],
    },
    Group {
        parent: Some("Sport"),
        category: "Sports",
        labels: &[
            "frisbee",
            "skis",
            "snowboard",
            "sports ball",
            "kite",
            "baseball bat",
            "baseball glove",
            "skateboard",
            "surfboard",
            "tennis racket",
        ],
    },
    Group {
        parent: Some("Kitchenware"),
        category: "Kitchen and Dining",
        labels: &["bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl"],
    },
    Group {
        parent: Some("Food"),
        category: "Food and Beverage",
        labels: &["banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake"],
    },
    Group {
        parent: Some("Furniture"),
        category: "Furniture and Furnishings",
        labels: &["chair", "couch", "bed", "dining table"],
    },
    Group { parent: Some("Plant"), category: "Plants and Flowers", labels: &["potted plant"] },
    Group { parent: None, category: "Home and Indoors", labels: &["toilet", "sink", "vase"] },
    Group {
        parent: Some("Electronics"),
        category: "Technology and Computing",
        labels: &["tv", "laptop", "mouse", "remote", "keyboard", "cell phone"],
    },
    Group {
        parent: Some("Appliance"),
        category: "Home Appliances",
        labels: &["microwave", "oven", "toaster", "refrigerator", "hair drier"],
    },
    Group { parent: None, category: "Everyday Objects", labels: &["clock", "scissors", "toothbrush", "book"] },
    Group { parent: Some("Toy"), category: "Toys and Gaming", labels: &["teddy bear"] },
];

/// Parent and category of a label, where they can be told.
pub(super) fn of(label: &str) -> (Option<&'static str>, Option<&'static str>) {
    let group = GROUPS.iter().find(|group| group.labels.contains(&label));
    (group.and_then(|group| group.parent), group.map(|group| group.category))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_of_coco_has_one_category() {
        for label in detector::labels::coco80() {
            let groups = GROUPS.iter().filter(|group| group.labels.contains(&label.as_str())).count();
            assert_eq!(groups, 1, "{label}");
        }
        assert_eq!(of("unicorn"), (None, None));
    }
}
