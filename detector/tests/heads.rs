//! Every head against the reference formulas, on the tree's fixture graphs (`model/fixtures/make.py` writes both), and
//! against real weights where the assets are.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Cursor;

use detector::catalog::Origin;
use detector::{BBox, Detector, DetectorOptions, Findings, ModelError, Thresholds};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::Value;

const FIXTURES: &[&str] = &[
    "yolox",
    "yolo",
    "yolo-e2e",
    "detr",
    "detr-deploy",
    "ssd",
    "nanodet",
    "fastestdet",
    "nan",
    "table-rows",
    "table-columns",
    "table-counted",
    "table-dets",
    "table-batch",
    "table-paddle",
    "table-half",
    "table-photos",
    "table-background",
    "table-four",
    "table-plain",
    "detr-softmax",
    "grid-exp",
    "grid-yolov5",
    "grid-yolov3",
    "grid-prior",
    "grid-distances",
    "grid-distribution",
    "heatmap",
];

/// Those whose candidates have a score for each label, of which the best counts.
const MANY_LABELS: [&str; 13] = [
    "yolox",
    "yolo",
    "nanodet",
    "fastestdet",
    "table-rows",
    "table-columns",
    "detr-softmax",
    "grid-exp",
    "grid-yolov5",
    "grid-yolov3",
    "grid-prior",
    "grid-distances",
    "grid-distribution",
];

fn numbers<const N: usize>(value: &Value) -> [f32; N] {
    let values: Vec<f32> = value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    values.try_into().unwrap()
}

fn picture(spec: &Value) -> Vec<u8> {
    let side = |name: &str| spec[name].as_u64().unwrap() as u32;
    let color = |value: &Value| Rgb(numbers::<3>(value).map(|v| v as u8));
    let mut image = RgbImage::from_pixel(side("width"), side("height"), color(&spec["background"]));
    for rectangle in spec["rectangles"].as_array().unwrap() {
        let [x1, y1, x2, y2] = numbers::<4>(&rectangle["box"]).map(|v| v as u32);
        for (x, y) in (y1..y2).flat_map(|y| (x1..x2).map(move |x| (x, y))) {
            image.put_pixel(x, y, color(&rectangle["color"]));
        }
    }
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}

fn assert_found(name: &str, detector: &Detector, found: &Findings, expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.detections.len(), expected.len(), "{name}: {:?}", found.detections);
    for (detection, want) in found.detections.iter().zip(expected) {
        assert_eq!(detector.labels()[detection.class_id], want["label"].as_str().unwrap(), "{name}");
        assert!(
            (f64::from(detection.score) - want["score"].as_f64().unwrap()).abs() < 0.01,
            "{name}: {detection:?} {want}"
        );
        let [x1, y1, x2, y2] = numbers::<4>(&want["box"]);
        let iou = detection.bbox.iou(&BBox::new(x1, y1, x2, y2));
        assert!(iou > 0.97, "{name}: {detection:?} against {want}: IoU {iou}");
    }
}

#[test]
fn every_head_agrees_with_its_reference() {
    for name in FIXTURES {
        let detector = common::detector(&common::fixture(name));
        let text = std::fs::read_to_string(common::fixture(name).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let confidence = expected["confidence"].as_f64().unwrap() as f32;
        let cases = expected["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let thresholds = Thresholds { confidence, ..Thresholds::default() };
            let found = detector.detect(&picture(&case["picture"]), &thresholds).unwrap();
            assert_found(name, &detector, &found, &case["detections"]);
        }
    }
}

#[test]
fn a_box_has_every_label_where_that_is_asked_for() {
    for name in FIXTURES {
        let detector = common::detector(&common::fixture(name));
        let text = std::fs::read_to_string(common::fixture(name).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let photo = picture(&expected["cases"][0]["picture"]);
        // Without NMS and any least score nothing hides anything.
        let best = Thresholds { confidence: 0.0, iou: 1.0, max_detections: 100_000, ..Thresholds::default() };
        let every = Thresholds { multi_label: true, ..best.clone() };
        let once = detector.detect(&photo, &best).unwrap().detections;
        let all = detector.detect(&photo, &every).unwrap().detections;
        // What a graph tells by number has one label, and what counts every pair of query and class does so anyway.
        let many = once.len() * detector.labels().len();
        if MANY_LABELS.contains(name) {
            assert_eq!(all.len(), many, "{name}");
        } else {
            assert!(all.len() == once.len() || all.len() == many, "{name}: {} of {}", all.len(), once.len());
        }
        for found in &once {
            let same = all.iter().any(|other| {
                (other.class_id, other.bbox) == (found.class_id, found.bbox) && (other.score - found.score).abs() < 1e-6
            });
            assert!(same, "{name}: {found:?} has lost its best label");
        }
        let wanted = Thresholds { classes: Some(vec![0]), confidence: 0.3, ..every.clone() };
        let some = detector.detect(&photo, &wanted).unwrap().detections;
        let expected = all.iter().filter(|found| found.class_id == 0 && found.score >= 0.3).count();
        assert_eq!(some.len(), expected, "{name}: classes and confidence hold for every label");
    }
}

#[test]
fn bare_exports_get_their_card_from_their_metadata() {
    for name in ["yolo", "yolo-e2e"] {
        let detector = common::detector(&common::fixture(&format!("bare/{name}.onnx")));
        assert_eq!(detector.card().head.kind.to_string(), name);
        let text = std::fs::read_to_string(common::fixture(name).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let case = &expected["cases"][0];
        let found = detector.detect(&picture(&case["picture"]), &Thresholds::default()).unwrap();
        assert_found(name, &detector, &found, &case["detections"]);
    }
}

#[test]
fn other_exports_get_their_card_from_what_they_give() {
    let text = std::fs::read_to_string(common::fixture("yolo/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for (name, kind) in [
        ("yolov5", "table"),
        ("segment", "table"),
        ("rt-detr", "table"),
        ("rows", "table"),
        ("batch", "table"),
        ("photos", "table"),
        ("half", "table"),
        ("apart", "table"),
        ("apart-centers", "table"),
        ("background", "table"),
        ("tf2onnx", "table"),
        ("four", "table"),
        ("torchvision", "table"),
        ("tensorrt-nms", "table"),
        ("paddle", "table"),
        ("detr", "detr"),
        ("yolox", "yolox"),
        ("yunet", "grid"),
        ("centernet", "heatmap"),
        ("nanodet-plus", "grid"),
        ("picodet", "grid"),
        ("scrfd", "grid"),
        ("retinaface", "grid"),
    ] {
        let detector = common::detector(&common::fixture(&format!("bare/{name}.onnx")));
        assert_eq!(detector.card().head.kind.to_string(), kind, "{name}");
        assert_eq!(detector.card_origin(), &Origin::Inferred, "{name}");
        let is_of_faces = detector.labels() == ["face"];
        assert_eq!(is_of_faces, ["scrfd", "retinaface"].contains(&name), "{name}");
        assert_eq!(detector.note().is_some(), name == "photos", "{name}: {:?}", detector.note());
        for case in expected["cases"].as_array().unwrap() {
            let found = detector.detect(&picture(&case["picture"]), &Thresholds::default()).unwrap();
            let wanted = case["detections"].as_array().unwrap();
            assert_eq!(found.detections.len(), wanted.len(), "{name}: {:?}", found.detections);
            for want in wanted {
                let [x1, y1, x2, y2] = numbers::<4>(&want["box"]);
                let label = if is_of_faces { "face" } else { want["label"].as_str().unwrap() };
                let is_it = |d: &&detector::Detection| {
                    detector.labels()[d.class_id] == label && d.bbox.iou(&BBox::new(x1, y1, x2, y2)) > 0.97
                };
                assert!(found.detections.iter().any(|d| is_it(&d)), "{name}: {want} in {:?}", found.detections);
            }
        }
    }
}

#[test]
fn what_can_be_read_in_several_ways_is_refused_with_cards_that_work() {
    let text = std::fs::read_to_string(common::fixture("yolo/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let case = &expected["cases"][0];
    for (name, most, words) in
        [("yolov6", 2, "2 ways"), ("yolov5-maps", 3, "ways"), ("nameless", 1, "does not name its classes")]
    {
        let folder = tempfile::tempdir().unwrap();
        let graph = folder.path().join("best.onnx");
        std::fs::copy(common::fixture(&format!("several/{name}.onnx")), &graph).unwrap();
        let error = Detector::load(common::model(&graph), &Default::default()).unwrap_err();
        assert!(error.to_string().contains(words) && error.to_string().contains("--write"), "{name}: {error}");
        let ModelError::NoCard { cards, .. } = error else { panic!("{error}") };
        assert!((1..=most).contains(&cards.len()), "{name}: {cards:?}");
        let finds_all = |card: String| {
            std::fs::write(folder.path().join("model.toml"), card).unwrap();
            let found = common::detector(&graph).detect(&picture(&case["picture"]), &Thresholds::default()).unwrap();
            let wanted = case["detections"].as_array().unwrap();
            found.detections.len() == wanted.len()
                && wanted.iter().all(|want| {
                    let [x1, y1, x2, y2] = numbers::<4>(&want["box"]);
                    found.detections.iter().any(|d| d.bbox.iou(&BBox::new(x1, y1, x2, y2)) > 0.97)
                })
        };
        // All are served as they are printed; the right one finds what is there.
        let right: Vec<bool> = cards.into_iter().map(finds_all).collect();
        assert!(right.contains(&true), "{name}: {right:?}");
    }
}

#[test]
fn a_known_name_is_not_enough() {
    let folder = tempfile::tempdir().unwrap();
    // A graph of somebody else's under the name of a known model is read as what it is.
    let path = folder.path().join("yolox_nano.onnx");
    std::fs::copy(common::fixture("bare/yolo.onnx"), &path).unwrap();
    let detector = common::detector(&path);
    assert_eq!((detector.card_origin(), detector.card().head.kind.to_string().as_str()), (&Origin::Inferred, "yolo"));
}

#[test]
fn what_does_not_fit_is_refused_naming_both() {
    for (path, words) in [
        ("bad/unknown-outputs.onnx", ["unknown-outputs.onnx", "[head] kind"]),
        ("bad/input-size", ["bad/input-size", "input.size"]),
        ("bad/label-count", ["bad/label-count", "labels"]),
        ("bad/wrong-head", ["bad/wrong-head", "input"]),
    ] {
        let model = common::model(&common::fixture(path));
        let card = model.card.as_ref().map(|card| card.name.clone());
        let error = Detector::load(model, &Default::default()).unwrap_err().to_string();
        for word in words.into_iter().chain(card.as_deref()) {
            assert!(error.contains(word), "{path}: {error:?} does not say {word:?}");
        }
    }
}

/// A photo of the assets, what must be in it, and the models that see it.
#[test]
fn real_weights_find_real_things() {
    let (Some(models), Some(photos)) = (common::asset("models"), common::asset("photos/coco-dev/images")) else {
        return;
    };
    let photo = std::fs::read(photos.join("000000007386.jpg")).ok();
    let photos: Vec<Vec<u8>> = match photo {
        Some(photo) => vec![photo],
        None => {
            std::fs::read_dir(&photos).unwrap().take(20).map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect()
        }
    };
    // Without its name it is found out by what it gives.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(models.join("yolox_nano.onnx"), folder.path().join("best.onnx")).unwrap();
    let plain = DetectorOptions { prepared: false, ..DetectorOptions::default() };
    let renamed = Detector::load(common::model(&folder.path().join("best.onnx")), &plain).unwrap();
    assert_eq!(renamed.card().head.kind.to_string(), "yolox");
    assert!(renamed.note().unwrap().contains("COCO"), "{:?}", renamed.note());
    for (file, kind) in [
        ("yolox_nano.onnx", "yolox"),
        ("nanodet_m_416.onnx", "nanodet"),
        ("FastestDet.onnx", "fastestdet"),
        ("deimv2_atto_coco_int8.onnx", "detr"),
    ] {
        let detector = common::detector(&models.join(file));
        assert_eq!(detector.card().head.kind.to_string(), kind);
        let thresholds = Thresholds { confidence: 0.05, ..Thresholds::default() };
        let found: Vec<Findings> = photos.iter().map(|photo| detector.detect(photo, &thresholds).unwrap()).collect();
        assert!(found.iter().any(|findings| !findings.detections.is_empty()), "{file} finds nothing");
        for findings in &found {
            let (width, height) = (findings.width as f32, findings.height as f32);
            assert!(findings.detections.iter().all(|d| d.bbox == d.bbox.clamped(width, height)), "{file}");
        }
    }
}

#[test]
fn one_detector_serves_many_threads() {
    let detector = common::detector(&common::fixture("yolox"));
    let text = std::fs::read_to_string(common::fixture("yolox/expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let photo = picture(&expected["cases"][0]["picture"]);
    let once = detector.detect(&photo, &Thresholds::default()).unwrap().detections;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(detector.detect(&photo, &Thresholds::default()).unwrap().detections, once);
                }
            });
        }
    });
}
