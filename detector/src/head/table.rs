//! Candidates in a table, as the card describes it: rows or columns of a box, perhaps objectness, a score for each class; in
//! one output, or boxes, scores, classes and their number apart, as graphs give them that have done their own NMS.
//!
//! Reference: the card ([`HeadCard`]). A row's class is its best one; its score is that times objectness, where there is one.

use super::{ClassIds, Head, HeadError, Outputs, best, candidate, sigmoid};
use crate::BBox;
use crate::card::{Activation, BoxForm, HeadCard, TableOutputs, Unit};
use crate::graph::{Graph, TensorInfo};
use crate::labels::is_coco80;
use crate::nms::Candidate;

pub(crate) struct Table {
    card: HeadCard,
    /// Labels of the card.
    labels: usize,
    ids: ClassIds,
    source: Source,
}

/// Where the numbers are.
enum Source {
    Whole { table: String },
    Apart { boxes: String, scores: Option<String>, classes: Option<String>, count: Option<String> },
}

impl Table {
    pub(crate) fn new(graph: &Graph, card: &HeadCard, labels: &[String]) -> Result<Self, String> {
        let ids = match card.first_class {
            0 => ClassIds::Dense,
            _ if is_coco80(labels) => ClassIds::Coco,
            _ => ClassIds::FromOne,
        };
        let labels = labels.len();
        let source = Source::of(graph, &card.outputs)?;
        let table = Self { card: card.clone(), labels, ids, source };
        table.check(graph)?;
        Ok(table)
    }

    /// Columns of scores: objectness, classes, background.
    fn scores(&self) -> usize {
        let background = self.card.activation == Activation::Softmax;
        usize::from(self.card.objectness) + self.labels + usize::from(background)
    }

    /// Holds the shapes that the graph declares against the card.
    fn check(&self, graph: &Graph) -> Result<(), String> {
        let shaped = |name: &str, columns: usize, what: &str| {
            let output = graph.named_output(name)?;
            if self.fits(output, columns) {
                return Ok(());
            }
            let wanted = if self.card.transposed { format!("[1,{columns},N]") } else { format!("[1,N,{columns}]") };
            Err(format!("it needs an output {wanted} ({what}); the graph has {output}"))
        };
        let labels = self.labels;
        let objectness = if self.card.objectness { "objectness, " } else { "" };
        let background = if self.card.activation == Activation::Softmax { ", background" } else { "" };
        let scores = format!("{objectness}{labels} labels{background}");
        match &self.source {
            Source::Whole { table } => {
                let extra = self.card.extra;
                shaped(table, 4 + self.scores() + extra, &format!("4 of the box, {scores}, {extra} extra"))
            }
            Source::Apart { boxes, scores: name, classes, .. } => {
                let columns = if name.is_none() { 5 } else { 4 };
                shaped(boxes, columns, if name.is_none() { "4 of the box, its score" } else { "4 of the box" })?;
                match (name, classes) {
                    (Some(name), None) => shaped(name, self.scores() + self.card.extra, &scores),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Whether an output may hold so many columns: a batch of one before, or none; axes of one between are left out.
    fn fits(&self, output: &TensorInfo, columns: usize) -> bool {
        let mut shape = output.shape.clone();
        if shape.len() == 4 && shape[2] == 1 {
            shape.remove(2);
        }
        let (batch, table) = shape.split_at(shape.len().saturating_sub(2));
        let [rows, width] = table else { return false };
        let width = if self.card.transposed { rows } else { width };
        batch.len() <= 1
            && batch.iter().all(|size| *size <= 1)
            && (*width < 0 || usize::try_from(*width) == Ok(columns))
    }

    fn bbox(&self, [a, b, c, d]: [f32; 4], input: (f32, f32)) -> BBox {
        let bbox = match self.card.boxes {
            BoxForm::Cxcywh => BBox::from_center(a, b, c, d),
            BoxForm::Xyxy => BBox::new(a, b, c, d),
            BoxForm::Xywh => BBox::new(a, b, a + c, b + d),
            BoxForm::Yxyx => BBox::new(b, a, d, c),
        };
        match self.card.unit {
            Unit::Unit => BBox::new(bbox.x1 * input.0, bbox.y1 * input.1, bbox.x2 * input.0, bbox.y2 * input.1),
            Unit::Input | Unit::Photo => bbox,
        }
    }

    /// Class and score of a candidate whose columns of scores `at` gives.
    fn class_of(&self, at: impl Fn(usize) -> f32, confidence: f32) -> Option<(usize, f32)> {
        let activate = |x: f32| if self.card.activation == Activation::Sigmoid { sigmoid(x) } else { x };
        let first = usize::from(self.card.objectness);
        let objectness = if self.card.objectness { activate(at(0)) } else { 1.0 };
        // No class's score exceeds 1: most candidates end here. NaN ends here, too.
        if objectness.is_nan() || objectness < confidence {
            return None;
        }
        let (class_id, raw) = best((0..self.labels).map(|class_id| at(first + class_id)));
        let score = match self.card.activation {
            Activation::Softmax => {
                let sum: f32 = (0..=self.labels).map(|class_id| (at(class_id) - raw).exp()).sum();
                1.0 / sum
            }
            _ => objectness * activate(raw),
        };
        (score >= confidence).then_some((class_id, score))
    }
}

impl Source {
    fn of(graph: &Graph, outputs: &TableOutputs) -> Result<Self, String> {
        // TensorFlow's converters leave ":0" behind names, which nobody writes into a card.
        let name = |wanted: &String| {
            let found = graph.output(wanted).or_else(|| graph.output(&format!("{wanted}:0")));
            found.map_or_else(|| graph.named_output(wanted), Ok).map(|output| output.name.clone())
        };
        if let Some(boxes) = &outputs.boxes {
            let optional = |wanted: &Option<String>| wanted.as_ref().map(name).transpose();
            return Ok(Self::Apart {
                boxes: name(boxes)?,
                scores: optional(&outputs.scores)?,
                classes: optional(&outputs.classes)?,
                count: optional(&outputs.count)?,
            });
        }
        let table = match (&outputs.table, &graph.outputs[..]) {
            (Some(table), _) => name(table)?,
            (None, [only]) => only.name.clone(),
            (None, _) => {
                return Err(format!(
                    "it has several outputs: write head.outputs = {{table = \"…\"}}, or {{boxes = \"…\", scores = \"…\"}}; \
                     the graph has {graph}"
                ));
            }
        };
        Ok(Self::Whole { table })
    }
}

/// Numbers of candidates, `columns` of each.
struct Grid<'d> {
    data: &'d [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'d> Grid<'d> {
    fn of(outputs: &Outputs<'d, '_>, name: &str, columns: usize, transposed: bool) -> Result<Self, HeadError> {
        let rows = outputs.floats(name)?.1.len() / columns.max(1);
        let data = outputs.floats_of(name, rows * columns)?;
        Ok(Self { data, rows, columns, transposed })
    }

    fn at(&self, row: usize, column: usize) -> f32 {
        let index = if self.transposed { column * self.rows + row } else { row * self.columns + column };
        self.data.get(index).copied().unwrap_or(f32::NAN)
    }

    fn four(&self, row: usize) -> [f32; 4] {
        [0, 1, 2, 3].map(|column| self.at(row, column))
    }
}

impl Head for Table {
    fn read(&self, outputs: &Outputs<'_, '_>, confidence: f32, found: &mut Vec<Candidate>) -> Result<(), HeadError> {
        let (input, transposed) = (outputs.input, self.card.transposed);
        match &self.source {
            Source::Whole { table } => {
                let grid = Grid::of(outputs, table, 4 + self.scores() + self.card.extra, transposed)?;
                for row in 0..grid.rows {
                    if let Some((class_id, score)) = self.class_of(|column| grid.at(row, 4 + column), confidence) {
                        found.push(candidate(class_id, score, self.bbox(grid.four(row), input)));
                    }
                }
            }
            Source::Apart { boxes, scores: Some(scores), classes: None, count } => {
                let boxes = Grid::of(outputs, boxes, 4, transposed)?;
                let scores = Grid::of(outputs, scores, self.scores() + self.card.extra, transposed)?;
                let rows = counted(outputs, count.as_ref(), boxes.rows.min(scores.rows))?;
                for row in 0..rows {
                    if let Some((class_id, score)) = self.class_of(|column| scores.at(row, column), confidence) {
                        found.push(candidate(class_id, score, self.bbox(boxes.four(row), input)));
                    }
                }
            }
            Source::Apart { boxes, scores, classes, count } => {
                let ids = classes.as_ref().map(|classes| outputs.ids(classes)).transpose()?.unwrap_or_default();
                let boxes = Grid::of(outputs, boxes, if scores.is_some() { 4 } else { 5 }, transposed)?;
                let scores = scores.as_ref().map(|scores| outputs.floats(scores)).transpose()?;
                let rows = counted(outputs, count.as_ref(), boxes.rows.min(ids.len()))?;
                for (row, id) in ids.into_iter().enumerate().take(rows) {
                    let score = match &scores {
                        Some((_, scores)) => scores.get(row).copied().unwrap_or(f32::NAN),
                        None => boxes.at(row, 4),
                    };
                    let score = if self.card.activation == Activation::Sigmoid { sigmoid(score) } else { score };
                    if score >= confidence
                        && let Some(class_id) = self.ids.class_id(id, self.labels)
                    {
                        found.push(candidate(class_id, score, self.bbox(boxes.four(row), input)));
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

/// How many rows count, of those there are.
fn counted(outputs: &Outputs<'_, '_>, count: Option<&String>, rows: usize) -> Result<usize, HeadError> {
    let Some(count) = count else { return Ok(rows) };
    let count = outputs.ids(count)?.first().copied().unwrap_or(0);
    Ok(usize::try_from(count).unwrap_or(0).min(rows))
}
