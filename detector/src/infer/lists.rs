//! Graphs that have done their own suppression and give lists of what they found.

use super::evidence::{Evidence, imagenet_input, yolo_input};
use super::tables::{table, whole};
use super::{Classes, Guess};
use crate::card::{BoxForm, Column, HeadCard, HeadOutputs, Input, Names, Resize, Unit};
use crate::graph::{Element, TensorInfo};

fn listed(outputs: HeadOutputs) -> HeadCard {
    HeadCard { boxes: BoxForm::Xyxy, nms: false, ..table(outputs) }
}

/// Names of boxes, scores and classes by number: TensorRT's, MMYOLO's and torchvision's, YOLO-NAS's, the SSD of ONNX's zoo.
const NAMES: [[&str; 3]; 6] = [
    ["det_boxes", "det_scores", "det_classes"],
    ["boxes", "scores", "labels"],
    ["boxes", "scores", "classes"],
    ["bboxes", "scores", "labels"],
    ["nmsed_boxes", "nmsed_scores", "nmsed_classes"],
    ["pred_boxes", "pred_scores", "pred_classes"],
];
/// Names of how many there are.
const COUNTS: [&str; 3] = ["num_dets", "num_detections", "num_predictions"];

/// Lists under names that are in use for them.
pub(super) fn named(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let graph = evidence.graph;
    let found = NAMES.into_iter().find_map(|[boxes, scores, classes]| {
        let found = (graph.output(boxes)?, graph.output(scores)?, graph.output(classes)?);
        // Classes by number are one for each box.
        let is_numbered = found.2.shape.len() < found.0.shape.len() || found.2.shape.last() == Some(&1);
        is_numbered.then_some(found)
    });
    Ok(found.map_or_else(Vec::new, |(boxes, scores, classes)| of_three(evidence, boxes, scores, classes)))
}

/// The same under names that say nothing: of one photo without a batch, classes as integers.
pub(super) fn three(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let lists: Vec<&TensorInfo> = evidence.outputs(1).collect();
    let is_whole = |output: &&&TensorInfo| matches!(output.element, Element::I64 | Element::I32);
    let classes = lists.iter().find(is_whole);
    let scores = lists.iter().find(|output| output.element == Element::F32);
    let boxes = evidence.outputs(2).find(|output| output.dim(1) == Some(4));
    let found = boxes.zip(scores).zip(classes);
    Ok(found.map_or_else(Vec::new, |((boxes, scores), classes)| of_three(evidence, boxes, scores, classes)))
}

fn of_three(evidence: &Evidence<'_>, boxes: &TensorInfo, scores: &TensorInfo, classes: &TensorInfo) -> Vec<Guess> {
    // torchvision and Detectron have no batch, take photos as they are, and their class 0 is the background.
    let is_plain = boxes.shape.len() == 2;
    let count = COUNTS.into_iter().find_map(|count| evidence.graph.output(count)).map(name).unwrap_or_default();
    let outputs = HeadOutputs {
        boxes: name(boxes),
        scores: name(scores),
        classes: name(classes),
        count,
        ..HeadOutputs::default()
    };
    let is_open = evidence.open_size(&Input { resize: Resize::Stretch, ..Input::default() }).is_some();
    let input = match is_plain {
        true if is_open => Input { resize: Resize::None, scale: 1.0 / 255.0, ..Input::default() },
        true => Input { resize: Resize::Letterbox, pad: 0, ..yolo_input() },
        false => yolo_input(),
    };
    // As many as there are cells have not been suppressed: DeepStream's.
    let cells = evidence.usual_cells();
    let rows = boxes.dim(boxes.shape.len() - 2);
    let nms = cells.is_some_and(|cells| rows == Some(cells) || rows == Some(3 * cells));
    let head = HeadCard { first_class: u8::from(is_plain), nms, ..listed(outputs) };
    let guess =
        |unit| Guess { head: HeadCard { unit, ..head.clone() }, input: input.clone(), classes: Classes::Unknown };
    // Under these names boxes are in pixels; elsewhere what the graph gives tells.
    let is_of_pixels = ["det_boxes", "boxes"].into_iter().any(|name| boxes.is_called(name));
    let units: &[Unit] = if is_of_pixels { &[Unit::Input] } else { &[Unit::Input, Unit::Unit] };
    units.iter().copied().map(guess).collect()
}

fn name(output: &TensorInfo) -> Names {
    Names::from(output.name.as_str())
}

/// MMDeploy's: boxes and scores in `dets`, classes in `labels`.
pub(super) fn mmdeploy(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let graph = evidence.graph;
    let (Some(dets), Some(labels)) = (graph.output("dets"), graph.output("labels")) else { return Ok(Vec::new()) };
    if dets.shape.last() != Some(&5) || labels.shape.len() >= dets.shape.len() {
        return Ok(Vec::new());
    }
    let outputs = HeadOutputs {
        boxes: dets.name.as_str().into(),
        classes: labels.name.as_str().into(),
        ..HeadOutputs::default()
    };
    // MMDetection's usual normalisation: ImageNet's, of values from 0 to 255.
    let (mean, std) = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]);
    let input = Input { mean, std, ..Input::default() };
    Ok(vec![Guess { head: listed(outputs), input, classes: Classes::Unknown }])
}

/// Boxes, classes, scores and their number in four outputs, as TensorFlow Lite's suppression gives them; their names and
/// their order say nothing.
pub(super) fn four(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let outputs = &evidence.graph.outputs;
    let [boxes] = evidence.outputs(3).filter(|output| output.dim(2) == Some(4)).collect::<Vec<_>>()[..] else {
        return Ok(Vec::new());
    };
    let lists: Vec<&TensorInfo> = evidence.outputs(2).filter(|output| output.dim(1) == boxes.dim(1)).collect();
    let count = outputs.iter().find(|output| output.shape.len() < 2 || output.shape == [1, 1]);
    let ([a, b], Some(count), 4) = (&lists[..], count, outputs.len()) else { return Ok(Vec::new()) };
    let guesses = [(a, b), (b, a)].map(|(scores, classes)| {
        let outputs = HeadOutputs {
            boxes: name(boxes),
            scores: name(scores),
            classes: name(classes),
            count: name(count),
            ..HeadOutputs::default()
        };
        let head = HeadCard { boxes: BoxForm::Yxyx, unit: Unit::Unit, ..listed(outputs) };
        // Floats are of -1 to 1.
        let input = Input { resize: Resize::Stretch, scale: 1.0 / 127.5, mean: [1.0; 3], ..Input::default() };
        Guess { head, input, classes: Classes::Unknown }
    });
    Ok(guesses.to_vec())
}

/// Rows of a box, its score and its class, in one output: `[N, 6]` and `[1, N, 6]`; with the photo's number before them
/// `[N, 7]` (YOLOv7, YOLO-NAS) and, corners with y first and classes from 1, `[1, N, 7]` (EfficientDet).
pub(super) fn rows(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let is_list = |output: &&TensorInfo| {
        let (_, axes) = output.shape.split_at(output.shape.len().saturating_sub(2));
        let shape = (output.shape.len(), axes.get(1));
        // As many rows as there are cells are candidates, not a list.
        let rows = axes.first().and_then(|rows| usize::try_from(*rows).ok());
        let is_dense = evidence.usual_cells().is_some_and(|cells| rows == Some(cells) || rows == Some(3 * cells));
        matches!(shape, (2 | 3, Some(6 | 7))) && !is_dense
    };
    let Some(output) = evidence.graph.outputs.iter().find(is_list) else { return Ok(Vec::new()) };
    use Column::{Batch, Box, Class, Score};
    let head = HeadCard { boxes: BoxForm::Xyxy, nms: false, ..whole(evidence, output) };
    let guess = |columns: &[Column]| Guess {
        head: HeadCard { columns: columns.to_vec(), ..head.clone() },
        input: yolo_input(),
        classes: Classes::Unknown,
    };
    Ok(match (output.shape.len(), output.shape.last()) {
        (3, Some(7)) => {
            let guess = guess(&[Batch, Box, Score, Class]);
            let head = HeadCard { boxes: BoxForm::Yxyx, first_class: 1, ..guess.head };
            vec![Guess { head, input: imagenet_input(), ..guess }]
        }
        (_, Some(7)) => vec![guess(&[Batch, Box, Class, Score]), guess(&[Batch, Box, Score, Class])],
        _ => vec![guess(&[Box, Score, Class]), guess(&[Class, Score, Box]), guess(&[Box, Class, Score])],
    })
}
