//! One's own model: what is made of its graph, tried on photos, and kept as a card.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};

use common::{err, out, text, uploader};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/fixtures").join(name)
}

/// A folder with a graph, and the picture that its fixture finds a red and a blue rectangle in.
fn folder(graph: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (model, photo) = (folder.path().join("best.onnx"), folder.path().join("rectangles.png"));
    std::fs::copy(fixture(graph), &model).unwrap();
    let mut image = image::RgbImage::from_pixel(128, 96, image::Rgb([114; 3]));
    for (x1, y1, x2, y2, color) in [(12, 12, 54, 48, [220, 30, 30]), (66, 24, 120, 84, [30, 40, 250])] {
        for (x, y) in (y1..y2).flat_map(|y| (x1..x2).map(move |x| (x, y))) {
            image.put_pixel(x, y, image::Rgb(color));
        }
    }
    image.save(&photo).unwrap();
    (folder, model, photo)
}

#[test]
fn a_model_is_tried_on_photos() {
    let (folder, model, photo) = folder("bare/picodet.onnx");
    let drawn = folder.path().join("drawn");
    let output = uploader(&["model", "try", text(&model), text(&photo), "--annotate", text(&drawn)]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let said = out(&output);
    for words in ["Graph: inputs \"input\" [1,3,64,64]", "Card: inferred", "grid", "3 classes: red, green, blue"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("red 0.75 [12 12 54 48]") && said.contains("blue 0.82 [66 24 120 84]"), "{said}");
    assert!(!said.contains("Warning"), "{said}");
    let annotated = image::open(drawn.join("rectangles.jpg")).unwrap();
    assert_eq!((annotated.width(), annotated.height()), (128, 96));
}

#[test]
fn what_looks_wrong_is_said() {
    // A card that takes blue for red, and one that finds nothing.
    let (folder, model, photo) = folder("bare/yolo.onnx");
    let drawn = folder.path().join("drawn");
    let card = out(&uploader(&["model", "card", text(&model)]).output().unwrap());
    let path = folder.path().join("best.toml");
    std::fs::write(&path, card.replace("scale = 0.003921569", "scale = 0.00001")).unwrap();
    let output = uploader(&["model", "try", text(&model), text(&photo), "--annotate", text(&drawn)]).output().unwrap();
    let said = out(&output);
    assert!(said.contains("nothing found") && said.contains("Warning: ") && said.contains("input.color"), "{said}");
}

#[test]
fn several_readings_are_all_tried_and_one_is_kept() {
    let (folder, model, photo) = folder("several/yolov6.onnx");
    let drawn = folder.path().join("drawn");
    let output = uploader(&["model", "try", text(&model), text(&photo), "--annotate", text(&drawn)]).output().unwrap();
    let said = out(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("Card 1 of 2") && said.contains("Card 2 of 2") && said.contains("--reading 2"), "{said}");
    // The right one is the one that finds what is there.
    let second = said.split("Card 2 of 2").nth(1).unwrap();
    let right = if second.contains("red 0.75") { "2" } else { "1" };

    let write = |arguments: &[&str]| {
        let all = [&["model", "card", text(&model), "--write"], arguments].concat();
        uploader(&all).output().unwrap()
    };
    let output = write(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--reading 1 to 2"), "{}", err(&output));
    let output = write(&["--reading", right]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("best.toml"), "{}", out(&output));
    let found = uploader(&["detect", text(&photo), "--model", text(&model), "--quiet"]).output().unwrap();
    assert!(out(&found).contains("red 0.75") && out(&found).contains("blue 0.82"), "{} {}", out(&found), err(&found));

    // What somebody may have worked on is not written over.
    let kept = std::fs::read(folder.path().join("best.toml")).unwrap();
    let output = write(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--force"), "{}", err(&output));
    assert_eq!(std::fs::read(folder.path().join("best.toml")).unwrap(), kept);
}

#[test]
fn labels_that_are_only_assumed_are_said_so() {
    let (_folder, model, _) = folder("several/nameless.onnx");
    let output = uploader(&["model", "card", text(&model), "--write"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(err(&output).contains("best.toml") && err(&output).contains("labels"), "{}", err(&output));
    let (_folder, model, _) = folder("bare/yolo.onnx");
    let output = uploader(&["model", "card", text(&model), "--write"]).output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

#[test]
fn what_is_no_onnx_graph_is_told_by_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, word) in [
        ("best.pt", &b"PK\x03\x04 best/data.pkl"[..], "yolo export"),
        ("pointer.onnx", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("cut.onnx", b"\x08\x08\x12\x07pytorch\x1a\x05", "truncated"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let output = uploader(&["model", "show", text(&path)]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(err(&output).contains(word) && err(&output).contains(name), "{name}: {}", err(&output));
    }
}
