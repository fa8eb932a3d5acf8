//! Candidates in a table, as the card describes it: rows or columns of a box, perhaps objectness, a score for each class; in
//! one output, or boxes, scores, classes and their number apart, as graphs give them that have done their own NMS.
//!
//! Reference: the card ([`HeadCard`]). A row's class is its best one; its score is that times objectness, where there is one.

use super::view::{Columns, Scores, View};
use super::{ClassIds, Head, HeadError, Outputs, add_bounded, candidate, sigmoid};
use crate::card::{Activation, BoxForm, Column, HeadCard, Names, Unit};
use crate::graph::{Graph, TensorInfo};
use crate::labels::is_coco80;
use crate::nms::Candidate;
use crate::{BBox, Thresholds};

pub(crate) struct Table {
    card: HeadCard,
    /// Labels of the card.
    labels: usize,
    ids: ClassIds,
    scores: Scores,
    source: Source,
    count: Option<String>,
    /// See [`Head::stride`].
    stride: Option<u32>,
}

/// Where the numbers are.
enum Source {
    Whole { table: String, columns: Columns },
    Apart { boxes: String, scores: String, columns: Columns },
    Listed { boxes: String, scores: Option<String>, classes: String },
}

impl Table {
    /// `stride`: the input's sides may be any multiples of it.
    pub(crate) fn new(graph: &Graph, card: &HeadCard, labels: &[String], stride: Option<u32>) -> Result<Self, String> {
        let ids = match card.first_class {
            0 => ClassIds::Dense,
            _ if is_coco80(labels) => ClassIds::Coco,
            _ => ClassIds::FromOne,
        };
        let find = Find { graph, card, labels };
        let (source, scores) = find.source()?;
        let count = find.name(&card.outputs.count)?;
        Ok(Self { card: card.clone(), labels: labels.len(), ids, scores, source, count, stride })
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

    /// The view of an output of so many columns.
    fn view<'d>(&self, outputs: &Outputs<'d, '_>, name: &str, columns: usize) -> Result<View<'d>, HeadError> {
        let (_, data) = outputs.floats(name)?;
        let cells = data.len() / columns.max(1);
        let (cell_step, column_step) = if self.card.transposed { (1, cells) } else { (columns, 1) };
        Ok(View { data, start: 0, cells, cell_step, anchor_step: 0, column_step })
    }

    /// The best class of each row, where that is what is wanted and going through memory in its order tells it at once.
    fn best_of_all(&self, view: &View<'_>, scores: Option<usize>, wanted: &Thresholds) -> Option<Vec<(usize, f32)>> {
        Some(self.scores.best_of_all(view, scores.filter(|_| self.card.transposed && !wanted.multi_label)?))
    }

    /// Adds the box of a row of `view` with its best class, or with every one where that is wanted.
    fn add_row(
        &self,
        view: &View<'_>,
        columns: &Columns,
        (row, raw): (usize, Option<(usize, f32)>),
        bbox: impl Fn() -> BBox,
        wanted: &Thresholds,
        found: &mut Vec<Candidate>,
    ) {
        match columns.scores {
            Some(scores) if wanted.multi_label => {
                let at = |column: usize| view.at(row, 0, column);
                if columns.batch.is_some_and(|batch| at(batch) != 0.0) {
                    return;
                }
                let objectness = columns.objectness.map(at);
                self.scores.every(
                    objectness,
                    |column| at(scores + column),
                    wanted,
                    |class_id, score| {
                        add_bounded(found, candidate(class_id, score, bbox()));
                    },
                );
            }
            _ => {
                if let Some((class_id, score)) = self.class_of(view, columns, row, raw, wanted.confidence) {
                    found.push(candidate(class_id, score, bbox()));
                }
            }
        }
    }

    /// Class and score of a row of `view`.
    fn class_of(
        &self,
        view: &View<'_>,
        columns: &Columns,
        row: usize,
        raw: Option<(usize, f32)>,
        confidence: f32,
    ) -> Option<(usize, f32)> {
        let at = |column: usize| view.at(row, 0, column);
        if columns.batch.is_some_and(|batch| at(batch) != 0.0) {
            return None;
        }
        if let Some(scores) = columns.scores {
            return self.scores.best(columns.objectness.map(at), |column| at(scores + column), raw, confidence);
        }
        let (score, class) = (columns.score.map(at)?, columns.class.map(at)?);
        self.listed(score, class.round() as i64, confidence)
    }

    /// Class and score where the graph tells one class by number.
    fn listed(&self, score: f32, id: i64, confidence: f32) -> Option<(usize, f32)> {
        let score = if self.card.activation == Activation::Sigmoid { sigmoid(score) } else { score };
        let class_id = self.ids.class_id(id, self.labels)?;
        (score >= confidence).then_some((class_id, score))
    }

    /// How many rows count, of those there are.
    fn counted(&self, outputs: &Outputs<'_, '_>, rows: usize) -> Result<usize, HeadError> {
        let Some(count) = &self.count else { return Ok(rows) };
        let count = outputs.ids(count)?.first().copied().unwrap_or(0);
        Ok(usize::try_from(count).unwrap_or(0).min(rows))
    }
}

impl Head for Table {
    fn stride(&self) -> Option<u32> {
        self.stride
    }

    fn read(
        &self,
        outputs: &Outputs<'_, '_>,
        wanted: &Thresholds,
        found: &mut Vec<Candidate>,
    ) -> Result<(), HeadError> {
        let bbox = |view: &View<'_>, row: usize, first: usize| {
            self.bbox([0, 1, 2, 3].map(|i| view.at(row, 0, first + i)), outputs.input)
        };
        match &self.source {
            Source::Whole { table, columns } => {
                let view = self.view(outputs, table, columns.width)?;
                let best = self.best_of_all(&view, columns.scores, wanted);
                let first = columns.bbox.unwrap_or(0);
                for row in 0..self.counted(outputs, view.cells)? {
                    let raw = best.as_ref().and_then(|best| best.get(row).copied());
                    self.add_row(&view, columns, (row, raw), || bbox(&view, row, first), wanted, found);
                }
            }
            Source::Apart { boxes, scores, columns } => {
                let boxes = self.view(outputs, boxes, 4)?;
                let view = self.view(outputs, scores, columns.width)?;
                let best = self.best_of_all(&view, columns.scores, wanted);
                for row in 0..self.counted(outputs, boxes.cells.min(view.cells))? {
                    let raw = best.as_ref().and_then(|best| best.get(row).copied());
                    self.add_row(&view, columns, (row, raw), || bbox(&boxes, row, 0), wanted, found);
                }
            }
            Source::Listed { boxes, scores, classes } => {
                let ids = outputs.ids(classes)?;
                let boxes = self.view(outputs, boxes, if scores.is_some() { 4 } else { 5 })?;
                let scores = scores.as_ref().map(|scores| outputs.floats(scores)).transpose()?;
                let rows = self.counted(outputs, boxes.cells.min(ids.len()))?;
                for (row, id) in ids.into_iter().enumerate().take(rows) {
                    let score = match &scores {
                        Some((_, scores)) => scores.get(row).copied().unwrap_or(f32::NAN),
                        None => boxes.at(row, 0, 4),
                    };
                    if let Some((class_id, score)) = self.listed(score, id, wanted.confidence) {
                        found.push(candidate(class_id, score, bbox(&boxes, row, 0)));
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

/// Finds the outputs that a card describes.
struct Find<'g> {
    graph: &'g Graph,
    card: &'g HeadCard,
    labels: &'g [String],
}

impl Find<'_> {
    fn name(&self, wanted: &Names) -> Result<Option<String>, String> {
        wanted.one().map(|wanted| self.graph.named_output(wanted).map(|output| output.name.clone())).transpose()
    }

    fn source(&self) -> Result<(Source, Scores), String> {
        let outputs = &self.card.outputs;
        let Some(boxes) = self.name(&outputs.boxes)? else { return self.whole() };
        let (scores, classes) = (self.name(&outputs.scores)?, self.name(&outputs.classes)?);
        let columns = if scores.is_some() { 4 } else { 5 };
        self.check(&boxes, columns, if scores.is_some() { "4 of the box" } else { "4 of the box, its score" })?;
        let none = Scores::of(self.card, self.labels, None);
        match (scores, classes) {
            (scores, Some(classes)) => Ok((Source::Listed { boxes, scores, classes }, none)),
            (Some(scores), None) => {
                let described = self.card.columns();
                let described: Vec<Column> = described.into_iter().filter(|column| *column != Column::Box).collect();
                let (columns, described) = self.columns(self.graph.named_output(&scores)?, &described);
                self.check(&scores, columns.width, &self.described(&columns))?;
                Ok((Source::Apart { boxes, scores, columns }, described))
            }
            (None, None) => Err("head.outputs needs scores or classes beside boxes".to_owned()),
        }
    }

    fn whole(&self) -> Result<(Source, Scores), String> {
        let described = self.card.columns();
        let fits = |output: &TensorInfo| self.fits(output, self.columns(output, &described).0.width);
        let output = match self.card.outputs.table.one() {
            Some(name) => self.graph.named_output(name)?,
            None => {
                let width = Columns::of(&described, 4, Scores::of(self.card, self.labels, None).width());
                let expected = format!("{} ({})", self.expected(width.width), self.described(&width));
                self.graph.only_output(&expected, fits)?
            }
        };
        let (columns, scores) = self.columns(output, &described);
        self.check(&output.name, columns.width, &self.described(&columns))?;
        Ok((Source::Whole { table: output.name.clone(), columns }, scores))
    }

    /// The columns of an output, as the card describes them and the graph has them.
    fn columns(&self, output: &TensorInfo, described: &[Column]) -> (Columns, Scores) {
        let others = Columns::of(described, 4, 0).width;
        let found = self.width(output).and_then(|width| width.checked_sub(others));
        let scores = Scores::of(self.card, self.labels, found);
        (Columns::of(described, 4, scores.width()), scores)
    }

    /// Holds the shape that the graph declares against the card.
    fn check(&self, name: &str, columns: usize, what: &str) -> Result<(), String> {
        let output = self.graph.named_output(name)?;
        if self.fits(output, columns) {
            return Ok(());
        }
        Err(format!("it needs an output {} ({what}); the graph has {output}", self.expected(columns)))
    }

    fn expected(&self, columns: usize) -> String {
        if self.card.transposed { format!("[1,{columns},N]") } else { format!("[1,N,{columns}]") }
    }

    /// In words what the columns are.
    fn described(&self, columns: &Columns) -> String {
        let bbox = columns.bbox.map(|_| "4 of the box".to_owned());
        let objectness = columns.objectness.map(|_| "objectness".to_owned());
        let scores = columns.scores.map(|_| format!("{} labels", self.labels.len()));
        let background = self.card.background() != crate::card::Background::None;
        let background = (columns.scores.is_some() && background).then(|| "background".to_owned());
        let listed = columns.class.map(|_| "score, class".to_owned());
        let extra = self.card.columns().iter().filter(|column| matches!(column, Column::Skip | Column::Batch)).count();
        let extra = (extra > 0).then(|| format!("{extra} extra"));
        [bbox, objectness, scores, background, listed, extra].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The declared number of columns of an output.
    fn width(&self, output: &TensorInfo) -> Option<usize> {
        let (_, [rows, columns]) = self.axes(output)?;
        usize::try_from(if self.card.transposed { rows } else { columns }).ok()
    }

    /// The batch's axis, where there is one, and the two of the table; axes of one between are left out.
    fn axes(&self, output: &TensorInfo) -> Option<(Option<i64>, [i64; 2])> {
        match output.shape[..] {
            [rows, columns] => Some((None, [rows, columns])),
            [batch, rows, columns] | [batch, rows, 1, columns] | [batch, 1, rows, columns] => {
                Some((Some(batch), [rows, columns]))
            }
            _ => None,
        }
    }

    /// Whether an output may hold so many columns.
    fn fits(&self, output: &TensorInfo, columns: usize) -> bool {
        let Some((batch, _)) = self.axes(output) else { return false };
        batch.is_none_or(|batch| batch <= 1) && self.width(output).is_none_or(|width| width == columns)
    }
}
