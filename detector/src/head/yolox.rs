//! YOLOX raw grid: `[1, N, 5 + classes]` over strides 8, 16 and 32, each row x, y, w, h, objectness, classes.
//!
//! Reference: `demo_postprocess` and `postprocess` of YOLOX (arXiv:2107.08430): centre `(xy + cell) * stride`,
//! size `exp(wh) * stride`, score `objectness * best class`.

use super::{Head, HeadError, Outputs, best, candidate, cells, grid};
use crate::BBox;
use crate::graph::Graph;
use crate::nms::Candidate;

const STRIDES: [usize; 3] = [8, 16, 32];

pub(crate) struct Yolox {
    output: String,
    classes: usize,
}

impl Yolox {
    pub(crate) fn new(graph: &Graph, classes: usize, input: (usize, usize)) -> Result<Self, String> {
        let rows = rows(input);
        let output = graph.only_output(&format!("[1,{rows},{}] (5 + {classes} labels)", classes + 5), |output| {
            output.fits(&[Some(1), Some(rows), Some(classes + 5)])
        })?;
        Ok(Self { output: output.name.clone(), classes })
    }
}

/// Rows of a YOLOX output for an input (width, height).
pub(crate) fn rows(input: (usize, usize)) -> usize {
    STRIDES.iter().map(|stride| grid(input, *stride)).map(|(columns, rows)| columns * rows).sum()
}

impl Head for Yolox {
    fn stride(&self) -> Option<u32> {
        Some(32)
    }

    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let width = 5 + self.classes;
        let data = outputs.floats_of(&self.output, rows(outputs.size) * width)?;
        let cells = STRIDES
            .into_iter()
            .flat_map(|stride| cells(outputs.size, stride).map(move |(column, line)| (column, line, stride as f32)));
        for (row, (column, line, stride)) in data.chunks_exact(width).zip(cells) {
            let objectness = row[4];
            // No class score exceeds 1: most cells end here. NaN ends here too.
            if objectness.is_nan() || objectness < confidence {
                continue;
            }
            let (class_id, class_score) = best(row[5..].iter().copied());
            let score = objectness * class_score;
            if score >= confidence {
                let (cx, cy) = ((row[0] + column) * stride, (row[1] + line) * stride);
                let bbox = BBox::from_center(cx, cy, row[2].exp() * stride, row[3].exp() * stride);
                found.push(candidate(class_id, score, bbox));
            }
        }
        Ok(())
    }
}
