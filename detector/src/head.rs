//! Model heads: from a graph's outputs to boxes. Well-known families are tables or grids with all that a card would say of
//! them ([`preset`]); the others have a file each, with the formula of its reference.

mod detr;
mod fastestdet;
mod grid;
mod heatmap;
mod preset;
mod table;
mod view;

pub(crate) use preset::{NANODET_SCORES, STRIDES};

use crate::card::{Card, HeadCard, HeadKind};
use crate::graph::Graph;
use crate::nms::Candidate;
pub(crate) use crate::outputs::{HeadError, Outputs};
use crate::{BBox, MULTI_LABEL_CANDIDATES, Thresholds};

/// Reads the outputs of one kind of graph.
pub(crate) trait Head: Send + Sync {
    /// Appends every box whose score reaches the least one, in pixels of the input tensor: with its best class or, with
    /// `multi_label`, once for each that does. What a graph tells by number has one class.
    ///
    /// # Errors
    /// [`HeadError`] where an output is not what the graph declared.
    fn read(&self, outputs: &Outputs<'_, '_>, wanted: &Thresholds, found: &mut Vec<Candidate>)
    -> Result<(), HeadError>;

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
    let labels = &card.labels;
    let table = |head: &HeadCard, stride: Option<u32>| table::Table::new(graph, head, labels, stride).map(boxed);
    let grid = |head: &HeadCard| grid::Grid::new(graph, head, labels, fixed()?).map(boxed);
    match card.head.kind {
        HeadKind::Yolox => grid(&preset::yolox()),
        HeadKind::Yolo => table(&preset::yolo(), Some(32)),
        HeadKind::YoloE2e => table(&preset::yolo_e2e(), Some(32)),
        HeadKind::Detr if graph.input("orig_target_sizes").is_some() => table(&preset::detr_deploy(), None),
        HeadKind::Detr => detr::Detr::new(graph, &card.head, labels).map(boxed),
        HeadKind::Ssd => table(&preset::ssd(graph), None),
        HeadKind::Nanodet => grid(&preset::nanodet(graph)?),
        HeadKind::Fastestdet => fastestdet::FastestDet::new(graph, labels.len()).map(boxed),
        HeadKind::Table => table(&card.head, None),
        HeadKind::Grid => grid(&card.head),
        HeadKind::Heatmap => heatmap::Heatmap::new(graph, &card.head, labels.len(), fixed()?).map(boxed),
    }
}

fn boxed<H: Head + 'static>(head: H) -> Box<dyn Head> {
    Box::new(head)
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
    /// COCO's category ids less one.
    CocoFromZero,
}

impl ClassIds {
    /// The index into `labels` labels.
    pub(crate) fn class_id(self, id: i64, labels: usize) -> Option<usize> {
        let id = usize::try_from(id).ok()?;
        let class_id = match self {
            Self::Dense => Some(id),
            Self::FromOne => id.checked_sub(1),
            Self::Coco => crate::labels::coco_class(id),
            Self::CocoFromZero => crate::labels::coco_class(id + 1),
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

/// Adds one of possibly very many pairs of box and class: never more than twice [`MULTI_LABEL_CANDIDATES`] are kept.
pub(crate) fn add_bounded(found: &mut Vec<Candidate>, pair: Candidate) {
    if found.len() >= 2 * MULTI_LABEL_CANDIDATES {
        found.select_nth_unstable_by(MULTI_LABEL_CANDIDATES, |a, b| b.score.total_cmp(&a.score));
        found.truncate(MULTI_LABEL_CANDIDATES);
    }
    found.push(pair);
}

/// Logistic function.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Columns and rows of a grid of cells of `stride` pixels over an input (width, height).
pub(crate) fn grid(input: (usize, usize), stride: usize) -> (usize, usize) {
    (input.0.div_ceil(stride), input.1.div_ceil(stride))
}

/// A candidate box in input pixels.
pub(crate) fn candidate(class_id: usize, score: f32, bbox: BBox) -> Candidate {
    Candidate { class_id, score, bbox }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nms::select;

    #[test]
    fn of_very_many_pairs_the_best_are_kept() {
        let mut found = Vec::new();
        let count = 5 * MULTI_LABEL_CANDIDATES;
        for number in 0..count {
            // Scores in no order, each once.
            let score = (number * 7919 % count) as f32 / count as f32;
            let bbox = BBox::new(number as f32, 0.0, number as f32 + 0.5, 1.0);
            add_bounded(&mut found, candidate(0, score, bbox));
            assert!(found.len() <= 2 * MULTI_LABEL_CANDIDATES);
        }
        let thresholds =
            Thresholds { confidence: 0.0, max_detections: count, multi_label: true, ..Thresholds::default() };
        let kept = select(found, &thresholds, false);
        assert_eq!(kept.len(), MULTI_LABEL_CANDIDATES);
        let lowest = kept.last().unwrap().score;
        assert!((lowest - 0.8).abs() < 1e-3, "{lowest}: the best fifth");
    }
}
