//! Graphs that have done their own suppression and give lists of what they found.

use super::evidence::{Evidence, yolo_input};
use super::tables::{table, whole};
use super::{Classes, Guess};
use crate::card::{BoxForm, Column, HeadCard, HeadOutputs, Input, Names, Resize, Unit};
use crate::graph::TensorInfo;

fn listed(outputs: HeadOutputs) -> HeadCard {
    HeadCard { boxes: BoxForm::Xyxy, nms: false, ..table(outputs) }
}

/// TensorRT's names, and torchvision's.
pub(super) fn named(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let graph = evidence.graph;
    let name = |name: &str| graph.output(name).map(|output| Names::from(output.name.as_str()));
    for (boxes, scores, classes, count) in [
        ("det_boxes", "det_scores", "det_classes", "num_dets"),
        ("boxes", "scores", "labels", ""),
        ("boxes", "scores", "classes", "num_detections"),
        ("nmsed_boxes", "nmsed_scores", "nmsed_classes", "num_detections"),
    ] {
        let Some(shape) = graph.output(boxes).map(|output| output.shape.len()) else { continue };
        let (Some(boxes), Some(scores), Some(classes)) = (name(boxes), name(scores), name(classes)) else { continue };
        // Classes by number are one for each box.
        let is_numbered =
            classes.one().and_then(|classes| graph.output(classes)).is_some_and(|o| o.shape.len() < shape);
        if !is_numbered {
            continue;
        }
        let count = name(count).unwrap_or_default();
        // torchvision has no batch, takes photos as they are, and its class 0 is the background.
        let is_torchvision = shape == 2;
        let outputs = HeadOutputs { boxes, scores, classes, count, ..HeadOutputs::default() };
        let head = HeadCard { first_class: u8::from(is_torchvision), ..listed(outputs) };
        let is_open = evidence.open_size(&Input { resize: Resize::Stretch, ..Input::default() }).is_some();
        let input = match is_torchvision {
            true if is_open => Input { resize: Resize::None, scale: 1.0 / 255.0, ..Input::default() },
            true => Input { resize: Resize::Letterbox, pad: 0, ..yolo_input() },
            false => yolo_input(),
        };
        return Ok(vec![Guess { head, input, classes: Classes::Unknown }]);
    }
    Ok(Vec::new())
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
    let name = |output: &TensorInfo| Names::from(output.name.as_str());
    let guesses = [(a, b), (b, a)].map(|(scores, classes)| {
        let outputs = HeadOutputs {
            boxes: name(boxes),
            scores: name(scores),
            classes: name(classes),
            count: name(count),
            ..HeadOutputs::default()
        };
        let head = HeadCard { boxes: BoxForm::Yxyx, unit: Unit::Unit, ..listed(outputs) };
        let input = Input { resize: Resize::Stretch, layout: evidence.layout, ..Input::default() };
        // Floats are of -1 to 1, bytes as they are.
        let of_floats = Input { scale: 1.0 / 127.5, mean: [1.0; 3], ..input.clone() };
        let is_bytes = evidence.takes_bytes();
        Guess { head, input: if is_bytes { input } else { of_floats }, classes: Classes::Unknown }
    });
    Ok(guesses.to_vec())
}

/// Rows of a box, its score and its class, in one output: `[N, 7]` with the photo's number before them, `[N, 6]` and
/// `[1, N, 6]`.
pub(super) fn rows(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let is_list = |output: &&TensorInfo| {
        let (_, axes) = output.shape.split_at(output.shape.len().saturating_sub(2));
        let shape = (output.shape.len(), axes.get(1));
        // As many rows as there are cells are candidates, not a list.
        let rows = axes.first().and_then(|rows| usize::try_from(*rows).ok());
        let is_dense = evidence.usual_cells().is_some_and(|cells| rows == Some(cells) || rows == Some(3 * cells));
        matches!(shape, (2 | 3, Some(6)) | (2, Some(7))) && !is_dense
    };
    let Some(output) = evidence.graph.outputs.iter().find(is_list) else { return Ok(Vec::new()) };
    use Column::{Batch, Box, Class, Score};
    let orders = match output.shape.last() {
        Some(7) => vec![vec![Batch, Box, Class, Score]],
        _ => vec![vec![Box, Score, Class], vec![Class, Score, Box], vec![Box, Class, Score]],
    };
    let head = HeadCard { boxes: BoxForm::Xyxy, nms: false, ..whole(evidence, output) };
    let guess =
        |columns| Guess { head: HeadCard { columns, ..head.clone() }, input: yolo_input(), classes: Classes::Unknown };
    Ok(orders.into_iter().map(guess).collect())
}
