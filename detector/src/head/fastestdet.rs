//! FastestDet: one map `[1, 5 + classes, rows, columns]` of objectness, tx, ty, tw, th and class scores.
//!
//! Reference: FastestDet's `handle_preds`: score `objectness^0.6 * class^0.4`, centre `(tanh(t) + cell) / cells`,
//! size `sigmoid(t)`, both of the whole input.

use super::{Head, HeadError, Outputs, best, candidate, sigmoid};
use crate::BBox;
use crate::graph::Graph;
use crate::nms::Candidate;

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
    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let (shape, _) = outputs.floats(&self.output)?;
        let &[_, _, rows, columns] = shape.as_slice() else { return Ok(()) };
        let cells = rows * columns;
        let data = outputs.floats_of(&self.output, (5 + self.classes) * cells)?;
        let (width, height) = outputs.input;
        for cell in 0..cells {
            let at = |channel: usize| data[channel * cells + cell];
            let objectness = at(0).max(0.0).powf(0.6);
            // No class score exceeds 1: most cells end here. NaN ends here too.
            if objectness.is_nan() || objectness < confidence {
                continue;
            }
            let (class_id, class_score) = best((0..self.classes).map(|class_id| at(5 + class_id)));
            let score = objectness * class_score.max(0.0).powf(0.4);
            if score >= confidence {
                let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
                let cx = (at(1).tanh() + column) / columns as f32 * width;
                let cy = (at(2).tanh() + row) / rows as f32 * height;
                let bbox = BBox::from_center(cx, cy, sigmoid(at(3)) * width, sigmoid(at(4)) * height);
                found.push(candidate(class_id, score, bbox));
            }
        }
        Ok(())
    }
}
