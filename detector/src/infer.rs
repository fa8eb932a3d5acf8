//! Cards for a graph that came without one: every reading that its names, shapes and metadata allow, each as a card. Which
//! of them is right shows what the graph gives ([`look`]).

mod evidence;
mod grids;
mod lists;
mod look;
mod named;
mod names;
mod numbers;
mod tables;

use crate::card::{Card, HeadCard, Input};
use crate::labels::coco80;
use evidence::Evidence;
pub(crate) use evidence::Probed;
pub(crate) use look::{Refusal, checked, choose};

/// One way to read a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// As a card. Without names for its classes they are numbered.
    pub(crate) card: Card,
    /// Whether nothing says what the classes are called, and it may be anything.
    pub(crate) is_nameless: bool,
    /// Whether nothing says what the classes are called, and COCO's labels are taken, as published graphs of its kind have.
    pub(crate) assumes_coco: bool,
}

/// One way to read a graph, as a family of models has it.
#[derive(Debug, Clone)]
struct Guess {
    head: HeadCard,
    input: Input,
    classes: Classes,
}

/// What a graph says of its classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Classes {
    /// There are so many.
    Count(usize),
    /// Nothing; published graphs of this family have COCO's.
    Coco,
    /// Nothing; published graphs of this family find faces.
    Face,
    /// Nothing.
    Unknown,
}

/// What a family makes of the evidence.
///
/// # Errors
/// That a graph is of the family, and why it cannot be read all the same.
type Family = fn(&Evidence<'_>) -> Result<Vec<Guess>, String>;

/// Families that are told by names or metadata that nobody else gives: the first that has a guess has the word.
const NAMED: [Family; 9] = [
    named::ultralytics,
    named::detr,
    named::tensorflow,
    named::nanodet,
    named::yunet,
    named::centernet,
    named::paddle,
    lists::named,
    lists::mmdeploy,
];

/// Families that are told by shapes alone: all may have guesses.
const SHAPED: [Family; 9] = [
    tables::rows,
    tables::apart,
    lists::three,
    lists::four,
    lists::rows,
    grids::fastestdet,
    grids::distributions,
    grids::anchors,
    grids::faces,
];

/// The readings of `graph`, to be called `name`.
///
/// # Errors
/// What could not be told, and what to write into a card instead.
pub(crate) fn readings(name: &str, probed: &Probed) -> Result<Vec<Reading>, String> {
    let graph = &probed.graph;
    let evidence = Evidence::of(graph, probed.has_open_size)?;
    let mut guesses = Vec::new();
    for family in NAMED {
        guesses = family(&evidence)?;
        if !guesses.is_empty() {
            break;
        }
    }
    if guesses.is_empty() {
        for family in SHAPED {
            guesses.extend(family(&evidence)?);
        }
    }
    let mut readings: Vec<Reading> = Vec::new();
    for reading in guesses.into_iter().filter_map(|guess| guess.reading(name, &evidence)) {
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    if readings.is_empty() {
        return Err(format!(
            "no known head fits its {graph}. Write a model.toml next to it with [input] and [head] kind = \"yolox\", \
             \"yolo\", \"yolo-e2e\", \"detr\", \"ssd\", \"nanodet\" or \"fastestdet\"; kind = \"table\" describes any other \
             rows of candidates, kind = \"grid\" any other grid of strides and anchors"
        ));
    }
    Ok(readings)
}

impl Guess {
    /// `None` where the names are not as many as the classes.
    fn reading(self, name: &str, evidence: &Evidence<'_>) -> Option<Reading> {
        let numbered = |count: usize| (0..count).map(|class_id| format!("class {class_id}")).collect();
        let names = evidence.names.as_deref();
        let (labels, is_nameless): (Vec<String>, bool) = match (names, self.classes) {
            (Some(names), Classes::Count(count)) if names.len() != count => return None,
            (Some(names), _) => (names.to_vec(), false),
            (None, Classes::Coco | Classes::Count(80)) => (coco80(), false),
            (None, Classes::Face) => (vec!["face".to_owned()], false),
            (None, Classes::Count(count)) => (numbered(count), true),
            (None, Classes::Unknown) => (coco80(), true),
        };
        let assumes_coco = names.is_none() && !is_nameless && self.classes != Classes::Face;
        let card = Card::of_graph(name, labels, evidence.input(self.input), self.head);
        Some(Reading { card, is_nameless, assumes_coco })
    }
}

#[cfg(test)]
mod tests;
