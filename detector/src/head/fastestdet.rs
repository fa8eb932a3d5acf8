//! FastestDet: one map `[1, 5 + classes, rows, columns]` of objectness, tx, ty, tw, th and class scores.
//!
//! Reference: FastestDet's `handle_preds`: score `objectness^0.6 * class^0.4`, centre `(tanh(t) + cell) / cells`,
//! size `sigmoid(t)`, both of the whole input.

use super::{Head, HeadError, Outputs, add_bounded, best, candidate, sigmoid};
use crate::graph::Graph;
use crate::nms::Candidate;
use crate::{BBox, Thresholds};

pub(crate) struct FastestDet {
    output: String,
    classes: usize,
}

impl FastestDet {
    pub(crate) fn new(graph: &Graph, classes: usize) -> Result<Self, String> {
        let output = graph
            .only_output(&format!("[1,{},rows,columns] (5 + {classes} labels)", classes + 5), |output| {
                output.fits(&[Some(1), Some(classes + 5), None, None])
            })?;
        Ok(Self { output: output.name.clone(), classes })
    }
}

impl Head for FastestDet {
    fn read(
        &self,
        outputs: &Outputs<'_, '_>,
        wanted: &Thresholds,
        found: &mut Vec<Candidate>,
    ) -> Result<(), HeadError> {
        let (shape, _) = outputs.floats(&self.output)?;
        let &[_, _, rows, columns] = shape.as_slice() else { return Ok(()) };
        let cells = rows * columns;
        let data = outputs.floats_of(&self.output, (5 + self.classes) * cells)?;
        let (width, height) = outputs.input;
        for cell in 0..cells {
            let at = |channel: usize| data[channel * cells + cell];
            let objectness = at(0).max(0.0).powf(0.6);
            // No class score exceeds 1: most cells end here. NaN ends here too.
            if objectness.is_nan() || objectness < wanted.confidence {
                continue;
            }
            let score_of = |class_score: f32| objectness * class_score.max(0.0).powf(0.4);
            let bbox = || {
                let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
                let cx = (at(1).tanh() + column) / columns as f32 * width;
                let cy = (at(2).tanh() + row) / rows as f32 * height;
                BBox::from_center(cx, cy, sigmoid(at(3)) * width, sigmoid(at(4)) * height)
            };
            if wanted.multi_label {
                let bbox = bbox();
                for class_id in 0..self.classes {
                    let score = score_of(at(5 + class_id));
                    if score >= wanted.confidence && wanted.takes(class_id) {
                        add_bounded(found, candidate(class_id, score, bbox));
                    }
                }
                continue;
            }
            let (class_id, class_score) = best((0..self.classes).map(|class_id| at(5 + class_id)));
            let score = score_of(class_score);
            if score >= wanted.confidence {
                found.push(candidate(class_id, score, bbox()));
            }
        }
        Ok(())
    }
}
