//! RT-DETR, D-FINE and RF-DETR. Two forms, neither with NMS:
//! - raw: `logits [1, Q, classes]` and `pred_boxes [1, Q, 4]`, normalised cx, cy, w, h; scores are sigmoids, and
//!   every (query, class) pair counts (reference: `post_process_object_detection` with focal loss, RT-DETR,
//!   arXiv:2304.08069);
//! - deploy: inputs `images` and `orig_target_sizes`, outputs `labels`, `boxes`, `scores`, boxes xyxy in the size that
//!   was passed in: the input's own, so that boxes come back in input pixels like everybody's.

use super::{ClassIds, Head, HeadError, Outputs, candidate, sigmoid};
use crate::BBox;
use crate::graph::{Graph, TensorInfo};
use crate::labels::is_coco80;
use crate::nms::Candidate;

/// Classes of graphs that number them by COCO category: 0..=90.
const COCO_CATEGORIES: usize = 91;

/// The form that fits the graph.
pub(crate) fn build(graph: &Graph, labels: &[String]) -> Result<Box<dyn Head>, String> {
    if graph.input("orig_target_sizes").is_some() {
        return Ok(Box::new(Deploy::new(graph, labels.len())?));
    }
    Ok(Box::new(Raw::new(graph, labels)?))
}

struct Raw {
    logits: String,
    boxes: String,
    classes: usize,
    labels: usize,
    ids: ClassIds,
}

impl Raw {
    fn new(graph: &Graph, labels: &[String]) -> Result<Self, String> {
        let named = |names: [&str; 2]| names.into_iter().find_map(|name| graph.output(name));
        let boxes = named(["pred_boxes", "dets"])
            .filter(|output| output.fits(&[Some(1), None, Some(4)]))
            .map_or_else(|| graph.only_output("[1,Q,4] (pred_boxes)", |o| o.fits(&[Some(1), None, Some(4)])), Ok)?;
        let logits = named(["logits", "labels"]).ok_or("it needs an output \"logits\" [1,Q,classes]")?;
        let classes = logits.dim(2).ok_or_else(|| format!("output {logits} must have a fixed number of classes"))?;
        let ids = match classes {
            n if n == labels.len() => ClassIds::Dense,
            COCO_CATEGORIES if is_coco80(labels) => ClassIds::Coco,
            n => return Err(format!("output {logits} has {n} classes, the card has {} labels", labels.len())),
        };
        let name = |output: &TensorInfo| output.name.clone();
        Ok(Self { logits: name(logits), boxes: name(boxes), classes, labels: labels.len(), ids })
    }
}

impl Head for Raw {
    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let (_, logits) = outputs.floats(&self.logits)?;
        let queries = logits.len() / self.classes;
        let boxes = outputs.floats_of(&self.boxes, queries * 4)?;
        let (width, height) = outputs.input;
        for (logits, b) in logits.chunks_exact(self.classes).zip(boxes.chunks_exact(4)) {
            for (id, logit) in logits.iter().enumerate() {
                let score = sigmoid(*logit);
                if score.is_nan() || score < confidence {
                    continue;
                }
                if let Some(class_id) = self.ids.class_id(id as i64, self.labels) {
                    let bbox = BBox::from_center(b[0] * width, b[1] * height, b[2] * width, b[3] * height);
                    found.push(candidate(class_id, score, bbox));
                }
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        false
    }
}

struct Deploy {
    labels: usize,
}

impl Deploy {
    fn new(graph: &Graph, labels: usize) -> Result<Self, String> {
        for name in ["labels", "boxes", "scores"] {
            graph.named_output(name)?;
        }
        Ok(Self { labels })
    }
}

impl Head for Deploy {
    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let (_, scores) = outputs.floats("scores")?;
        let boxes = outputs.floats_of("boxes", scores.len() * 4)?;
        let ids = outputs.ids("labels")?;
        for ((score, b), id) in scores.iter().zip(boxes.chunks_exact(4)).zip(ids) {
            if *score >= confidence
                && let Some(class_id) = ClassIds::Dense.class_id(id, self.labels)
            {
                found.push(candidate(class_id, *score, BBox::new(b[0], b[1], b[2], b[3])));
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        false
    }
}
