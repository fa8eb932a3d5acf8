//! Model heads: from a graph's outputs to boxes. One file per kind, each with the formula of its reference.

mod detr;
mod fastestdet;
mod nanodet;
mod ssd;
mod table;
mod yolo;
mod yolo_e2e;
mod yolox;

pub(crate) use nanodet::SCORES as NANODET_SCORES;
use ort::session::SessionOutputs;
pub(crate) use yolox::rows as yolox_rows;

use crate::BBox;
use crate::card::{Card, HeadKind};
use crate::graph::Graph;
use crate::nms::Candidate;

/// Reads the outputs of one kind of graph.
pub(crate) trait Head: Send + Sync {
    /// Appends every box whose score reaches `confidence`, in pixels of the input tensor.
    ///
    /// # Errors
    /// [`HeadError`] where an output is not what the graph declared.
    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError>;

    /// The largest stride of a head that reads inputs of any shape, in pixels: the input's sides must be multiples of it.
    /// `None` for heads that know one shape only.
    fn stride(&self) -> Option<u32> {
        None
    }

    /// Whether boxes of the same object still overlap and need NMS.
    fn needs_nms(&self) -> bool {
        true
    }
}

/// An output that is missing, of another type, or too short. Never a caller's fault.
#[derive(Debug, thiserror::Error)]
#[error("output {output:?}: {reason}")]
pub(crate) struct HeadError {
    output: String,
    reason: String,
}

/// The head a card asks for, held against the graph and the input size (width, height).
///
/// # Errors
/// What the head needs and what the graph has.
pub(crate) fn build(card: &Card, graph: &Graph, input: Option<(u32, u32)>) -> Result<Box<dyn Head>, String> {
    let fixed = || {
        input
            .map(|(w, h)| (w as usize, h as usize))
            .ok_or_else(|| "it needs a fixed input size: write input.size".to_owned())
    };
    let classes = card.labels.len();
    Ok(match card.head.kind {
        HeadKind::Yolox => Box::new(yolox::Yolox::new(graph, classes, fixed()?)?),
        HeadKind::Yolo => Box::new(yolo::Yolo::new(graph, classes)?),
        HeadKind::YoloE2e => Box::new(yolo_e2e::YoloE2e::new(graph, classes)?),
        HeadKind::Detr => detr::build(graph, &card.labels)?,
        HeadKind::Ssd => Box::new(ssd::Ssd::new(graph, &card.labels)?),
        HeadKind::Nanodet => Box::new(nanodet::Nanodet::new(graph, classes, fixed()?)?),
        HeadKind::Fastestdet => Box::new(fastestdet::FastestDet::new(graph, classes)?),
        HeadKind::Table => Box::new(table::Table::new(graph, &card.head, &card.labels)?),
    })
}

/// The outputs of one run, and the input they belong to.
pub(crate) struct Outputs<'v, 's> {
    values: &'v SessionOutputs<'s>,
    /// Width and height of the input tensor.
    pub(crate) input: (f32, f32),
    /// The same in whole pixels.
    pub(crate) size: (usize, usize),
}

impl<'v, 's> Outputs<'v, 's> {
    pub(crate) fn new(values: &'v SessionOutputs<'s>, input: (u32, u32)) -> Self {
        Self { values, input: (input.0 as f32, input.1 as f32), size: (input.0 as usize, input.1 as usize) }
    }

    /// Shape and data of an output of floats.
    pub(crate) fn floats(&self, name: &str) -> Result<(Vec<usize>, &'v [f32]), HeadError> {
        let failed = |reason: String| HeadError { output: name.to_owned(), reason };
        let value = self.values.get(name).ok_or_else(|| failed("is missing".to_owned()))?;
        let (shape, data) = value.try_extract_tensor::<f32>().map_err(|e| failed(e.to_string()))?;
        Ok((shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect(), data))
    }

    /// Like [`Outputs::floats`], of at least `len` values.
    pub(crate) fn floats_of(&self, name: &str, len: usize) -> Result<&'v [f32], HeadError> {
        let (shape, data) = self.floats(name)?;
        data.get(..len).ok_or_else(|| HeadError {
            output: name.to_owned(),
            reason: format!("has shape {shape:?}, expected {len} values"),
        })
    }

    /// Class ids, which exporters write as i64, i32 or floats.
    pub(crate) fn ids(&self, name: &str) -> Result<Vec<i64>, HeadError> {
        let failed = |reason: &str| HeadError { output: name.to_owned(), reason: reason.to_owned() };
        let value = self.values.get(name).ok_or_else(|| failed("is missing"))?;
        if let Ok((_, ids)) = value.try_extract_tensor::<i64>() {
            return Ok(ids.to_vec());
        }
        if let Ok((_, ids)) = value.try_extract_tensor::<i32>() {
            return Ok(ids.iter().map(|id| i64::from(*id)).collect());
        }
        let (_, ids) = value.try_extract_tensor::<f32>().map_err(|_| failed("holds no numbers"))?;
        // A cast from NaN gives 0, from an out-of-range value the nearest: both are then no known class or a real one.
        Ok(ids.iter().map(|id| id.round() as i64).collect())
    }
}

/// How a graph numbers its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClassIds {
    /// As the labels.
    Dense,
    /// From 1, as the labels.
    FromOne,
    /// COCO's category ids, 1..=90.
    Coco,
}

impl ClassIds {
    /// The index into `labels` labels.
    pub(crate) fn class_id(self, id: i64, labels: usize) -> Option<usize> {
        let id = usize::try_from(id).ok()?;
        let class_id = match self {
            Self::Dense => Some(id),
            Self::FromOne => id.checked_sub(1),
            Self::Coco => crate::labels::coco_class(id),
        };
        class_id.filter(|class_id| *class_id < labels)
    }
}

/// The best class of a row of scores, and its score. NaN never wins; an empty row gives score NaN.
pub(crate) fn best(scores: impl IntoIterator<Item = f32>) -> (usize, f32) {
    let mut best = (0, f32::NAN);
    for (class_id, score) in scores.into_iter().enumerate() {
        if score > best.1 || best.1.is_nan() {
            best = (class_id, score);
        }
    }
    best
}

/// Logistic function.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// A grid of cells of `stride` pixels over an input (width, height): its cells as (column, row), row by row.
pub(crate) fn cells(input: (usize, usize), stride: usize) -> impl Iterator<Item = (f32, f32)> {
    let (columns, rows) = grid(input, stride);
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (column as f32, row as f32)))
}

/// Columns and rows of that grid.
pub(crate) fn grid(input: (usize, usize), stride: usize) -> (usize, usize) {
    (input.0.div_ceil(stride), input.1.div_ceil(stride))
}

/// A candidate box in input pixels.
pub(crate) fn candidate(class_id: usize, score: f32, bbox: BBox) -> Candidate {
    Candidate { class_id, score, bbox }
}
