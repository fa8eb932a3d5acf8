//! Candidates that lie on grids, one for each stride, as the card describes them: each cell has its numbers for one box, or
//! for as many as it has anchors. All grids in one output, one behind the other, or each in its own; as rows or as maps.
//!
//! Reference: the card ([`HeadCard`]) and the formulas at [`Decode`]: YOLOX (arXiv:2107.08430), YOLOv3 (arXiv:1804.02767),
//! YOLOv5, SSD (arXiv:1512.02325), FCOS (arXiv:1904.01355), generalized focal loss (arXiv:2006.04388).

use super::view::{Columns, Scores, View};
use super::{Head, HeadError, Outputs, add_bounded, candidate, grid, sigmoid};
use crate::card::{Column, Decode, HeadCard, Names};
use crate::graph::{Graph, TensorInfo};
use crate::nms::Candidate;
use crate::{BBox, Thresholds};

pub(crate) struct Grid {
    card: HeadCard,
    decode: Decode,
    scores: Scores,
    /// Bins of each side's distribution.
    bins: usize,
    parts: Vec<Part>,
}

/// Some of a candidate's columns: in one output for all strides, or in one for each.
struct Part {
    outputs: Vec<String>,
    columns: Columns,
}

/// A grid of one stride.
struct Level<'c> {
    index: usize,
    stride: f32,
    columns: usize,
    rows: usize,
    /// Candidates of all grids before this one.
    before: usize,
    /// Candidates of all grids.
    all: usize,
    anchors: &'c [[f32; 2]],
}

impl Grid {
    /// # Errors
    /// What the card needs and what the graph has.
    pub(crate) fn new(
        graph: &Graph,
        card: &HeadCard,
        labels: &[String],
        input: (usize, usize),
    ) -> Result<Self, String> {
        let decode = card.decode.ok_or("head.decode is missing")?;
        let mut head =
            Self { card: card.clone(), decode, scores: Scores::of(card, labels, None), bins: 1, parts: Vec::new() };
        let outputs = &card.outputs;
        let described = card.columns();
        let is_apart = !outputs.boxes.is_empty();
        let parts: Vec<(&Names, Vec<Column>)> = if is_apart {
            // A column of objectness stands before the classes where it has no output of its own.
            let scores = |column: &Column| match column {
                Column::Box => false,
                Column::Objectness => outputs.objectness.is_empty(),
                _ => true,
            };
            let scores = described.into_iter().filter(scores).collect();
            let objectness = (!outputs.objectness.is_empty()).then(|| (&outputs.objectness, vec![Column::Objectness]));
            [(&outputs.boxes, vec![Column::Box]), (&outputs.scores, scores)].into_iter().chain(objectness).collect()
        } else {
            vec![(&outputs.table, described)]
        };
        for (names, described) in parts {
            let outputs: Vec<&TensorInfo> = match (&names.0[..], &graph.outputs[..]) {
                ([], [only]) => vec![only],
                ([], _) => return Err(format!("it has several outputs: write head.outputs; the graph has {graph}")),
                (names, _) => names.iter().map(|name| graph.named_output(name)).collect::<Result<_, _>>()?,
            };
            if described.contains(&Column::Box) && decode == Decode::Distribution {
                let others = Columns::of(&described, 0, head.scores.width()).width;
                let width =
                    outputs.iter().find_map(|output| head.width(output, input)).and_then(|w| w.checked_sub(others));
                let bins = width.filter(|width| width % 4 == 0 && *width >= 8).map(|width| width / 4);
                head.bins =
                    bins.ok_or_else(|| format!("output {} should have 4 * bins columns of boxes", outputs[0]))?;
            }
            let columns = Columns::of(&described, 4 * head.bins, head.scores.width());
            for (index, output) in outputs.iter().enumerate() {
                let rows = head.rows(input, (outputs.len() > 1).then_some(index));
                if !head.fits(output, rows, columns.width, input, index) {
                    let (anchors, width) = (head.per_cell(index), columns.width);
                    return Err(format!(
                        "output {output} should hold {rows} candidates ({} labels, {anchors} for each cell) of {width} \
                         columns",
                        labels.len()
                    ));
                }
            }
            let outputs = outputs.into_iter().map(|output| output.name.clone()).collect();
            head.parts.push(Part { outputs, columns });
        }
        Ok(head)
    }

    fn per_cell(&self, level: usize) -> usize {
        self.card.anchors.get(level).map_or(self.card.per_cell, Vec::len)
    }

    fn levels(&self, input: (usize, usize)) -> Vec<Level<'_>> {
        let all = self.rows(input, None);
        let mut before = 0;
        let mut levels = Vec::new();
        for (index, stride) in self.card.strides.iter().enumerate() {
            let (columns, rows) = grid(input, *stride as usize);
            let anchors = self.card.anchors.get(index).map_or(&[][..], Vec::as_slice);
            levels.push(Level { index, stride: *stride as f32, columns, rows, before, all, anchors });
            before += columns * rows * self.per_cell(index);
        }
        levels
    }

    /// Candidates of one grid, or of all.
    fn rows(&self, input: (usize, usize), level: Option<usize>) -> usize {
        let strides = self.card.strides.iter().enumerate().filter(|(index, _)| level.is_none_or(|only| only == *index));
        strides
            .map(|(index, stride)| {
                let (columns, rows) = grid(input, *stride as usize);
                columns * rows * self.per_cell(index)
            })
            .sum()
    }

    /// The columns of an output of rows or of a map, where the graph tells.
    fn width(&self, output: &TensorInfo, input: (usize, usize)) -> Option<usize> {
        let last = output.shape.last().and_then(|d| usize::try_from(*d).ok());
        match output.shape.len() {
            2 | 3 if self.card.transposed => output.dim(output.shape.len() - 2),
            4 => {
                let (columns, rows) = grid(input, *self.card.strides.first()? as usize);
                let is_map = output.dim(2) == Some(rows) && output.dim(3) == Some(columns);
                let channels = if is_map { output.dim(1) } else { last };
                channels.map(|channels| channels / self.per_cell(0).max(1))
            }
            _ => last,
        }
    }

    /// Whether an output may hold so many candidates of so many columns.
    fn fits(&self, output: &TensorInfo, rows: usize, width: usize, input: (usize, usize), level: usize) -> bool {
        let stride = self.card.strides.get(level).copied().unwrap_or(1) as usize;
        let (columns, lines) = grid(input, stride);
        let anchors = self.per_cell(level);
        let table = if self.card.transposed { [width, rows] } else { [rows, width] }.map(Some);
        let batch = Some(1);
        let shapes: [&[Option<usize>]; 5] = [
            &table,
            &[batch, table[0], table[1]],
            &[batch, Some(anchors * width), Some(lines), Some(columns)],
            &[batch, Some(lines), Some(columns), Some(anchors * width)],
            &[batch, Some(anchors), Some(lines), Some(columns), Some(width)],
        ];
        shapes.into_iter().any(|shape| output.fits(shape))
    }

    /// A part's numbers of one grid.
    fn view<'d>(&self, outputs: &Outputs<'d, '_>, part: &Part, level: &Level<'_>) -> Result<View<'d>, HeadError> {
        let (anchors, width, cells) = (self.per_cell(level.index), part.columns.width, level.columns * level.rows);
        // One output for all strides, or one for each.
        let is_alone = part.outputs.len() > 1 || self.card.strides.len() == 1;
        let name = part.outputs.get(level.index).or(part.outputs.first()).map_or("", String::as_str);
        let (before, all) = if is_alone { (0, cells * anchors) } else { (level.before, level.all) };
        let (shape, _) = outputs.floats(name)?;
        let data = outputs.floats_of(name, all * width)?;
        let rows =
            View { data, start: before * width, cells, cell_step: anchors * width, anchor_step: width, column_step: 1 };
        Ok(match shape[..] {
            [.., channels, lines, columns]
                if shape.len() == 4
                    && (lines, columns) == (level.rows, level.columns)
                    && channels == anchors * width =>
            {
                View { cell_step: 1, anchor_step: width * cells, column_step: cells, ..rows }
            }
            [_, _, _, _, _] => View { cell_step: width, anchor_step: cells * width, ..rows },
            _ if self.card.transposed => {
                View { start: before, cell_step: anchors, anchor_step: 1, column_step: all, ..rows }
            }
            _ => rows,
        })
    }

    /// The box of a candidate whose numbers `at` gives.
    fn bbox(&self, level: &Level<'_>, cell: usize, anchor: usize, at: impl Fn(usize) -> f32) -> BBox {
        let (x, y) = ((cell % level.columns) as f32, (cell / level.columns) as f32);
        let (stride, offset) = (level.stride, self.card.offset);
        let [width, height] = level.anchors.get(anchor).copied().unwrap_or([stride, stride]);
        let (left, top) = ((x + offset) * stride, (y + offset) * stride);
        let from_point = |sides: [f32; 4]| {
            let [l, t, r, b] = sides.map(|side| side * stride);
            BBox::new(left - l, top - t, left + r, top + b)
        };
        match self.decode {
            Decode::Exp => {
                BBox::from_center((x + at(0)) * stride, (y + at(1)) * stride, at(2).exp() * width, at(3).exp() * height)
            }
            Decode::Yolov3 => BBox::from_center(
                (x + sigmoid(at(0))) * stride,
                (y + sigmoid(at(1))) * stride,
                at(2).exp() * width,
                at(3).exp() * height,
            ),
            Decode::Yolov5 => {
                let twice = |i: usize| 2.0 * sigmoid(at(i));
                BBox::from_center(
                    (x - 0.5 + twice(0)) * stride,
                    (y - 0.5 + twice(1)) * stride,
                    twice(2).powi(2) * width,
                    twice(3).powi(2) * height,
                )
            }
            Decode::Prior => BBox::from_center(
                left + 0.1 * at(0) * width,
                top + 0.1 * at(1) * height,
                (0.2 * at(2)).exp() * width,
                (0.2 * at(3)).exp() * height,
            ),
            Decode::Distances => from_point([0, 1, 2, 3].map(&at)),
            Decode::Distribution => {
                from_point([0, 1, 2, 3].map(|side| mean(self.bins, |bin| at(side * self.bins + bin))))
            }
        }
    }
}

impl Head for Grid {
    fn stride(&self) -> Option<u32> {
        self.card.strides.iter().copied().max()
    }

    fn read(
        &self,
        outputs: &Outputs<'_, '_>,
        wanted: &Thresholds,
        found: &mut Vec<Candidate>,
    ) -> Result<(), HeadError> {
        for level in self.levels(outputs.size) {
            let views: Vec<(&Part, View<'_>)> = self
                .parts
                .iter()
                .map(|part| Ok((part, self.view(outputs, part, &level)?)))
                .collect::<Result<_, _>>()?;
            let part = |which: &dyn Fn(&Columns) -> Option<usize>| {
                views.iter().find_map(|(part, view)| Some((view, which(&part.columns)?)))
            };
            let (Some((boxes, bbox)), Some((view, scores))) =
                (part(&|columns| columns.bbox), part(&|columns| columns.scores))
            else {
                continue;
            };
            let objectness = part(&|columns| columns.objectness);
            for cell in 0..level.columns * level.rows {
                for anchor in 0..self.per_cell(level.index) {
                    let objectness = objectness.map(|(view, column)| view.at(cell, anchor, column));
                    let at = |column: usize| view.at(cell, anchor, scores + column);
                    let bbox = || self.bbox(&level, cell, anchor, |i| boxes.at(cell, anchor, bbox + i));
                    if wanted.multi_label {
                        self.scores.every(objectness, at, wanted, |class_id, score| {
                            add_bounded(found, candidate(class_id, score, bbox()));
                        });
                    } else if let Some((class_id, score)) = self.scores.best(objectness, at, None, wanted.confidence) {
                        found.push(candidate(class_id, score, bbox()));
                    }
                }
            }
        }
        Ok(())
    }

    fn needs_nms(&self) -> bool {
        self.card.nms
    }
}

/// The mean index of `bins` bins under the softmax of what `at` gives.
fn mean(bins: usize, at: impl Fn(usize) -> f32) -> f32 {
    let highest = (0..bins).map(&at).fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for bin in 0..bins {
        let weight = (at(bin) - highest).exp();
        sum += weight;
        weighted += weight * bin as f32;
    }
    weighted / sum
}

#[cfg(test)]
mod tests {
    use super::mean;

    #[test]
    fn the_mean_of_a_distribution() {
        assert!((mean(8, |_| 0.0) - 3.5).abs() < 1e-6);
        assert!((mean(4, |bin| if bin == 2 { 50.0 } else { -50.0 }) - 2.0).abs() < 1e-6);
    }
}
