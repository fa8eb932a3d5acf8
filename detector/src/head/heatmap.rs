//! CenterNet: a heat map of centres `[1, classes, h, w]`, sizes `[1, 2, h, w]` and, perhaps, offsets `[1, 2, h, w]`, each in
//! cells.
//!
//! Reference: Objects as Points (arXiv:1904.07850): a centre is a cell that is not exceeded within the 3 x 3 cells around
//! it, which takes the place of NMS; its box has the centre `(cell + offset) * stride` and the size `wh * stride`.

use super::{Head, HeadError, Outputs, candidate, grid, sigmoid};
use crate::card::{Activation, HeadCard};
use crate::graph::{Graph, TensorInfo};
use crate::nms::Candidate;
use crate::{BBox, Thresholds};

pub(crate) struct Heatmap {
    scores: String,
    sizes: String,
    offsets: Option<String>,
    stride: u32,
    classes: usize,
    is_sigmoid: bool,
    nms: bool,
}

impl Heatmap {
    /// # Errors
    /// What the card needs and what the graph has.
    pub(crate) fn new(graph: &Graph, card: &HeadCard, classes: usize, input: (usize, usize)) -> Result<Self, String> {
        let [stride] = card.strides[..] else { return Err("head.strides should be one: [4], for example".to_owned()) };
        let (columns, rows) = grid(input, stride as usize);
        let found = |name: Option<&str>, channels: usize| -> Result<&TensorInfo, String> {
            let output = graph.named_output(name.unwrap_or_default())?;
            let fits = output.fits(&[Some(1), Some(channels), Some(rows), Some(columns)]);
            fits.then_some(output).ok_or_else(|| format!("output {output} should be [1,{channels},{rows},{columns}]"))
        };
        let outputs = &card.outputs;
        let offsets = outputs.offsets.one().map(|name| found(Some(name), 2)).transpose()?;
        Ok(Self {
            scores: found(outputs.scores.one(), classes)?.name.clone(),
            sizes: found(outputs.boxes.one(), 2)?.name.clone(),
            offsets: offsets.map(|output| output.name.clone()),
            stride,
            classes,
            is_sigmoid: card.activation == Activation::Sigmoid,
            nms: card.nms,
        })
    }
}

impl Head for Heatmap {
    fn stride(&self) -> Option<u32> {
        // The network halves its input five times, whatever the stride of its map is.
        Some(self.stride.max(32))
    }

    fn read(
        &self,
        outputs: &Outputs<'_, '_>,
        wanted: &Thresholds,
        found: &mut Vec<Candidate>,
    ) -> Result<(), HeadError> {
        let (columns, rows) = grid(outputs.size, self.stride as usize);
        let cells = columns * rows;
        let scores = outputs.floats_of(&self.scores, self.classes * cells)?;
        let sizes = outputs.floats_of(&self.sizes, 2 * cells)?;
        let offsets = self.offsets.as_ref().map(|name| outputs.floats_of(name, 2 * cells)).transpose()?;
        let stride = self.stride as f32;
        for (class_id, map) in scores.chunks_exact(cells.max(1)).take(self.classes).enumerate() {
            for (cell, raw) in map.iter().copied().enumerate() {
                let score = if self.is_sigmoid { sigmoid(raw) } else { raw };
                let (x, y) = (cell % columns, cell / columns);
                if score.is_nan() || score < wanted.confidence || !is_peak(map, (x, y), (columns, rows)) {
                    continue;
                }
                let offset = |axis: usize| offsets.as_ref().map_or(0.0, |offsets| offsets[axis * cells + cell]);
                let (cx, cy) = ((x as f32 + offset(0)) * stride, (y as f32 + offset(1)) * stride);
                let bbox = BBox::from_center(cx, cy, sizes[cell] * stride, sizes[cells + cell] * stride);
                found.push(candidate(class_id, score, bbox));
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        self.nms
    }
}

/// Whether no cell beside `(x, y)` exceeds it.
fn is_peak(map: &[f32], (x, y): (usize, usize), (columns, rows): (usize, usize)) -> bool {
    let here = map[y * columns + x];
    let lines = y.saturating_sub(1)..(y + 2).min(rows);
    lines.into_iter().all(|line| {
        let around = x.saturating_sub(1)..(x + 2).min(columns);
        around.into_iter().all(|column| map[line * columns + column] <= here)
    })
}
