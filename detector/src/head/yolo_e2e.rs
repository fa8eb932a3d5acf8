//! YOLOv10 and YOLO26 end-to-end exports: `[1, N, 6]`, rows of x1, y1, x2, y2 in input pixels, score, class. No NMS.
//!
//! Reference: YOLOv10 (arXiv:2405.14458), one-to-one head; rows are already the best N.

use super::{ClassIds, Head, HeadError, Outputs, candidate};
use crate::BBox;
use crate::graph::Graph;
use crate::nms::Candidate;

pub(crate) struct YoloE2e {
    output: String,
    classes: usize,
}

impl YoloE2e {
    pub(crate) fn new(graph: &Graph, classes: usize) -> Result<Self, String> {
        let output =
            graph.only_output("[1,N,6] (x1,y1,x2,y2,score,class)", |output| output.fits(&[Some(1), None, Some(6)]))?;
        Ok(Self { output: output.name.clone(), classes })
    }
}

impl Head for YoloE2e {
    fn stride(&self) -> Option<u32> {
        Some(32)
    }

    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let (_, data) = outputs.floats(&self.output)?;
        for row in data.chunks_exact(6).filter(|row| row[4] >= confidence) {
            if let Some(class_id) = ClassIds::Dense.class_id(row[5].round() as i64, self.classes) {
                found.push(candidate(class_id, row[4], BBox::new(row[0], row[1], row[2], row[3])));
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        false
    }
}
