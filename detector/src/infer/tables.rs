//! Tables that are told by their shapes: as many rows as the input has cells, or boxes beside scores.

use super::evidence::{Evidence, yolo_input};
use super::{Classes, Guess};
use crate::card::{
    Activation, Background, BoxForm, Color, Column, HeadCard, HeadKind, HeadOutputs, Input, Resize, Unit,
};
use crate::graph::TensorInfo;

pub(super) fn table(outputs: HeadOutputs) -> HeadCard {
    HeadCard { outputs, ..HeadCard::of(HeadKind::Table) }
}

/// A table in one output, named only where there are others.
pub(super) fn whole(evidence: &Evidence<'_>, output: &TensorInfo) -> HeadCard {
    let is_alone = evidence.graph.outputs.len() == 1;
    let name = if is_alone { None } else { Some(output.name.as_str()) };
    table(HeadOutputs { table: name.map_or_else(Default::default, Into::into), ..HeadOutputs::default() })
}

/// One output of as many rows (or columns) as the input has cells of strides 8, 16 and 32, or three times as many anchors.
pub(super) fn rows(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let Some(cells) = evidence.usual_cells() else { return Ok(Vec::new()) };
    let bgr = Input { color: Color::Bgr, pad: 114, ..Input::default() };
    let mut guesses = Vec::new();
    for output in evidence.outputs(3) {
        let (Some(rows), Some(columns)) = (output.dim(1), output.dim(2)) else { continue };
        let mut guess = |head: &HeadCard, input: &Input, columns: usize, others: usize| {
            if let Some(classes) = columns.checked_sub(others).filter(|classes| *classes > 0) {
                guesses.push(Guess { head: head.clone(), input: input.clone(), classes: Classes::Count(classes) });
            }
        };
        let with_objectness = HeadCard { objectness: true, ..whole(evidence, output) };
        if rows == cells {
            guess(&HeadCard::of(HeadKind::Yolox), &bgr, columns, 5);
            // The same with the grid worked in: YOLOX's own option, and YOLOv6.
            guess(&with_objectness, &bgr, columns, 5);
            guess(&with_objectness, &yolo_input(), columns, 5);
            // Without objectness: DAMO-YOLO, DeepStream's exports of YOLOv8.
            for boxes in [BoxForm::Cxcywh, BoxForm::Xyxy] {
                guess(&HeadCard { boxes, ..whole(evidence, output) }, &yolo_input(), columns, 4);
            }
        }
        if rows == 3 * cells {
            guess(&with_objectness, &yolo_input(), columns, 5);
        }
        // Masks are put together of prototypes in another output.
        let masks =
            evidence.outputs(4).next().and_then(|prototypes| prototypes.dim(1)).filter(|count| *count < rows.min(64));
        if let (true, Some(extra)) = (columns == cells, masks) {
            guess(&HeadCard { transposed: true, extra, ..whole(evidence, output) }, &yolo_input(), rows, 4 + extra);
        } else if columns == cells {
            guess(&HeadCard::of(HeadKind::Yolo), &yolo_input(), rows, 4);
        }
        if let (true, Some(extra)) = (rows == 3 * cells, masks) {
            guess(&HeadCard { extra, ..with_objectness.clone() }, &yolo_input(), columns, 5 + extra);
            continue;
        }
        // The best class of each cell by number: DeepStream's.
        if (rows == cells || rows == 3 * cells) && columns == 6 {
            let columns = vec![Column::Box, Column::Score, Column::Class];
            let head = HeadCard { boxes: BoxForm::Xyxy, columns, ..whole(evidence, output) };
            guesses.push(Guess { head, input: yolo_input(), classes: Classes::Unknown });
        }
    }
    Ok(guesses)
}

/// Boxes `[1, N, 4]` and scores `[1, N, classes]` in two outputs, perhaps with landmarks in a third: which form they have,
/// only what the graph gives can tell.
pub(super) fn apart(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let tables: Vec<&TensorInfo> = evidence.outputs(3).filter(|output| output.dim(0).is_none_or(|d| d == 1)).collect();
    if !(2..=3).contains(&evidence.graph.outputs.len()) || tables.len() != evidence.graph.outputs.len() {
        return Ok(Vec::new());
    }
    let mut of_four: Vec<_> = tables.iter().filter(|output| output.dim(2) == Some(4)).collect();
    if of_four.len() > 1 {
        // Three classes and a background are four numbers, too.
        of_four.retain(|output| ["box", "loc", "reg"].iter().any(|part| output.name.to_lowercase().contains(part)));
    }
    let [boxes] = of_four[..] else { return Ok(Vec::new()) };
    let beside = |output: &&&TensorInfo| output.name != boxes.name && output.dim(1) == boxes.dim(1);
    // Five landmarks of a face have ten numbers.
    let landmarks = |output: &&&TensorInfo| tables.len() == 3 && output.dim(2) == Some(10);
    let scores: Vec<_> = tables.iter().filter(beside).filter(|output| !landmarks(output)).collect();
    let [scores] = scores[..] else { return Ok(Vec::new()) };
    let Some(columns) = scores.dim(2) else { return Ok(Vec::new()) };
    let outputs = HeadOutputs {
        boxes: boxes.name.as_str().into(),
        scores: scores.name.as_str().into(),
        ..HeadOutputs::default()
    };
    let faces = Input { resize: Resize::Stretch, scale: 1.0 / 128.0, mean: [127.0 / 128.0; 3], ..Input::default() };
    let mut guesses = Vec::new();
    for (form, unit) in
        [BoxForm::Xyxy, BoxForm::Cxcywh].into_iter().flat_map(|form| [Unit::Input, Unit::Unit].map(|unit| (form, unit)))
    {
        for (activation, background) in [
            (Activation::None, Background::None),
            (Activation::Sigmoid, Background::None),
            (Activation::None, Background::First),
            (Activation::None, Background::Last),
            (Activation::Softmax, Background::First),
            (Activation::Softmax, Background::None),
        ] {
            let head = HeadCard { boxes: form, unit, activation, background, ..table(outputs.clone()) };
            let classes = columns.saturating_sub(usize::from(head.background() != Background::None));
            if classes > 0 {
                // One class and a background: the face detectors that are published so.
                let input = if columns == 2 && classes == 1 { faces.clone() } else { yolo_input() };
                guesses.push(Guess { head, input, classes: Classes::Count(classes) });
            }
        }
    }
    Ok(guesses)
}
