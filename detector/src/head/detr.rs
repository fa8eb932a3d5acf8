//! DETR, RT-DETR, D-FINE and RF-DETR as they come out of training: `logits [1, Q, classes]` and `pred_boxes [1, Q, 4]`,
//! normalised cx, cy, w, h, without NMS.
//!
//! With focal loss (all but DETR) scores are sigmoids, and every (query, class) pair counts (reference:
//! `post_process_object_detection`, RT-DETR, arXiv:2304.08069). DETR (arXiv:2005.12872) has a last class of its own for
//! "no object", and a query the best of the others under the softmax: `activation = "softmax"`.

use super::{ClassIds, Head, HeadError, Outputs, best, candidate, sigmoid};
use crate::card::{Activation, HeadCard};
use crate::graph::{Graph, TensorInfo};
use crate::labels::is_coco80;
use crate::nms::Candidate;
use crate::{BBox, Thresholds};

/// Classes of graphs that number them by COCO category: 0..=90.
const COCO_CATEGORIES: usize = 91;

pub(crate) struct Detr {
    logits: String,
    boxes: String,
    /// Columns of classes, "no object" apart.
    classes: usize,
    labels: usize,
    ids: ClassIds,
    is_softmax: bool,
}

impl Detr {
    pub(crate) fn new(graph: &Graph, card: &HeadCard, labels: &[String]) -> Result<Self, String> {
        let named = |names: [&str; 2]| names.into_iter().find_map(|name| graph.output(name));
        let boxes = named(["pred_boxes", "dets"])
            .filter(|output| output.fits(&[Some(1), None, Some(4)]))
            .map_or_else(|| graph.only_output("[1,Q,4] (pred_boxes)", |o| o.fits(&[Some(1), None, Some(4)])), Ok)?;
        let logits = named(["logits", "labels"])
            .or_else(|| named(["pred_logits", "scores"]))
            .ok_or("it needs an output \"logits\" [1,Q,classes]")?;
        let columns = logits.dim(2).ok_or_else(|| format!("output {logits} must have a fixed number of classes"))?;
        let is_softmax = card.activation == Activation::Softmax;
        let classes = columns - usize::from(is_softmax);
        let ids = match classes {
            n if n == labels.len() => ClassIds::Dense,
            COCO_CATEGORIES if is_coco80(labels) => ClassIds::Coco,
            n => {
                let background = if is_softmax { ", and one for \"no object\"" } else { "" };
                return Err(format!(
                    "output {logits} has {n} classes{background}; the card has {} labels",
                    labels.len()
                ));
            }
        };
        let name = |output: &TensorInfo| output.name.clone();
        Ok(Self { logits: name(logits), boxes: name(boxes), classes, labels: labels.len(), ids, is_softmax })
    }
}

impl Head for Detr {
    fn read(
        &self,
        outputs: &Outputs<'_, '_>,
        wanted: &Thresholds,
        found: &mut Vec<Candidate>,
    ) -> Result<(), HeadError> {
        let columns = self.classes + usize::from(self.is_softmax);
        let (_, logits) = outputs.floats(&self.logits)?;
        let boxes = outputs.floats_of(&self.boxes, logits.len() / columns.max(1) * 4)?;
        let (width, height) = outputs.input;
        for (logits, b) in logits.chunks_exact(columns.max(1)).zip(boxes.chunks_exact(4)) {
            let mut add = |id: usize, score: f32| {
                if score >= wanted.confidence
                    && let Some(class_id) = self.ids.class_id(id as i64, self.labels)
                {
                    let bbox = BBox::from_center(b[0] * width, b[1] * height, b[2] * width, b[3] * height);
                    found.push(candidate(class_id, score, bbox));
                }
            };
            if self.is_softmax && wanted.multi_label {
                let (_, highest) = best(logits.iter().copied());
                let sum = logits.iter().map(|logit| (logit - highest).exp()).sum::<f32>();
                logits[..self.classes]
                    .iter()
                    .enumerate()
                    .for_each(|(id, logit)| add(id, (logit - highest).exp() / sum));
            } else if self.is_softmax {
                let (id, highest) = best(logits[..self.classes].iter().copied());
                add(id, 1.0 / logits.iter().map(|logit| (logit - highest).exp()).sum::<f32>());
            } else {
                logits.iter().enumerate().for_each(|(id, logit)| add(id, sigmoid(*logit)));
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        false
    }
}
