//! Prepared graphs find what their sources find, and count only for the source they were made of.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../tests/assets.rs"]
mod assets;

use std::path::{Path, PathBuf};

use assets::asset;
use detector::card::Fit;
use detector::catalog::{self, ModelFile};
use detector::{Detector, DetectorOptions, Thresholds, prepared};
use image::{Rgb, RgbImage};
use prepare::{Outcome, PrepareError, prepare};

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A copy of a model in a folder of its own, with the card that it has.
fn copy(model: &ModelFile) -> (tempfile::TempDir, ModelFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::copy(&model.path, &path).unwrap();
    (folder, ModelFile { path, ..model.clone() })
}

fn fixture(name: &str) -> ModelFile {
    catalog::find(Some(&tree().join("model/fixtures").join(name).display().to_string())).unwrap()
}

fn load(model: &ModelFile) -> Detector {
    Detector::load(model.clone(), &DetectorOptions::default()).unwrap()
}

/// Rectangles in the colours that the fixtures know, on a wide picture.
fn picture() -> Vec<u8> {
    let mut picture = RgbImage::from_pixel(160, 90, Rgb([20, 20, 20]));
    for (x, y, color) in [(10, 10, [220, 30, 30]), (80, 40, [30, 200, 30]), (120, 5, [30, 40, 220])] {
        for (x, y) in (y..y + 30).flat_map(|y| (x..x + 30).map(move |x| (x, y))) {
            picture.put_pixel(x, y, Rgb(color));
        }
    }
    detector::annotate::jpeg(&picture, 95).unwrap()
}

#[test]
fn every_fixture_finds_the_same_when_prepared() {
    for name in ["yolox", "yolo", "yolo-e2e", "detr", "detr-deploy", "ssd", "nanodet", "fastestdet"] {
        let (_folder, model) = copy(&fixture(name));
        let plain = load(&model);
        assert!(!plain.is_prepared(), "{name}");
        let report = prepare(&model, None, &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(report.path, prepared::beside(&model.path));
        let prepared = load(&model);
        assert!(prepared.is_prepared(), "{name}");
        assert_eq!(prepared.sha256(), plain.sha256(), "{name}");
        let thresholds = Thresholds { confidence: 0.1, ..Thresholds::default() };
        let found = [&plain, &prepared].map(|d| d.detect(&picture(), &thresholds).unwrap().detections);
        assert_eq!(found[0].len(), found[1].len(), "{name}");
        for (one, other) in found[0].iter().zip(&found[1]) {
            assert!(one.bbox.iou(&other.bbox) > 0.99 && (one.score - other.score).abs() < 0.002, "{name}");
        }
    }
}

/// Its sizes are open from the start, and its card asks for the photo's own shape.
#[test]
fn the_model_of_the_tree_finds_the_same_when_prepared() {
    let (_folder, model) = copy(&catalog::find(Some("spotter-nano")).unwrap());
    let sample = tree().join(".tools/samples/chelsea.png");
    let upright = std::fs::read(&sample).unwrap_or_else(|e| panic!("{}: {e}; run `make setup`", sample.display()));
    let plain = load(&model);
    prepare(&model, None, &[sample]).unwrap();
    let prepared = load(&model);
    assert!(plain.fits_shape() && prepared.fits_shape() && prepared.is_prepared());
    // Wider than the commonest shape, and then tall.
    let turned = {
        let image = image::load_from_memory(&upright).unwrap().rotate90().into_rgb8();
        detector::annotate::jpeg(&image, 95).unwrap()
    };
    for photo in [upright, turned] {
        let thresholds = Thresholds { confidence: 0.05, ..Thresholds::default() };
        let found = [&plain, &prepared].map(|d| d.detect(&photo, &thresholds).unwrap().detections);
        assert!(!found[0].is_empty() && found[0].len() == found[1].len());
        assert!(found[0].iter().zip(&found[1]).all(|(one, other)| one.bbox.iou(&other.bbox) > 0.99));
    }
}

#[test]
fn a_changed_source_is_not_answered_for_by_what_was_prepared_before() {
    let (_folder, model) = copy(&fixture("yolox"));
    prepare(&model, None, &[]).unwrap();
    assert!(load(&model).is_prepared());
    // A field that ONNX does not know: another file, the same graph.
    let mut bytes = std::fs::read(&model.path).unwrap();
    bytes.extend([0xfa, 0x7f, 0x01, 0x00]);
    std::fs::write(&model.path, bytes).unwrap();
    assert!(!load(&model).is_prepared());
    // Nor by half a file.
    std::fs::write(prepared::beside(&model.path), b"half a file").unwrap();
    assert!(!load(&model).is_prepared());
}

#[test]
fn what_cannot_be_prepared_says_why_and_leaves_nothing() {
    let (folder, model) = copy(&fixture("yolox"));
    let bytes = std::fs::read(&model.path).unwrap();
    for broken in [&b"no graph at all"[..], &bytes[..bytes.len() / 2], &[0xff; 64]] {
        std::fs::write(&model.path, broken).unwrap();
        let error = prepare(&model, None, &[]).unwrap_err();
        assert!(error.to_string().contains("model.onnx"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    std::fs::write(&model.path, bytes).unwrap();
    let report = prepare(&model, None, &[]).unwrap();
    let again = ModelFile { path: report.path, ..model };
    assert!(matches!(prepare(&again, None, &[]), Err(PrepareError::Graph { .. })));
}

/// The published YOLOX-nano has every pattern but shuffles; NanoDet has those.
#[test]
fn real_graphs_are_folded_freed_and_the_same() {
    let photos: Vec<PathBuf> = match asset("photos/coco-dev/images") {
        Some(folder) => std::fs::read_dir(folder).unwrap().take(12).map(|entry| entry.unwrap().path()).collect(),
        None => return,
    };
    for (file, expected) in [("yolox_nano", [1, 2, 0, 1, 8]), ("nanodet_m_416", [0, 0, 16, 1, 0])] {
        let Some(path) = asset(&format!("models/{file}.onnx")) else { return };
        let (_folder, model) = copy(&catalog::find(Some(&path.display().to_string())).unwrap());
        let report = prepare(&model, None, &photos).unwrap();
        let places = report.steps.iter().map(|step| match &step.outcome {
            Outcome::Done(places) => *places,
            Outcome::LeftAlone(_) => 0,
        });
        assert_eq!(places.collect::<Vec<_>>(), expected, "{file}: {:?}", report.steps);
        assert!(report.trial.difference < 1e-3);
        let boxes = report.boxes.unwrap();
        assert!(boxes.is_same() && boxes.photos == 12 && boxes.boxes > 20, "{boxes}");
        // In the photo's own shape the same objects are seen, if not to the same pixel.
        let mut card = load(&model).card().clone();
        let (fits, photo) = (|fit| (fit, std::fs::read(&photos[0]).unwrap()), &photos[0]);
        let mut found = Vec::new();
        for (fit, bytes) in [fits(Fit::Square), fits(Fit::Shape)] {
            card.input.fit = fit;
            let detector = load(&ModelFile { card: Some(card.clone()), ..model.clone() });
            assert_eq!(detector.fits_shape(), fit == Fit::Shape);
            found.push(detector.detect(&bytes, &Thresholds { confidence: 0.5, ..Thresholds::default() }).unwrap());
        }
        for detection in &found[0].detections {
            let seen = found[1]
                .detections
                .iter()
                .any(|other| other.class_id == detection.class_id && other.bbox.iou(&detection.bbox) > 0.8);
            assert!(seen || detection.score < 0.6, "{file}, {}: {detection:?}", photo.display());
        }
    }
}
