//! Cards for a graph that came without one: every reading that its names, shapes and metadata allow, each as a card. Which
//! of them is right shows what the graph gives ([`look`]).

mod look;
mod names;

use crate::card::{
    Activation, BoxForm, Card, Color, Defaults, HeadCard, HeadKind, Input, Layout, Resize, TableOutputs, Unit,
};
use crate::graph::{Element, Graph, TensorInfo};
use crate::head::{NANODET_SCORES, grid, yolox_rows};
use crate::labels::coco80;
pub(crate) use look::{Refusal, checked, choose};
use names::label_names;

/// One way to read a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// As a card. Without names for its classes they are numbered.
    pub(crate) card: Card,
    /// Whether nothing says what the classes are called, and it may be anything.
    pub(crate) is_nameless: bool,
    /// Whether nothing says what the classes are called, and COCO's labels are taken, as published graphs of its kind have.
    pub(crate) assumes_coco: bool,
}

/// The readings of `graph`, to be called `name`.
///
/// # Errors
/// What could not be told, and what to write into a card instead.
pub(crate) fn readings(name: &str, graph: &Graph) -> Result<Vec<Reading>, String> {
    let names = label_names(graph)?;
    let families = [ultralytics(graph, names.as_deref())?, detr(graph), ssd(graph), nanodet(graph)];
    // Names that nobody else gives say more than shapes.
    let guesses = families.into_iter().find(|guesses| !guesses.is_empty());
    let guesses = guesses.unwrap_or_else(|| [rows(graph), fastestdet(graph), suppressed(graph), apart(graph)].concat());
    let readings: Vec<Reading> =
        guesses.into_iter().filter_map(|guess| guess.reading(name, names.as_deref())).collect();
    if readings.is_empty() {
        return Err(format!(
            "no known head fits its {graph}. Write a model.toml beside it with [input] and [head] kind = \"yolox\", \
             \"yolo\", \"yolo-e2e\", \"detr\", \"ssd\", \"nanodet\" or \"fastestdet\"; kind = \"table\" with boxes, unit, \
             objectness, activation, transposed, extra, nms and outputs describes any other rows of candidates"
        ));
    }
    Ok(readings)
}

#[derive(Debug, Clone)]
struct Guess {
    head: HeadCard,
    input: Input,
    classes: Classes,
}

/// What a graph says of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Classes {
    /// There are so many.
    Count(usize),
    /// Nothing; published graphs of this family have COCO's.
    Coco,
    /// Nothing.
    Unknown,
}

impl Guess {
    /// `None` where the names are not as many as the classes.
    fn reading(self, name: &str, names: Option<&[String]>) -> Option<Reading> {
        let numbered = |count: usize| (0..count).map(|class_id| format!("class {class_id}")).collect();
        let (labels, is_nameless): (Vec<String>, bool) = match (names, self.classes) {
            (Some(names), Classes::Count(count)) if names.len() != count => return None,
            (Some(names), _) => (names.to_vec(), false),
            (None, Classes::Coco | Classes::Count(80)) => (coco80(), false),
            (None, Classes::Count(count)) => (numbered(count), true),
            (None, Classes::Unknown) => (numbered(1), true),
        };
        let card = Card {
            name: name.to_owned(),
            license: None,
            source: None,
            sha256: None,
            bytes: None,
            summary: None,
            labels,
            input: self.input,
            head: self.head,
            defaults: Defaults::default(),
        };
        let assumes_coco = names.is_none() && !is_nameless;
        Some(Reading { card, is_nameless, assumes_coco })
    }
}

/// What the YOLO family since version 5 takes: RGB from 0 to 1, the photo in the middle.
fn yolo_input() -> Input {
    Input { resize: Resize::LetterboxCenter, pad: 114, scale: 1.0 / 255.0, ..Input::default() }
}

fn table(outputs: TableOutputs) -> HeadCard {
    HeadCard { outputs, ..HeadCard::of(HeadKind::Table) }
}

/// A table in one output, named only where there are others.
fn whole(graph: &Graph, output: &TensorInfo) -> HeadCard {
    let table_name = (graph.outputs.len() > 1).then(|| output.name.clone());
    table(TableOutputs { table: table_name, ..TableOutputs::default() })
}

/// Exports that carry Ultralytics' metadata: `task`, `names`, `imgsz`, `stride`.
fn ultralytics(graph: &Graph, names: Option<&[String]>) -> Result<Vec<Guess>, String> {
    let (Some(names), true) = (names, graph.metadata.contains_key("stride")) else { return Ok(Vec::new()) };
    let task = graph.metadata.get("task").map_or("detect", String::as_str);
    if !["detect", "segment", "pose"].contains(&task) {
        return Err(format!(
            "its metadata says task = {task:?}; \"detect\" is read here, and the boxes of \"segment\" and \"pose\""
        ));
    }
    let size = graph.metadata.get("imgsz").map(|text| whole_numbers(text)).filter(|size| size.len() == 2);
    // Exporters write height, width.
    let input = Input { size: size.map(|size| [size[1], size[0]]), ..yolo_input() };
    let guess =
        |head: HeadCard, input: &Input| Guess { head, input: input.clone(), classes: Classes::Count(names.len()) };
    let Some(output) = graph.outputs.iter().find(|output| output.shape.len() == 3) else { return Ok(Vec::new()) };
    let (rows, columns) = (output.dim(1), output.dim(2));
    // There are more candidates than there are columns of each.
    let lies_in_rows = rows.zip(columns).is_some_and(|(rows, columns)| rows > columns);
    let mut guesses = Vec::new();
    match rows.map(|rows| rows.checked_sub(4 + names.len())) {
        _ if columns == Some(6) && task == "detect" => guesses.push(guess(HeadCard::of(HeadKind::YoloE2e), &input)),
        None | Some(Some(0)) => guesses.push(guess(HeadCard::of(HeadKind::Yolo), &input)),
        // Masks' coefficients or keypoints.
        Some(Some(extra)) if task != "detect" && !lies_in_rows => {
            guesses.push(guess(HeadCard { transposed: true, extra, ..whole(graph, output) }, &input));
        }
        _ => {}
    }
    match columns.and_then(|columns| columns.checked_sub(4 + names.len())) {
        // RT-DETR: as many queries as it has, boxes of 0 to 1, no overlaps.
        Some(0) => {
            let input = Input { resize: Resize::Stretch, ..input.clone() };
            guesses.push(guess(HeadCard { unit: Unit::Unit, nms: false, ..whole(graph, output) }, &input));
        }
        // YOLOv5 has objectness; behind the classes are masks' coefficients where it segments.
        Some(more @ 1..) if more == 1 || task != "detect" && lies_in_rows => {
            guesses.push(guess(HeadCard { objectness: true, extra: more - 1, ..whole(graph, output) }, &input));
        }
        _ => {}
    }
    Ok(guesses)
}

fn detr(graph: &Graph) -> Vec<Guess> {
    let input = Input { resize: Resize::Stretch, scale: 1.0 / 255.0, ..Input::default() };
    let head = HeadCard::of(HeadKind::Detr);
    if graph.input("orig_target_sizes").is_some() {
        return vec![Guess { head, input, classes: Classes::Coco }];
    }
    let classes = |logits: &TensorInfo| match logits.dim(2) {
        Some(91) | None => Classes::Coco,
        Some(classes) => Classes::Count(classes),
    };
    if let (Some(logits), Some(_)) = (graph.output("logits"), graph.output("pred_boxes")) {
        return vec![Guess { head, input, classes: classes(logits) }];
    }
    // RF-DETR's own exports; it normalises with ImageNet's statistics.
    if let (Some(boxes), Some(logits)) = (graph.output("dets"), graph.output("labels"))
        && boxes.fits(&[Some(1), None, Some(4)])
        && logits.shape.len() == 3
    {
        let input = Input { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], ..input };
        return vec![Guess { head, input, classes: classes(logits) }];
    }
    Vec::new()
}

fn ssd(graph: &Graph) -> Vec<Guess> {
    let (Some(_), Some(image)) = (graph.output("detection_boxes"), graph.inputs.first()) else { return Vec::new() };
    // A fixed size must be met; a dynamic one resizes by itself.
    let resize = if image.dim(1).is_some() { Resize::Stretch } else { Resize::None };
    let input = Input { layout: Layout::Nhwc, resize, ..Input::default() };
    vec![Guess { head: HeadCard::of(HeadKind::Ssd), input, classes: Classes::Coco }]
}

fn nanodet(graph: &Graph) -> Vec<Guess> {
    let Some(scores) = graph.outputs.iter().find(|output| output.name.starts_with(NANODET_SCORES)) else {
        return Vec::new();
    };
    let input = Input {
        color: Color::Bgr,
        resize: Resize::LetterboxCenter,
        mean: [103.53, 116.28, 123.675],
        std: [57.375, 57.12, 58.395],
        ..Input::default()
    };
    let classes = scores.dim(2).map_or(Classes::Coco, Classes::Count);
    vec![Guess { head: HeadCard::of(HeadKind::Nanodet), input, classes }]
}

/// One output of as many rows (or columns) as the input has cells of strides 8, 16 and 32, or three times as many anchors.
fn rows(graph: &Graph) -> Vec<Guess> {
    let Some(input) = image_size(graph) else { return Vec::new() };
    let cells = yolox_rows(input);
    let bgr = Input { color: Color::Bgr, pad: 114, ..Input::default() };
    let mut guesses = Vec::new();
    for output in graph.outputs.iter().filter(|output| output.shape.len() == 3) {
        let (Some(rows), Some(columns)) = (output.dim(1), output.dim(2)) else { continue };
        let classes = |columns: usize, others: usize| columns.checked_sub(others).filter(|classes| *classes > 0);
        if let (true, Some(classes)) = (rows == cells, classes(columns, 5)) {
            let classes = Classes::Count(classes);
            guesses.push(Guess { head: HeadCard::of(HeadKind::Yolox), input: bgr.clone(), classes });
            // The same with the grid worked in: YOLOX's own option, and YOLOv6.
            let decoded = HeadCard { objectness: true, ..whole(graph, output) };
            guesses.push(Guess { head: decoded.clone(), input: bgr.clone(), classes });
            guesses.push(Guess { head: decoded, input: yolo_input(), classes });
        }
        if let (true, Some(classes)) = (rows == 3 * cells, classes(columns, 5)) {
            let head = HeadCard { objectness: true, ..whole(graph, output) };
            guesses.push(Guess { head, input: yolo_input(), classes: Classes::Count(classes) });
        }
        if let (true, Some(classes)) = (columns == cells, classes(rows, 4)) {
            guesses.push(Guess {
                head: HeadCard::of(HeadKind::Yolo),
                input: yolo_input(),
                classes: Classes::Count(classes),
            });
        }
    }
    guesses
}

fn fastestdet(graph: &Graph) -> Vec<Guess> {
    let (Some(input), [output]) = (image_size(graph), &graph.outputs[..]) else { return Vec::new() };
    let (columns, lines) = grid(input, 16);
    let classes = output.dim(1).and_then(|channels| channels.checked_sub(5)).filter(|classes| *classes > 0);
    let (Some(classes), true) = (classes, output.fits(&[Some(1), None, Some(lines), Some(columns)])) else {
        return Vec::new();
    };
    let input = Input { color: Color::Bgr, resize: Resize::Stretch, scale: 1.0 / 255.0, ..Input::default() };
    vec![Guess { head: HeadCard::of(HeadKind::Fastestdet), input, classes: Classes::Count(classes) }]
}

/// Graphs that have done their own suppression and give lists: TensorRT's names, MMDeploy's, torchvision's.
fn suppressed(graph: &Graph) -> Vec<Guess> {
    let name = |name: &str| graph.output(name).map(|output| output.name.clone());
    let head = |outputs| HeadCard { boxes: BoxForm::Xyxy, nms: false, ..table(outputs) };
    let lists = [
        ("det_boxes", "det_scores", "det_classes", "num_dets"),
        ("boxes", "scores", "labels", ""),
        ("boxes", "scores", "classes", "num_detections"),
    ];
    let mut guesses = Vec::new();
    for (boxes, scores, classes, count) in lists {
        let outputs = (name(boxes), name(scores), name(classes));
        if let (Some(boxes), Some(scores), Some(classes)) = outputs {
            let (boxes, scores, classes) = (Some(boxes), Some(scores), Some(classes));
            let outputs = TableOutputs { table: None, boxes, scores, classes, count: name(count) };
            guesses.push(Guess { head: head(outputs), input: yolo_input(), classes: Classes::Unknown });
        }
    }
    if let (Some(dets), Some(labels)) = (graph.output("dets"), name("labels"))
        && dets.fits(&[Some(1), None, Some(5)])
    {
        let outputs = TableOutputs { boxes: Some(dets.name.clone()), classes: Some(labels), ..TableOutputs::default() };
        // MMDetection's usual normalisation: ImageNet's, of values from 0 to 255.
        let (mean, std) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
        let input = Input { mean, std, ..Input::default() };
        guesses.push(Guess { head: head(outputs), input, classes: Classes::Unknown });
    }
    guesses
}

/// Boxes `[1, N, 4]` and scores `[1, N, classes]` in two outputs: which form the boxes have, nothing tells.
fn apart(graph: &Graph) -> Vec<Guess> {
    let [a, b] = &graph.outputs[..] else { return Vec::new() };
    let is_boxes = |output: &TensorInfo| output.fits(&[Some(1), None, Some(4)]) && output.dim(2) == Some(4);
    let (boxes, scores) = match (is_boxes(a), is_boxes(b)) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return Vec::new(),
    };
    let (Some(classes), 3) = (scores.dim(2), scores.shape.len()) else { return Vec::new() };
    let outputs =
        TableOutputs { boxes: Some(boxes.name.clone()), scores: Some(scores.name.clone()), ..TableOutputs::default() };
    [BoxForm::Xyxy, BoxForm::Cxcywh]
        .into_iter()
        .flat_map(|form| [Unit::Input, Unit::Unit].map(|unit| (form, unit)))
        .flat_map(|described| [Activation::None, Activation::Sigmoid].map(|activation| (described, activation)))
        .map(|((boxes, unit), activation)| {
            let head = HeadCard { boxes, unit, activation, ..table(outputs.clone()) };
            Guess { head, input: yolo_input(), classes: Classes::Count(classes) }
        })
        .collect()
}

/// The fixed size (width, height) of an NCHW image input.
fn image_size(graph: &Graph) -> Option<(usize, usize)> {
    let image =
        graph.inputs.iter().find(|input: &&TensorInfo| input.element == Element::F32 && input.shape.len() == 4)?;
    Some((image.dim(3)?, image.dim(2)?))
}

/// The whole numbers in a text such as `[640, 640]`.
fn whole_numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
