//! What the bare numbers of a graph's outputs say against a card: classes that are no whole numbers, scores that add up to
//! one, a background where the card has none.

use crate::card::{Activation, Background, Card, Column, HeadKind};
use crate::graph::Graph;
use crate::head::{Outputs, sigmoid};

/// Holds the numbers of a run against a card.
///
/// # Errors
/// What speaks against it.
pub(super) fn weigh(card: &Card, graph: &Graph, outputs: &Outputs<'_, '_>) -> Result<(), String> {
    let head = &card.head;
    let named = |name: Option<&str>| graph.output(name?).map(|output| output.name.as_str());
    match head.kind {
        HeadKind::Table if !head.outputs.classes.is_empty() => {
            let classes = named(head.outputs.classes.one()).and_then(|name| outputs.floats(name).ok());
            classes.map_or(Ok(()), |(_, classes)| are_classes(classes.iter().copied()))
        }
        HeadKind::Table if head.outputs.scores.is_empty() => {
            let only = graph.outputs.first().filter(|_| graph.outputs.len() == 1).map(|output| output.name.as_str());
            let table = named(head.outputs.table.one()).or(only).and_then(|name| outputs.floats(name).ok());
            let at = |wanted: Column| {
                let width = |column: &Column| if *column == Column::Box { 4 } else { 1 };
                let place = head.columns.iter().position(|column| *column == wanted)?;
                Some(head.columns[..place].iter().map(width).sum::<usize>())
            };
            let (Some((shape, table)), Some(class)) = (table, at(Column::Class)) else { return Ok(()) };
            let width = shape.last().copied().unwrap_or(0).max(1);
            are_classes(table.iter().copied().skip(class).step_by(width))
        }
        HeadKind::Table if !head.transposed => {
            let rows = named(head.outputs.scores.one()).and_then(|name| outputs.floats(name).ok());
            rows.map_or(Ok(()), |(shape, scores)| {
                Scores::of(&scores, shape.last().copied().unwrap_or(0), head.activation).weigh(head.background())
            })
        }
        HeadKind::Detr => {
            let logits = ["logits", "labels", "pred_logits"].into_iter().find_map(|name| named(Some(name)));
            let rows = logits.and_then(|name| outputs.floats(name).ok());
            let activation = if head.activation == Activation::None { Activation::Sigmoid } else { head.activation };
            rows.filter(|(shape, _)| shape.len() == 3).map_or(Ok(()), |(shape, logits)| {
                Scores::of(&logits, shape.last().copied().unwrap_or(0), activation).weigh(head.background())
            })
        }
        _ => Ok(()),
    }
}

fn are_classes(mut values: impl Iterator<Item = f32>) -> Result<(), String> {
    let is_class = |value: f32| value.is_nan() || value.fract() == 0.0 && (-1.0..1e5).contains(&value);
    match values.find(|value| !is_class(*value)) {
        Some(value) => Err(format!("what would be the number of a class is {value:.2}")),
        None => Ok(()),
    }
}

/// Rows of scores, one for each class and perhaps one for the background.
struct Scores {
    columns: usize,
    activation: Activation,
    lowest: f32,
    highest: f32,
    /// All rows add up to 1.
    add_up: bool,
    /// Share of rows in which the first, and the last, is the best and likely by itself.
    lead: (f32, f32),
}

impl Scores {
    fn of(scores: &[f32], columns: usize, activation: Activation) -> Self {
        let columns = columns.max(1);
        let rows = (scores.len() / columns).max(1) as f32;
        let finite = || scores.iter().copied().filter(|score| score.is_finite());
        let sums = scores.chunks_exact(columns).map(|row| row.iter().sum::<f32>());
        let lead = |place: usize| {
            let score = |row: &[f32]| match activation {
                Activation::None => row[place],
                Activation::Sigmoid => sigmoid(row[place]),
                Activation::Softmax => 1.0 / row.iter().map(|score| (score - row[place]).exp()).sum::<f32>(),
            };
            let leads = |row: &&[f32]| score(row) >= 0.5 && row.iter().all(|score| *score <= row[place]);
            scores.chunks_exact(columns).filter(leads).count() as f32 / rows
        };
        Self {
            columns,
            activation,
            lowest: finite().fold(f32::INFINITY, f32::min),
            highest: finite().fold(f32::NEG_INFINITY, f32::max),
            add_up: sums.into_iter().all(|sum| (sum - 1.0).abs() < 0.01),
            lead: (lead(0), lead(columns - 1)),
        }
    }

    fn weigh(&self, background: Background) -> Result<(), String> {
        let activation = self.activation;
        if self.columns < 2 {
            return Ok(());
        }
        let are_scores = self.lowest >= 0.0 && self.highest <= 1.001;
        if activation != Activation::None && are_scores {
            return Err("its scores are of 0 to 1 already".to_owned());
        }
        if activation == Activation::None && self.add_up != (background != Background::None) {
            return Err(match self.add_up {
                true => "its scores add up to 1, so that one of them is the background's".to_owned(),
                false => "its scores do not add up to 1, as with a background they would".to_owned(),
            });
        }
        match background {
            Background::None if self.lead.0.max(self.lead.1) > 0.8 && activation == Activation::Sigmoid => {
                Err("one class would be everywhere: it is the background's".to_owned())
            }
            Background::First if self.lead.0 <= 0.5 => Err("its first class is seldom the best".to_owned()),
            Background::Last if self.lead.1 <= 0.5 => Err("its last class is seldom the best".to_owned()),
            _ => Ok(()),
        }
    }
}
