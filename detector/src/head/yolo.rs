//! Ultralytics v8, v9 and 11 exports: `[1, 4 + classes, N]`, columns of cx, cy, w, h in input pixels and class scores.
//!
//! Reference: `non_max_suppression` of Ultralytics' documentation of the export format: best class per column.

use super::{Head, HeadError, Outputs, candidate};
use crate::BBox;
use crate::graph::Graph;
use crate::nms::Candidate;

pub(crate) struct Yolo {
    output: String,
    classes: usize,
}

impl Yolo {
    pub(crate) fn new(graph: &Graph, classes: usize) -> Result<Self, String> {
        let output = graph.only_output(&format!("[1,{},N] (4 + {classes} labels)", classes + 4), |output| {
            output.fits(&[Some(1), Some(classes + 4), None])
        })?;
        Ok(Self { output: output.name.clone(), classes })
    }
}

impl Head for Yolo {
    fn stride(&self) -> Option<u32> {
        Some(32)
    }

    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let columns = outputs.floats(&self.output)?.0.last().copied().unwrap_or(0);
        if columns == 0 {
            return Ok(());
        }
        let data = outputs.floats_of(&self.output, (4 + self.classes) * columns)?;
        let (boxes, scores) = data.split_at(4 * columns);
        // Class by class, as the memory lies.
        let mut best = vec![(0, f32::NEG_INFINITY); columns];
        for (class_id, row) in scores.chunks_exact(columns).enumerate() {
            for (best, score) in best.iter_mut().zip(row) {
                if *score > best.1 {
                    *best = (class_id, *score);
                }
            }
        }
        for (i, (class_id, score)) in best.into_iter().enumerate().filter(|(_, (_, score))| *score >= confidence) {
            let at = |row: usize| boxes[row * columns + i];
            found.push(candidate(class_id, score, BBox::from_center(at(0), at(1), at(2), at(3))));
        }
        Ok(())
    }
}
