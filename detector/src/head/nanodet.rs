//! NanoDet with generalized focal loss: per stride `cls_pred_stride_S [1, cells, classes]` (sigmoid applied) and
//! `dis_pred_stride_S [1, cells, 4 * bins]`, a distribution over distances to each side.
//!
//! Reference: NanoDet's head and Generalized Focal Loss (arXiv:2006.04388): a side's distance is the expectation of the
//! softmax over its bins, in strides, from the cell's centre `(cell + 0.5) * stride`.

use super::{Head, HeadError, Outputs, best, candidate, cells, grid};
use crate::BBox;
use crate::graph::Graph;
use crate::nms::Candidate;

pub(crate) struct Nanodet {
    classes: usize,
    levels: Vec<Level>,
}

struct Level {
    scores: String,
    distances: String,
    bins: usize,
    stride: usize,
}

/// Prefixes of the output names; the stride follows.
pub(crate) const SCORES: &str = "cls_pred_stride_";
const DISTANCES: &str = "dis_pred_stride_";

impl Nanodet {
    pub(crate) fn new(graph: &Graph, classes: usize, input: (usize, usize)) -> Result<Self, String> {
        let strides = graph.outputs.iter().filter_map(|output| output.name.strip_prefix(SCORES)?.parse::<usize>().ok());
        let levels = strides.filter(|stride| *stride > 0).map(|stride| {
            let scores = graph.named_output(&format!("{SCORES}{stride}"))?;
            let distances = graph.named_output(&format!("{DISTANCES}{stride}"))?;
            let (columns, rows) = grid(input, stride);
            if !scores.fits(&[Some(1), Some(columns * rows), Some(classes)]) {
                return Err(format!("output {scores} should be [1,{},{classes}]", columns * rows));
            }
            let bins = distances.dim(2).filter(|d| d % 4 == 0 && *d >= 8).map(|d| d / 4);
            let bins = bins.ok_or_else(|| format!("output {distances} should be [1,{},4*bins]", columns * rows))?;
            let (scores, distances) = (scores.name.clone(), distances.name.clone());
            Ok(Level { scores, distances, bins, stride })
        });
        let levels: Vec<Level> = levels.collect::<Result<_, String>>()?;
        if levels.is_empty() {
            return Err(format!("it needs outputs {SCORES}S and {DISTANCES}S; the graph has {graph}"));
        }
        Ok(Self { classes, levels })
    }
}

impl Head for Nanodet {
    fn stride(&self) -> Option<u32> {
        self.levels.iter().filter_map(|level| u32::try_from(level.stride).ok()).max()
    }

    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        for level in &self.levels {
            let (columns, rows) = grid(outputs.size, level.stride);
            let scores = outputs.floats_of(&level.scores, columns * rows * self.classes)?;
            let distances = outputs.floats_of(&level.distances, columns * rows * 4 * level.bins)?;
            let stride = level.stride as f32;
            let rows = scores.chunks_exact(self.classes).zip(distances.chunks_exact(4 * level.bins));
            for ((scores, distances), (column, row)) in rows.zip(cells(outputs.size, level.stride)) {
                let (class_id, score) = best(scores.iter().copied());
                if score.is_nan() || score < confidence {
                    continue;
                }
                let (cx, cy) = ((column + 0.5) * stride, (row + 0.5) * stride);
                let side = |i: usize| expectation(&distances[i * level.bins..(i + 1) * level.bins]) * stride;
                let bbox = BBox::new(cx - side(0), cy - side(1), cx + side(2), cy + side(3));
                found.push(candidate(class_id, score, bbox));
            }
        }
        Ok(())
    }
}

/// The mean bin index under the softmax of `logits`.
fn expectation(logits: &[f32]) -> f32 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - highest).exp();
        sum += weight;
        weighted += weight * bin as f32;
    }
    weighted / sum
}

#[cfg(test)]
mod tests {
    use super::expectation;

    #[test]
    fn expectation_of_a_softmax() {
        assert!((expectation(&[0.0; 8]) - 3.5).abs() < 1e-6);
        assert!((expectation(&[-50.0, -50.0, 50.0, -50.0]) - 2.0).abs() < 1e-6);
    }
}
