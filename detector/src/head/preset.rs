//! The heads of well-known families, as tables and grids: what a card would say that described them.

use crate::card::{BoxForm, Column, Decode, HeadCard, HeadKind, HeadOutputs, Names, Unit};
use crate::graph::Graph;

/// Strides of YOLOX, and of most families' grids.
pub(crate) const STRIDES: [u32; 3] = [8, 16, 32];
/// Prefixes of NanoDet's outputs; the stride follows.
pub(crate) const NANODET_SCORES: &str = "cls_pred_stride_";
const NANODET_BOXES: &str = "dis_pred_stride_";

/// YOLOX raw grid: `[1, N, 5 + classes]` over strides 8, 16 and 32 (arXiv:2107.08430).
pub(super) fn yolox() -> HeadCard {
    HeadCard { decode: Some(Decode::Exp), strides: STRIDES.to_vec(), objectness: true, ..HeadCard::of(HeadKind::Grid) }
}

/// Ultralytics v8, v9 and 11 exports: `[1, 4 + classes, N]`, columns of cx, cy, w, h in input pixels and class scores.
pub(super) fn yolo() -> HeadCard {
    HeadCard { transposed: true, ..HeadCard::of(HeadKind::Table) }
}

/// YOLOv10 (arXiv:2405.14458) and YOLO26 end-to-end exports: `[1, N, 6]`, rows of x1, y1, x2, y2 in input pixels, score,
/// class.
pub(super) fn yolo_e2e() -> HeadCard {
    HeadCard {
        boxes: BoxForm::Xyxy,
        columns: vec![Column::Box, Column::Score, Column::Class],
        nms: false,
        ..HeadCard::of(HeadKind::Table)
    }
}

/// TensorFlow Object Detection API exports: `detection_boxes [1, N, 4]` as normalised ymin, xmin, ymax, xmax,
/// `detection_scores [1, N]`, `detection_classes [1, N]` from 1 (COCO category ids for COCO's labels), of which the first
/// `num_detections [1]` count. Reference: the exporter's documented signature ("exporting a trained model for inference").
pub(super) fn ssd(graph: &Graph) -> HeadCard {
    let outputs = HeadOutputs {
        boxes: "detection_boxes".into(),
        scores: "detection_scores".into(),
        classes: "detection_classes".into(),
        count: graph.output("num_detections").map_or_else(Names::default, |count| count.name.as_str().into()),
        ..HeadOutputs::default()
    };
    HeadCard {
        boxes: BoxForm::Yxyx,
        unit: Unit::Unit,
        first_class: 1,
        nms: false,
        outputs,
        ..HeadCard::of(HeadKind::Table)
    }
}

/// Deploy exports of RT-DETR and its kin: inputs `images` and `orig_target_sizes`, outputs `labels`, `boxes`, `scores`, boxes
/// as two corners in the size that was passed in.
pub(super) fn detr_deploy() -> HeadCard {
    let outputs = HeadOutputs {
        boxes: "boxes".into(),
        scores: "scores".into(),
        classes: "labels".into(),
        ..HeadOutputs::default()
    };
    HeadCard { boxes: BoxForm::Xyxy, unit: Unit::Photo, nms: false, outputs, ..HeadCard::of(HeadKind::Table) }
}

/// NanoDet (generalized focal loss, arXiv:2006.04388): per stride `cls_pred_stride_S [1, cells, classes]` (sigmoid applied)
/// and `dis_pred_stride_S [1, cells, 4 * bins]`.
///
/// # Errors
/// That the graph has no such outputs.
pub(super) fn nanodet(graph: &Graph) -> Result<HeadCard, String> {
    let stride = |name: &str| name.strip_prefix(NANODET_SCORES)?.parse::<u32>().ok().filter(|stride| *stride > 0);
    let mut strides: Vec<u32> = graph.outputs.iter().filter_map(|output| stride(&output.name)).collect();
    strides.sort_unstable();
    if strides.is_empty() {
        return Err(format!("it needs outputs {NANODET_SCORES}S and {NANODET_BOXES}S; the graph has {graph}"));
    }
    let names = |prefix: &str| Names(strides.iter().map(|stride| format!("{prefix}{stride}")).collect());
    let outputs = HeadOutputs { scores: names(NANODET_SCORES), boxes: names(NANODET_BOXES), ..HeadOutputs::default() };
    Ok(HeadCard { decode: Some(Decode::Distribution), strides, outputs, ..HeadCard::of(HeadKind::Grid) })
}
