//! Grids that are told by their shapes: as many cells as the input has of some strides.

use super::evidence::{Evidence, imagenet_input, nanodet_input, yolo_input};
use super::{Classes, Guess};
use crate::card::{
    Activation, Background, Color, Column, Decode, HeadCard, HeadKind, HeadOutputs, Input, Names, Resize,
};
use crate::graph::TensorInfo;
use crate::head::{STRIDES, grid};

/// Strides that grids have.
const ALL_STRIDES: [u32; 5] = [8, 16, 32, 64, 128];
/// Bins of a distance's distribution: from 0 to 7 strides.
const BINS: usize = 8;

/// FastestDet.
pub(super) fn fastestdet(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let (Some(size), [output]) = (evidence.size, &evidence.graph.outputs[..]) else { return Ok(Vec::new()) };
    let (columns, lines) = grid(size, 16);
    let classes = output.dim(1).and_then(|channels| channels.checked_sub(5)).filter(|classes| *classes > 0);
    let (Some(classes), true) = (classes, output.fits(&[Some(1), None, Some(lines), Some(columns)])) else {
        return Ok(Vec::new());
    };
    let input = Input { color: Color::Bgr, resize: Resize::Stretch, scale: 1.0 / 255.0, ..Input::default() };
    Ok(vec![Guess { head: HeadCard::of(HeadKind::Fastestdet), input, classes: Classes::Count(classes) }])
}

/// Distributions of distances (generalized focal loss): NanoDet-Plus, all in one output; PicoDet, scores and distances of
/// each stride in two.
pub(super) fn distributions(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let bins = 4 * BINS;
    let grid = |strides: &[u32], offset: f32| HeadCard {
        decode: Some(Decode::Distribution),
        strides: strides.to_vec(),
        offset,
        ..HeadCard::of(HeadKind::Grid)
    };
    let mut guesses = Vec::new();
    if let [output] = &evidence.graph.outputs[..] {
        let classes = output.dim(2).and_then(|columns| columns.checked_sub(bins)).filter(|classes| *classes > 0);
        for strides in [&ALL_STRIDES[..3], &ALL_STRIDES[..4]] {
            if let (Some(classes), 3, true) = (classes, output.shape.len(), output.dim(1) == evidence.cells(strides)) {
                let columns = vec![Column::Scores, Column::Box];
                let head = HeadCard { columns, ..grid(strides, 0.0) };
                let input = Input { resize: Resize::Stretch, ..nanodet_input() };
                guesses.push(Guess { head, input, classes: Classes::Count(classes) });
            }
        }
    }
    let is_even = evidence.graph.outputs.len().is_multiple_of(2);
    let mut levels: Vec<(u32, Vec<&TensorInfo>)> = Vec::new();
    for stride in ALL_STRIDES.into_iter().filter(|_| is_even) {
        let outputs = of_cells(evidence, stride, 1);
        // Of a small input, two large strides have as many cells.
        let is_new =
            levels.iter().all(|(_, others)| others.first().map(|o| &o.name) != outputs.first().map(|o| &o.name));
        if is_new && !outputs.is_empty() {
            levels.push((stride, outputs));
        }
    }
    let pairs: Vec<(u32, &TensorInfo, &TensorInfo)> = levels
        .iter()
        .filter_map(|(stride, outputs)| match outputs[..] {
            [a, b] if b.dim(2) == Some(bins) && a.dim(2) != Some(bins) => Some((*stride, a, b)),
            [b, a] if b.dim(2) == Some(bins) && a.dim(2) != Some(bins) => Some((*stride, a, b)),
            _ => None,
        })
        .collect();
    if let (Some((_, scores, _)), true) = (pairs.first(), pairs.len() * 2 == evidence.graph.outputs.len()) {
        let strides: Vec<u32> = pairs.iter().map(|(stride, ..)| *stride).collect();
        let outputs = HeadOutputs {
            scores: Names(pairs.iter().map(|(_, scores, _)| scores.name.clone()).collect()),
            boxes: Names(pairs.iter().map(|(.., boxes)| boxes.name.clone()).collect()),
            ..HeadOutputs::default()
        };
        let classes = scores.dim(2).map_or(Classes::Unknown, Classes::Count);
        let head = HeadCard { outputs, ..grid(&strides, 0.5) };
        guesses.push(Guess { head, input: imagenet_input(), classes });
    }
    Ok(guesses)
}

/// The anchors of the published YOLOs, for strides 8, 16 and 32, and how they are decoded.
const ANCHORS: [(Decode, [[[f32; 2]; 3]; 3]); 3] = [
    (Decode::Yolov5, COCO_ANCHORS),
    (
        Decode::Yolov5,
        [
            [[12.0, 16.0], [19.0, 36.0], [40.0, 28.0]],
            [[36.0, 75.0], [76.0, 55.0], [72.0, 146.0]],
            [[142.0, 110.0], [192.0, 243.0], [459.0, 401.0]],
        ],
    ),
    (Decode::Yolov3, COCO_ANCHORS),
];

/// YOLOv3's, which YOLOv5 and YOLOv7-tiny have, too.
const COCO_ANCHORS: [[[f32; 2]; 3]; 3] = [
    [[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]],
    [[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]],
    [[116.0, 90.0], [156.0, 198.0], [373.0, 326.0]],
];

/// Raw maps of YOLOv3, v5 and v7: of each stride three anchors with `5 + classes` numbers.
pub(super) fn anchors(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    // Beside a table they are what it was made of.
    let Some(size) = evidence.size.filter(|_| evidence.outputs(3).next().is_none()) else { return Ok(Vec::new()) };
    let of_stride = |stride: u32| {
        let (columns, lines) = grid(size, stride as usize);
        evidence.graph.outputs.iter().find(|output| {
            let is_map = output.fits(&[Some(1), None, Some(lines), Some(columns)]);
            is_map || output.fits(&[Some(1), Some(3), Some(lines), Some(columns), None])
        })
    };
    let maps: Option<Vec<&TensorInfo>> = STRIDES.into_iter().map(of_stride).collect();
    let Some(maps) = maps else { return Ok(Vec::new()) };
    let channels = maps[0].dim(4).or_else(|| maps[0].dim(1).filter(|channels| channels % 3 == 0).map(|all| all / 3));
    let Some(classes) = channels.and_then(|channels| channels.checked_sub(5)).filter(|classes| *classes > 0) else {
        return Ok(Vec::new());
    };
    let outputs =
        HeadOutputs { table: Names(maps.iter().map(|map| map.name.clone()).collect()), ..HeadOutputs::default() };
    let guess = |(decode, anchors): &(Decode, [[[f32; 2]; 3]; 3])| Guess {
        head: HeadCard {
            decode: Some(*decode),
            strides: STRIDES.to_vec(),
            anchors: anchors.iter().map(|level| level.to_vec()).collect(),
            objectness: true,
            activation: Activation::Sigmoid,
            outputs: outputs.clone(),
            ..HeadCard::of(HeadKind::Grid)
        },
        input: yolo_input(),
        classes: Classes::Count(classes),
    };
    Ok(ANCHORS.iter().map(guess).collect())
}

/// Detectors of faces with two candidates in each cell: SCRFD, with distances, and RetinaFace, with priors.
pub(super) fn faces(evidence: &Evidence<'_>) -> Result<Vec<Guess>, String> {
    let mut guesses = Vec::new();
    // SCRFD fixes its rows where it was traced, and leaves its input open.
    let of_columns = |columns: usize| -> Vec<&TensorInfo> {
        let rows = |output: &TensorInfo| output.dim(output.shape.len().saturating_sub(2));
        let mut outputs: Vec<&TensorInfo> = evidence
            .graph
            .outputs
            .iter()
            .filter(|output| matches!(output.shape.len(), 2 | 3) && output.dim(output.shape.len() - 1) == Some(columns))
            .collect();
        outputs.sort_by_key(|output| std::cmp::Reverse(rows(output)));
        outputs
    };
    let (scores, boxes, points) = (of_columns(1), of_columns(4), of_columns(10));
    if let ([first, _, _], 3, true) = (&scores[..], boxes.len(), matches!(points.len(), 0 | 3)) {
        let rows = first.dim(first.shape.len() - 2).unwrap_or(0);
        // Rows are two for each cell of stride 8.
        let side = 8 * ((rows / 2) as f64).sqrt().round() as usize;
        let fits = |size: (usize, usize)| {
            let cells = |stride: u32| grid(size, stride as usize);
            STRIDES.into_iter().zip(&scores).zip(&boxes).all(|((stride, scores), boxes)| {
                let rows = cells(stride).0 * cells(stride).1 * 2;
                [scores, boxes].into_iter().all(|output| output.dim(output.shape.len() - 2) == Some(rows))
            })
        };
        let size = evidence.size.filter(|size| fits(*size)).unwrap_or((side, side));
        if fits(size) {
            let names = |outputs: &[&TensorInfo]| Names(outputs.iter().map(|output| output.name.clone()).collect());
            let outputs = HeadOutputs { scores: names(&scores), boxes: names(&boxes), ..HeadOutputs::default() };
            let head = HeadCard {
                decode: Some(Decode::Distances),
                strides: STRIDES.to_vec(),
                per_cell: 2,
                offset: 0.0,
                outputs,
                ..HeadCard::of(HeadKind::Grid)
            };
            let size = [u32::try_from(size.0), u32::try_from(size.1)];
            let size = size.into_iter().collect::<Result<Vec<u32>, _>>().ok().and_then(|size| size.try_into().ok());
            let input = Input { size, scale: 1.0 / 128.0, mean: [127.5 / 128.0; 3], ..Input::default() };
            guesses.push(Guess { head, input, classes: Classes::Face });
        }
    }
    let ([scores], [boxes]) = (&of_columns(2)[..], &of_columns(4)[..]) else { return Ok(guesses) };
    let rows = evidence.usual_cells().map(|cells| 2 * cells);
    if rows.is_some() && scores.dim(1) == rows && boxes.dim(1) == rows {
        let outputs = HeadOutputs {
            scores: scores.name.as_str().into(),
            boxes: boxes.name.as_str().into(),
            ..HeadOutputs::default()
        };
        let head = HeadCard {
            decode: Some(Decode::Prior),
            strides: STRIDES.to_vec(),
            anchors: [[16.0, 32.0], [64.0, 128.0], [256.0, 512.0]].map(|sides| sides.map(|s| [s, s]).to_vec()).to_vec(),
            background: Background::First,
            outputs,
            ..HeadCard::of(HeadKind::Grid)
        };
        let input = Input { color: Color::Bgr, mean: [104.0, 117.0, 123.0], ..Input::default() };
        guesses.push(Guess { head, input, classes: Classes::Face });
    }
    Ok(guesses)
}

/// The outputs of as many rows as the input has cells of that stride, `per_cell` times.
fn of_cells<'g>(evidence: &Evidence<'g>, stride: u32, per_cell: usize) -> Vec<&'g TensorInfo> {
    let cells = evidence.cells(&[stride]).map(|cells| cells * per_cell);
    evidence.outputs(3).filter(|output| cells.is_some() && output.dim(1) == cells).collect()
}
