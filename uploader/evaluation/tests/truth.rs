//! Truths as people have them: COCO, YOLO and Pascal VOC, and what is said of those that are none.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use evaluation::Truth;

fn written(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Label and box of each object, with the name of its image.
fn objects(truth: &Truth) -> Vec<(&str, &str, [f64; 4])> {
    let object = |object: &evaluation::Object| {
        (truth.images[object.image].name.as_str(), truth.categories[object.category].name.as_str(), object.bbox)
    };
    truth.objects.iter().map(object).collect()
}

const COCO: &str = r#"{
    "info": {"year": 2017}, "licenses": [],
    "images": [{"id": 7, "file_name": "b.jpg", "width": 40, "height": 30}, {"id": 3, "file_name": "sub\\a.jpg"}],
    "categories": [{"id": 18, "name": "dog", "supercategory": "animal"}, {"id": 1, "name": "person"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 18, "bbox": [1, 2, 3.5, 4], "area": 9, "iscrowd": 0, "segmentation": [[1, 2]]},
        {"id": 2, "image_id": 3, "category_id": 1, "bbox": [0, 0, 9, 9], "iscrowd": true},
        {"id": 3, "image_id": 99, "category_id": 1, "bbox": [0, 0, 9, 9]}
    ]}"#;

#[test]
fn coco() {
    let home = tempfile::tempdir().unwrap();
    written(home.path(), &[("instances.json", COCO)]);
    let truth = Truth::read(&home.path().join("instances.json")).unwrap();
    assert_eq!(
        objects(&truth),
        [("b.jpg", "dog", [1.0, 2.0, 3.5, 4.0]), ("sub/a.jpg", "person", [0.0, 0.0, 9.0, 9.0])]
    );
    assert_eq!(truth.images.iter().map(|image| image.id).collect::<Vec<_>>(), [Some(3), Some(7)]);
    assert_eq!(truth.images[1].size, Some((40, 30)));
    assert_eq!((truth.objects[0].area, truth.objects[1].area), (Some(9.0), None));
    assert!(!truth.objects[0].is_crowd && truth.objects[1].is_crowd);
    assert!(truth.notes[0].contains("ignored") && truth.notes[0].ends_with("image: 1"), "{:?}", truth.notes);
}

#[test]
fn categories_that_are_not_wanted_go_with_their_objects() {
    let home = tempfile::tempdir().unwrap();
    written(home.path(), &[("instances.json", COCO)]);
    let mut truth = Truth::read(&home.path().join("instances.json")).unwrap();
    truth.retain(|category| category.name == "person");
    assert_eq!(objects(&truth), [("sub/a.jpg", "person", [0.0, 0.0, 9.0, 9.0])]);
}

#[test]
fn what_is_no_coco_truth_is_told_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let entry = |annotation: &str| {
        format!(
            r#"{{"images": [{{"id": 1, "file_name": "a.jpg"}}], "categories": [{{"id": 1, "name": "cat"}}],
                "annotations": [{annotation}]}}"#
        )
    };
    for (text, said) in [
        (String::new(), "not a COCO ground truth: EOF"),
        ("{".to_owned(), "line 1 column 1"),
        (r#"[{"image_id": 1}]"#.to_owned(), "a list, as COCO results are"),
        (r#"{"images": []}"#.to_owned(), "missing field `annotations`"),
        (r#"{"images": [], "annotations": [], "categories": []}"#.to_owned(), "it has no images"),
        (entry(r#"{"id": 5, "image_id": 1, "category_id": 1}"#), "annotation 5: bbox must be four numbers"),
        (entry(r#"{"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3]}"#), "annotation 5: bbox"),
        (entry(r#"{"image_id": 1, "category_id": 1, "bbox": [1, 2, -3, 4]}"#), "annotations[0]: bbox"),
        (entry(r#"{"image_id": "one", "category_id": 1, "bbox": [1, 2, 3, 4]}"#), "invalid type: string"),
        (
            r#"{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": [], "categories": []}"#.to_owned(),
            "two images have the id 1",
        ),
    ] {
        let path = home.path().join("truth.json");
        fs::write(&path, text).unwrap();
        let error = Truth::read(&path).unwrap_err().to_string();
        assert!(error.contains("truth.json") && error.contains(said), "{error}");
    }
    let error = Truth::read(&home.path().join("none.json")).unwrap_err().to_string();
    assert!(error.contains("none.json"), "{error}");
    let path = home.path().join("truth.txt");
    fs::write(&path, "1 2 3").unwrap();
    assert!(Truth::read(&path).unwrap_err().to_string().contains("expected a COCO file"));
}

#[test]
fn yolo() {
    let home = tempfile::tempdir().unwrap();
    for names in ["names:\n  0: cat\n  1: 'dog, wet'\n", "nc: 2\nnames: [cat, \"dog, wet\"]\n"] {
        written(
            home.path(),
            &[
                ("data.yaml", &format!("path: .\ntrain: images/train\nval: images/val\n{names}")),
                ("labels/val/a.txt", "0 0.5 0.5 0.2 0.4\n\n1 0.25 0.25 0.5 0.5 0.9\n"),
                ("labels/val/empty.txt", ""),
                ("labels/val/polygon.txt", "1 0.1 0.2 0.5 0.2 0.3 0.8\n"),
                ("README.txt", "not labels"),
            ],
        );
        for path in [home.path().to_owned(), home.path().join("data.yaml")] {
            let truth = Truth::read(&path).unwrap();
            assert!(truth.is_relative && truth.has_stems);
            let names: Vec<&str> = truth.images.iter().map(|image| image.name.as_str()).collect();
            assert_eq!(names, ["images/val/a", "images/val/empty", "images/val/polygon"]);
            let found = objects(&truth);
            assert_eq!(found.iter().map(|(_, label, _)| *label).collect::<Vec<_>>(), ["cat", "dog, wet", "dog, wet"]);
            for ((_, _, found), expected) in
                found.iter().zip([[0.4, 0.3, 0.2, 0.4], [0.0, 0.0, 0.5, 0.5], [0.1, 0.2, 0.4, 0.6]])
            {
                assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
            }
        }
    }
}

#[test]
fn what_is_no_yolo_dataset_is_told_with_its_line() {
    for (yaml, labels, said) in [
        ("names: [cat]", "0 0.5 0.5 0.1", "a.txt: line 1: 3 numbers"),
        ("names: [cat]", "0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1", "a.txt: line 2: class 7 has no name"),
        ("names: [cat]", "0 0.5 half 0.1 0.1", "\"half\" is not a number"),
        ("names: [cat]", "cat 0.5 0.5 0.1 0.1", "class \"cat\" is not a whole number"),
        ("train: images", "", "data.yaml: it has no names"),
        ("names: 7", "", "names must be a list"),
        ("names: [a", "", "not YAML"),
    ] {
        let home = tempfile::tempdir().unwrap();
        written(home.path(), &[("data.yaml", yaml), ("labels/a.txt", labels)]);
        let error = Truth::read(home.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let home = tempfile::tempdir().unwrap();
    written(home.path(), &[("data.yaml", "names: [cat]")]);
    assert!(Truth::read(home.path()).unwrap_err().to_string().contains("no label files"));
}

const VOC: &str = "<annotation><folder>x</folder><filename>a &amp; b.jpg</filename>
    <size><width>40</width><height>30</height><depth>3</depth></size>
    <object><name>cat</name><difficult>0</difficult><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
        <bndbox><xmin>11</xmin><ymin>21.5</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></object>
    <object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>
</annotation>";

#[test]
fn voc() {
    let home = tempfile::tempdir().unwrap();
    let empty = "<annotation><filename>empty.jpg</filename></annotation>";
    written(home.path(), &[("Annotations/sub/a.xml", VOC), ("Annotations/empty.xml", empty), ("JPEGImages/a.jpg", "")]);
    let truth = Truth::read(home.path()).unwrap();
    let names: Vec<&str> = truth.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["empty.jpg", "a & b.jpg"]);
    assert_eq!(
        objects(&truth),
        [("a & b.jpg", "cat", [10.0, 20.5, 10.0, 9.5]), ("a & b.jpg", "dog", [0.0, 0.0, 2.0, 2.0])]
    );
    assert!(!truth.objects[0].is_crowd && truth.objects[1].is_crowd, "difficult objects count for nothing");
}

#[test]
fn what_is_no_voc_file_is_told() {
    for (text, said) in [
        ("<annotation><object>", "is not closed"),
        ("<annotation></object>", "not XML"),
        ("<annotation></annotation>", "names no photo"),
        ("<annotation><filename>a</filename><object><name>cat</name></object></annotation>", "lacks xmin"),
        (
            "<annotation><filename>a</filename><object><name>cat</name><bndbox><xmin>x</xmin></bndbox></object></annotation>",
            "xmin \"x\" is not a number",
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        written(home.path(), &[("a.xml", text)]);
        let error = Truth::read(home.path()).unwrap_err().to_string();
        assert!(error.contains("a.xml") && error.contains(said), "{error}");
    }
}
