//! TensorFlow Object Detection API exports: `detection_boxes [1, N, 4]` as normalised ymin, xmin, ymax, xmax,
//! `detection_scores [1, N]`, `detection_classes [1, N]` from 1 (COCO category ids for COCO's labels) and
//! `num_detections [1]`. The graph did its own NMS per class.
//!
//! Reference: the exporter's documented signature ("exporting a trained model for inference").

use super::{ClassIds, Head, HeadError, Outputs, candidate};
use crate::BBox;
use crate::graph::Graph;
use crate::labels::is_coco80;
use crate::nms::Candidate;

pub(crate) struct Ssd {
    labels: usize,
    ids: ClassIds,
    counts: bool,
}

impl Ssd {
    pub(crate) fn new(graph: &Graph, labels: &[String]) -> Result<Self, String> {
        for name in ["detection_boxes", "detection_scores", "detection_classes"] {
            graph.named_output(name)?;
        }
        let ids = if is_coco80(labels) { ClassIds::Coco } else { ClassIds::FromOne };
        Ok(Self { labels: labels.len(), ids, counts: graph.output("num_detections").is_some() })
    }
}

impl Head for Ssd {
    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let (_, scores) = outputs.floats("detection_scores")?;
        let boxes = outputs.floats_of("detection_boxes", scores.len() * 4)?;
        let ids = outputs.ids("detection_classes")?;
        let count = match self.counts {
            true => outputs.ids("num_detections")?.first().and_then(|n| usize::try_from(*n).ok()).unwrap_or(0),
            false => scores.len(),
        };
        let (width, height) = outputs.input;
        for ((score, b), id) in scores.iter().zip(boxes.chunks_exact(4)).zip(ids).take(count) {
            if *score >= confidence
                && let Some(class_id) = self.ids.class_id(id, self.labels)
            {
                let bbox = BBox::new(b[1] * width, b[0] * height, b[3] * width, b[2] * height);
                found.push(candidate(class_id, *score, bbox));
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        false
    }
}
