//! The numbers of candidates in an output, whatever order its memory has, and what stands in their columns.

use std::borrow::Cow;

use super::{ClassIds, best, sigmoid};
use crate::Thresholds;
use crate::card::{Activation, Background, Column, Combine, HeadCard};
use crate::labels::is_coco80;

/// Where the columns of a candidate are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Columns {
    pub(super) bbox: Option<usize>,
    pub(super) objectness: Option<usize>,
    pub(super) scores: Option<usize>,
    pub(super) score: Option<usize>,
    pub(super) class: Option<usize>,
    pub(super) batch: Option<usize>,
    /// How many there are.
    pub(super) width: usize,
}

impl Columns {
    /// `bbox` and `scores`: how many columns a box and the classes have.
    pub(super) fn of(columns: &[Column], bbox: usize, scores: usize) -> Self {
        let mut found = Self::default();
        for column in columns {
            let at = Some(found.width);
            found.width += match column {
                Column::Box => bbox,
                Column::Scores => scores,
                _ => 1,
            };
            match column {
                Column::Box => found.bbox = at,
                Column::Objectness => found.objectness = at,
                Column::Scores => found.scores = at,
                Column::Score => found.score = at,
                Column::Class => found.class = at,
                Column::Batch => found.batch = at,
                Column::Skip => {}
            }
        }
        found
    }
}

/// How the columns of scores become a class and its score.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scores {
    activation: Activation,
    background: Background,
    combine: Combine,
    /// Columns of classes, background apart.
    classes: usize,
    ids: ClassIds,
    labels: usize,
}

/// Columns of graphs that have one for each of COCO's category numbers, from 0 and from 1.
const COCO_CATEGORIES: [(usize, ClassIds); 2] = [(91, ClassIds::Coco), (90, ClassIds::CocoFromZero)];

impl Scores {
    /// `found`: how many columns of scores there are, background included, where the graph tells.
    pub(super) fn of(card: &HeadCard, labels: &[String], found: Option<usize>) -> Self {
        let background = card.background();
        let classes = found.map(|found| found.saturating_sub(usize::from(background != Background::None)));
        let categories = COCO_CATEGORIES.into_iter().find(|(count, _)| is_coco80(labels) && classes == Some(*count));
        let (classes, ids) = categories.unwrap_or((labels.len(), ClassIds::Dense));
        Self { activation: card.activation, background, combine: card.combine, classes, ids, labels: labels.len() }
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.classes + usize::from(self.background != Background::None)
    }

    /// The best class of a candidate and its score, where that reaches `confidence`.
    ///
    /// `objectness` is as the graph gives it; `at` gives the columns of scores; `raw` is the best of them, where it is known.
    pub(super) fn best(
        &self,
        objectness: Option<f32>,
        at: impl Fn(usize) -> f32,
        raw: Option<(usize, f32)>,
        confidence: f32,
    ) -> Option<(usize, f32)> {
        let objectness = objectness.map(|objectness| self.activate(objectness));
        if objectness.is_some_and(|objectness| self.is_hopeless(objectness, confidence)) {
            return None;
        }
        let first = usize::from(self.background == Background::First);
        let (index, raw) = raw.unwrap_or_else(|| best((first..first + self.classes).map(&at)));
        let score = match self.activation {
            Activation::Softmax => 1.0 / (0..self.width()).map(|column| (at(column) - raw).exp()).sum::<f32>(),
            _ => self.activate(raw),
        };
        let score = objectness.map_or(score, |objectness| self.combine(objectness, score));
        let class_id = self.ids.class_id(i64::try_from(index).ok()?, self.labels)?;
        (score >= confidence).then_some((class_id, score))
    }

    /// Every class of a candidate that is wanted, with its score, where that reaches the least one. For `objectness` and `at`
    /// see [`Scores::best`].
    pub(super) fn every(
        &self,
        objectness: Option<f32>,
        at: impl Fn(usize) -> f32,
        wanted: &Thresholds,
        mut add: impl FnMut(usize, f32),
    ) {
        let objectness = objectness.map(|objectness| self.activate(objectness));
        if objectness.is_some_and(|objectness| self.is_hopeless(objectness, wanted.confidence)) {
            return;
        }
        let columns = 0..self.width();
        let softmax = (self.activation == Activation::Softmax).then(|| {
            let highest = columns.clone().map(&at).fold(f32::NEG_INFINITY, f32::max);
            (highest, columns.map(|column| (at(column) - highest).exp()).sum::<f32>())
        });
        let first = usize::from(self.background == Background::First);
        for index in 0..self.classes {
            let raw = at(first + index);
            let score = match softmax {
                Some((highest, sum)) => (raw - highest).exp() / sum,
                None => self.activate(raw),
            };
            let score = objectness.map_or(score, |objectness| self.combine(objectness, score));
            let class_id = i64::try_from(index).ok().and_then(|index| self.ids.class_id(index, self.labels));
            if let Some(class_id) = class_id.filter(|class_id| score >= wanted.confidence && wanted.takes(*class_id)) {
                add(class_id, score);
            }
        }
    }

    fn activate(&self, x: f32) -> f32 {
        if self.activation == Activation::Sigmoid { sigmoid(x) } else { x }
    }

    fn combine(&self, objectness: f32, score: f32) -> f32 {
        match self.combine {
            Combine::Product => objectness * score,
            Combine::GeometricMean => (objectness.clamp(0.0, 1.0) * score.clamp(0.0, 1.0)).sqrt(),
        }
    }

    /// Whether no class can reach the least score, which is at most 1: most candidates end here. NaN ends here, too.
    fn is_hopeless(&self, objectness: f32, confidence: f32) -> bool {
        let most = self.combine(objectness, 1.0);
        most.is_nan() || most < confidence
    }

    /// The best class of every row at once, as the memory of `view` lies: class by class.
    pub(super) fn best_of_all(&self, view: &View<'_>, scores: usize) -> Vec<(usize, f32)> {
        let first = scores + usize::from(self.background == Background::First);
        let mut best = vec![(0, f32::NEG_INFINITY); view.cells];
        for class_id in 0..self.classes {
            let start = view.start + (first + class_id) * view.column_step;
            let Some(line) = view.data.get(start..start + view.cells) else { break };
            for (best, score) in best.iter_mut().zip(line) {
                if *score > best.1 {
                    *best = (class_id, *score);
                }
            }
        }
        best
    }
}

/// The numbers of candidates: of each cell (or row) so many anchors (or one), of each so many columns.
#[derive(Debug, Clone)]
pub(super) struct View<'d> {
    pub(super) data: Cow<'d, [f32]>,
    pub(super) start: usize,
    pub(super) cells: usize,
    pub(super) cell_step: usize,
    pub(super) anchor_step: usize,
    pub(super) column_step: usize,
}

impl View<'_> {
    pub(super) fn at(&self, cell: usize, anchor: usize, column: usize) -> f32 {
        let index = self.start + cell * self.cell_step + anchor * self.anchor_step + column * self.column_step;
        self.data.get(index).copied().unwrap_or(f32::NAN)
    }
}
