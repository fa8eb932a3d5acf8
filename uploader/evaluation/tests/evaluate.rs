//! Figures of cases that can be worked out by hand. The figures of real photos are held against pycocotools by
//! tests/test_evaluate.py.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;

use evaluation::{Category, Detection, Evaluation, Image, Object, Row, Truth, evaluate, read_results};

fn truth(objects: &[(usize, usize, [f64; 4], bool)]) -> Truth {
    let image = |id: i64| Image { id: Some(id), name: format!("{id}.jpg"), size: Some((100, 100)) };
    let category = |(id, name): (usize, &str)| Category { id: id as i64 + 1, name: name.to_owned() };
    let object = |&(image, category, bbox, is_crowd): &(usize, usize, [f64; 4], bool)| Object {
        image,
        category,
        bbox,
        area: None,
        is_crowd,
    };
    Truth {
        images: (1..=3).map(image).collect(),
        categories: ["cat", "dog", "bird"].into_iter().enumerate().map(category).collect(),
        objects: objects.iter().map(object).collect(),
        ..Truth::default()
    }
}

fn found(image: usize, category: usize, score: f64, bbox: [f64; 4]) -> Detection {
    Detection { image, category, score, bbox }
}

fn evaluated(truth: &Truth, detections: &[Detection]) -> Evaluation {
    let images: Vec<(usize, Option<(u32, u32)>)> = (0..truth.images.len()).map(|image| (image, None)).collect();
    evaluate(truth, &images, detections).unwrap()
}

const HERE: [f64; 4] = [10.0, 10.0, 40.0, 40.0];
const CORNERS: [f64; 4] = [10.0, 10.0, 50.0, 50.0];
const ELSEWHERE: [f64; 4] = [70.0, 70.0, 90.0, 90.0];

fn is(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-6)
}

#[test]
fn whoever_finds_everything_has_all_points() {
    let truth = truth(&[(0, 0, HERE, false), (1, 1, HERE, false)]);
    let evaluation = evaluated(&truth, &[found(0, 0, 0.9, CORNERS), found(1, 1, 0.8, CORNERS)]);
    let figures = evaluation.figures;
    assert!(is(figures.ap, 1.0) && is(figures.ap50, 1.0) && is(figures.ar100, 1.0) && is(figures.ap_medium, 1.0));
    assert_eq!((figures.ap_small, figures.ap_large), (None, None));
    let best = evaluation.best.unwrap();
    assert_eq!((best.true_positives, best.false_positives, best.false_negatives), (2, 0, 0));
    assert!((best.confidence - 0.8).abs() < 1e-9 && evaluation.worst.is_empty());
    let labels: Vec<&str> = evaluation.classes.iter().map(|class| class.label.as_str()).collect();
    assert_eq!(labels, ["cat", "dog"], "what is neither there nor found is not listed");
}

#[test]
fn a_better_false_one_costs_precision() {
    let truth = truth(&[(0, 0, HERE, false)]);
    let evaluation =
        evaluated(&truth, &[found(0, 0, 0.9, ELSEWHERE), found(0, 0, 0.5, CORNERS), found(2, 1, 0.3, CORNERS)]);
    assert!(is(evaluation.figures.ap, 0.5), "{:?}", evaluation.figures);
    let best = evaluation.best.unwrap();
    assert_eq!((best.true_positives, best.false_positives), (1, 1));
    assert!((best.confidence - 0.4).abs() < 1e-9);
    let worst = &evaluation.worst[0];
    assert_eq!((worst.photo.as_str(), worst.false_positives, worst.false_negatives), ("1.jpg", 1, 0));
    assert_eq!(evaluation.worst.len(), 1, "below the threshold nothing counts");
    let dog = evaluation.classes.iter().find(|class| class.label == "dog").unwrap();
    assert_eq!((dog.objects, dog.detections, dog.ap, dog.best), (0, 1, None, None));
}

#[test]
fn crowds_are_neither_missed_nor_found() {
    let crowd = [0.0, 0.0, 60.0, 60.0];
    let truth = truth(&[(0, 0, crowd, true), (0, 0, [70.0, 70.0, 20.0, 20.0], false)]);
    let inside = [found(0, 0, 0.9, [0.0, 0.0, 30.0, 30.0]), found(0, 0, 0.8, [30.0, 30.0, 60.0, 60.0])];
    let evaluation = evaluated(&truth, &[inside[0], inside[1], found(0, 0, 0.7, ELSEWHERE)]);
    assert_eq!((evaluation.objects, evaluation.crowds), (1, 1));
    assert!(is(evaluation.figures.ap, 1.0), "{:?}", evaluation.figures);
    let best = evaluation.best.unwrap();
    assert_eq!((best.true_positives, best.false_positives, best.false_negatives), (1, 0, 0));
}

#[test]
fn a_truth_without_objects_and_a_model_without_detections() {
    let nothing_there = evaluated(&truth(&[]), &[found(0, 0, 0.9, CORNERS)]);
    assert_eq!((nothing_there.figures.ap, nothing_there.best), (None, None));
    let nothing_found = evaluated(&truth(&[(0, 0, HERE, false), (1, 0, HERE, false)]), &[]);
    assert!(is(nothing_found.figures.ap, 0.0), "{:?}", nothing_found.figures);
    assert_eq!(nothing_found.best, None);
    assert_eq!(nothing_found.worst.iter().map(|photo| photo.false_negatives).collect::<Vec<_>>(), [1, 1]);
    assert!(evaluated(&truth(&[]), &[]).worst.is_empty());
}

#[test]
fn only_the_photos_that_were_looked_at_count() {
    let truth = truth(&[(0, 0, HERE, false), (1, 0, HERE, false)]);
    let evaluation = evaluate(&truth, &[(0, None)], &[found(0, 0, 0.9, CORNERS), found(1, 0, 0.9, ELSEWHERE)]).unwrap();
    assert!(is(evaluation.figures.ap, 1.0));
    assert_eq!((evaluation.photos, evaluation.objects, evaluation.detections), (1, 1, 1));
}

#[test]
fn shares_become_pixels_of_the_photo() {
    let mut truth = truth(&[(0, 0, [0.1, 0.1, 0.4, 0.4], false)]);
    truth.is_relative = true;
    truth.images[0].size = None;
    let detections = [found(0, 0, 0.9, [20.0, 10.0, 100.0, 50.0])];
    assert!(is(evaluate(&truth, &[(0, Some((200, 100)))], &detections).unwrap().figures.ap, 1.0));
    assert!(evaluate(&truth, &[(0, None)], &detections).unwrap_err().to_string().contains("1.jpg"));
}

#[test]
fn results_are_read_as_they_were_written() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("results");
    let read = |text: &str| {
        fs::write(&path, text).unwrap();
        let mut rows = Vec::new();
        read_results(&path, &mut |row| {
            rows.push(row);
            Ok(())
        })
        .map(|()| rows)
        .map_err(|error| error.to_string())
    };
    let lines = concat!(
        r#"{"photo": "a.jpg", "image": {"width": 4, "height": 3}, "detections": [{"label": "cat", "class_id": 15, "score": 0.5, "box": [1, 2, 3, 3]}], "model": {"name": "m", "sha256": ""}, "timings_ms": {"queue": 1, "total": 3}}"#,
        "\n",
        r#"{"source": {"bucket": "b", "key": "b.jpg"}, "error": {"code": "x", "message": "y"}, "model": {"name": "m", "sha256": ""}}"#,
        "\n",
    );
    let rows = read(lines).unwrap();
    let Row::Photo { name, size, boxes: Some(boxes), model, ms } = &rows[0] else { panic!("{rows:?}") };
    assert_eq!((name.as_str(), *size, model.as_deref(), *ms), ("a.jpg", Some((4, 3)), Some("m"), Some(2.0)));
    assert_eq!((boxes[0].label.as_str(), boxes[0].bbox), ("cat", [1.0, 2.0, 3.0, 3.0]));
    assert!(matches!(&rows[1], Row::Photo { name, boxes: None, .. } if name == "b.jpg"));

    let list = r#"[{"image_id": 7, "category_id": 18, "bbox": [1, 2, 3, 4], "score": 0.5, "file_name": "x/7.jpg"}]"#;
    let rows = read(list).unwrap();
    let bbox = [1.0, 2.0, 4.0, 6.0];
    let expected =
        Row::Object { image_id: Some(7), name: Some("x/7.jpg".to_owned()), category_id: 18, score: 0.5, bbox };
    assert_eq!(rows, [expected]);
    assert!(read("[]").unwrap().is_empty());
    for (text, said) in [
        ("", "it is empty"),
        ("photo,label\n", "neither JSON lines"),
        (r#"{"photo": "a.jpg"}"#, "neither detections nor an error"),
        (r#"[{"image_id": 7}]"#, "missing field"),
        (r#"{"images": [], "annotations": []}"#, "names no photo"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}
