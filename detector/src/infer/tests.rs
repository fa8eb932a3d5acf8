use std::collections::BTreeMap;

use super::*;
use crate::card::{HeadKind, Unit};
use crate::graph::{Batch, Element, Graph, TensorInfo};

fn tensor(name: &str, element: Element, shape: &[i64]) -> TensorInfo {
    TensorInfo { name: name.to_owned(), element, shape: shape.to_vec() }
}

fn graph(outputs: Vec<TensorInfo>, metadata: &[(&str, &str)]) -> Probed {
    let metadata: BTreeMap<String, String> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let graph = Graph {
        inputs: vec![tensor("images", Element::F32, &[1, 3, 416, 416])],
        outputs,
        metadata,
        batch: Batch::one(),
    };
    Probed { graph, has_open_size: false }
}

fn output(shape: &[i64]) -> TensorInfo {
    tensor("output0", Element::F32, shape)
}

/// The readings of a graph with one output, and metadata of an Ultralytics export with two classes.
fn of_two_classes(shape: &[i64], task: &str) -> Vec<HeadCard> {
    let metadata = [("names", "{0: 'cat', 1: 'dog'}"), ("stride", "32"), ("imgsz", "[384, 640]"), ("task", task)];
    let readings = readings("m", &graph(vec![output(shape)], &metadata)).unwrap();
    assert!(readings.iter().all(|r| r.card.labels == ["cat", "dog"] && r.card.input.size == Some([640, 384])));
    readings.into_iter().map(|reading| reading.card.head).collect()
}

fn kinds(readings: &[Reading]) -> Vec<String> {
    readings.iter().map(|reading| reading.card.head.kind.to_string()).collect()
}

#[test]
fn ultralytics_exports_are_told_by_their_shapes() {
    assert_eq!(of_two_classes(&[1, 6, 8400], "detect"), [HeadCard::of(HeadKind::Yolo)]);
    let masks = HeadCard { transposed: true, extra: 32, ..HeadCard::of(HeadKind::Table) };
    assert_eq!(of_two_classes(&[1, 38, 8400], "segment"), [masks]);
    let rows = HeadCard { objectness: true, ..HeadCard::of(HeadKind::Table) };
    assert_eq!(of_two_classes(&[1, 25200, 7], "detect"), std::slice::from_ref(&rows));
    assert_eq!(of_two_classes(&[1, 25200, 39], "segment"), [HeadCard { extra: 32, ..rows }]);
    // Two classes and four numbers of a box are as many columns as a box, its score and its class.
    let queries = HeadCard { unit: Unit::Unit, nms: false, ..HeadCard::of(HeadKind::Table) };
    assert_eq!(of_two_classes(&[1, 300, 6], "detect"), [HeadCard::of(HeadKind::YoloE2e), queries]);
}

#[test]
fn other_tasks_are_refused() {
    let metadata = [("names", "{0: 'cat'}"), ("stride", "32"), ("task", "obb")];
    let error = readings("m", &graph(vec![output(&[1, 6, 8400])], &metadata)).unwrap_err();
    assert!(error.contains("obb"), "{error}");
    let error = readings("m", &graph(Vec::new(), &[("names", "cat, dog"), ("stride", "32")])).unwrap_err();
    assert!(error.contains("cat, dog") && error.contains("labels"), "{error}");
}

#[test]
fn rows_are_told_by_the_inputs_grid() {
    let found = readings("m", &graph(vec![output(&[1, 3549, 85])], &[])).unwrap();
    // What is read otherwise has no names for as many classes.
    let named: Vec<Reading> = found.into_iter().filter(|reading| !reading.is_nameless).collect();
    assert_eq!(kinds(&named), ["yolox", "table", "table"]);
    let found = readings("m", &graph(vec![output(&[1, 3 * 3549, 12])], &[])).unwrap();
    assert_eq!((kinds(&found), found[0].is_nameless, found[0].card.labels.len()), (vec!["table".to_owned()], true, 7));
    let found = readings("m", &graph(vec![output(&[1, 84, 3549])], &[])).unwrap();
    assert_eq!(kinds(&found), ["yolo"]);
}

#[test]
fn lists_of_graphs_that_suppress_by_themselves_are_told_by_their_names() {
    let lists = [
        ("num_dets", vec![1, 1]),
        ("det_boxes", vec![1, 100, 4]),
        ("det_scores", vec![1, 100]),
        ("det_classes", vec![1, 100]),
    ];
    let outputs = lists.iter().map(|(name, shape)| tensor(name, Element::F32, shape)).collect();
    let found = readings("m", &graph(outputs, &[("names", "['cat', 'dog']")])).unwrap();
    assert_eq!((kinds(&found), found[0].is_nameless), (vec!["table".to_owned()], false));
    assert_eq!(found[0].card.head.outputs.count.one(), Some("num_dets"));
}

#[test]
fn a_grid_of_another_stride_is_no_fastestdet() {
    assert_eq!(kinds(&readings("m", &graph(vec![output(&[1, 85, 26, 26])], &[])).unwrap()), ["fastestdet"]);
    assert!(readings("m", &graph(vec![output(&[1, 85, 13, 13])], &[])).is_err());
}

#[test]
fn an_unknown_graph_is_refused_with_advice() {
    let error = readings("m", &graph(vec![tensor("probabilities", Element::F32, &[1, 1000])], &[])).unwrap_err();
    assert!(error.contains("probabilities") && error.contains("[head] kind"), "{error}");
}

/// A card's [head] as it is written, for each reading of outputs of these names and shapes.
fn heads_of(outputs: &[(&str, &[i64])], names: bool) -> Vec<String> {
    let outputs = outputs.iter().map(|(name, shape)| tensor(name, Element::F32, shape)).collect();
    let metadata: &[(&str, &str)] = if names { &[("names", "['cat', 'dog']")] } else { &[] };
    let readings = readings("m", &graph(outputs, metadata)).unwrap();
    readings.into_iter().map(|r| r.card.to_toml().unwrap().split("[head]").nth(1).unwrap().to_owned()).collect()
}

#[test]
fn what_stands_beside_a_table_says_what_its_columns_are() {
    // Prototypes of masks.
    let found = heads_of(&[("output0", &[1, 6 + 32, 3549]), ("output1", &[1, 32, 104, 104])], true);
    assert!(found.len() == 1 && found[0].contains("transposed = true") && found[0].contains("extra = 32"), "{found:?}");
    let maps: [(&str, &[i64]); 4] = [
        ("output", &[1, 3 * 3549, 7]),
        ("p3", &[1, 3, 52, 52, 7]),
        ("p4", &[1, 3, 26, 26, 7]),
        ("p5", &[1, 3, 13, 13, 7]),
    ];
    let found = heads_of(&maps, true);
    assert!(found.len() == 1 && found[0].contains("table = \"output\""), "{found:?}");
    let found = heads_of(&maps[1..], true);
    assert!(found.len() == 3 && found.iter().all(|head| head.contains("anchors = ")), "{found:?}");
}

#[test]
fn rows_of_seven_have_their_orders() {
    let found = heads_of(&[("flat", &[12, 7])], true);
    let is_there = |order: &str| found.iter().any(|head| head.contains(order));
    assert!(is_there("\"class\", \"score\"]") && is_there("\"score\", \"class\"]") && found.len() == 2, "{found:?}");
    let found = heads_of(&[("detections:0", &[1, 100, 7])], true);
    assert!(found.len() == 1 && found[0].contains("yxyx") && found[0].contains("first_class = 1"), "{found:?}");
}

#[test]
fn lists_of_all_cells_are_still_to_be_suppressed() {
    let lists: [(&str, &[i64]); 3] = [("boxes", &[1, 3549, 4]), ("scores", &[1, 3549, 1]), ("classes", &[1, 3549, 1])];
    assert!(heads_of(&lists, true).iter().all(|head| !head.contains("nms")));
    let lists: [(&str, &[i64]); 3] = [("boxes", &[1, 100, 4]), ("scores", &[1, 100]), ("classes", &[1, 100])];
    assert!(heads_of(&lists, true).iter().all(|head| head.contains("nms = false")));
}
