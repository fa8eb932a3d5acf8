//! A look at what a graph gives, which tells a right reading from a wrong one: scores are of 0 to 1, and boxes lie in the
//! input and are neither empty nor larger than it.

use image::{Rgb, RgbImage};

use super::{Reading, numbers};
use crate::card::{Activation, BoxForm, Card, HeadKind};
use crate::graph::Graph;
use crate::head::Outputs;
use crate::nms::Candidate;
use crate::plan::InputPlan;
use crate::session::Worker;
use crate::{Photo, Thresholds, head};

/// So many of the best candidates are looked at.
const LOOKED_AT: usize = 100;
/// Rounding may take a score a little beyond 1.
const HIGHEST_SCORE: f32 = 1.001;

/// A card, and what is to be known of it.
pub(crate) type Chosen = (Card, Option<String>);

/// Why no card could be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In one sentence, and what to do.
    pub(crate) reason: String,
    /// What may be right, each as a `model.toml`.
    pub(crate) cards: Vec<String>,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, cards: Vec::new() }
    }
}

/// The one reading that what the graph gives agrees with, and what is only assumed in it.
///
/// # Errors
/// That there is none, or are several, or that its classes have no names: with each card that may be right.
pub(crate) fn choose(readings: Vec<Reading>, graph: &Graph, worker: &mut Worker) -> Result<Chosen, Refusal> {
    let (mut right, mut silent, mut objections) = (Vec::new(), Vec::new(), Vec::new());
    let looks = look_at_all(&readings, graph, worker);
    for (reading, look) in readings.into_iter().zip(looks) {
        match look {
            Ok(true) => right.push(reading),
            Ok(false) => silent.push(reading),
            Err(objection) => {
                let objection = format!("as {}: {objection}", reading.card.head.kind);
                if !objections.contains(&objection) {
                    objections.push(objection);
                }
            }
        }
    }
    // What finds something says more than what finds nothing, and what has names more than what is only counted.
    let mut possible = if right.is_empty() { silent } else { right };
    if possible.iter().any(|reading| !reading.is_nameless) {
        possible.retain(|reading| !reading.is_nameless);
    }
    let reason = match &possible[..] {
        [] => {
            let objections = objections.join("; ");
            format!(
                "its {graph} look like those of a detector, but no known reading fits ({objections}). Write a model.toml next \
                 to it with [input] and [head]"
            )
        }
        [only] if !only.is_nameless => {
            let note = "the graph does not name its classes; COCO's 80 labels are assumed (to change them, write labels = \
                        [\"…\"] in a model.toml next to it)";
            return Ok((only.card.clone(), only.assumes_coco.then(|| note.to_owned())));
        }
        [_] => "it does not name its classes. `uploader model card FILE --write` saves its card next to it; put the names into \
                labels = [\"…\"] there"
            .to_owned(),
        several => format!(
            "it can be read in {} ways, and its outputs do not tell which is right. `uploader model try FILE PHOTO` shows what \
             each finds; `uploader model card FILE --write --reading N` saves its card as model.toml",
            several.len(),
        ),
    };
    Err(Refusal { reason, cards: possible.iter().filter_map(|reading| reading.card.to_toml().ok()).collect() })
}

/// Whether each card finds anything, or nothing, in what the graph gives, or what speaks against it. Cards that feed the graph
/// alike share a run: there may be many, and a run of a large graph takes a second.
fn look_at_all(readings: &[Reading], graph: &Graph, worker: &mut Worker) -> Vec<Result<bool, String>> {
    let mut looks: Vec<Option<Result<bool, String>>> = vec![None; readings.len()];
    for first in 0..readings.len() {
        if looks[first].is_some() {
            continue;
        }
        let input = &readings[first].card.input;
        let alike: Vec<usize> = (first..readings.len()).filter(|i| readings[*i].card.input == *input).collect();
        let cards: Vec<&Card> = alike.iter().map(|i| &readings[*i].card).collect();
        let found = look(&cards, graph, worker).unwrap_or_else(|error| vec![Err(error); cards.len()]);
        for (index, look) in alike.into_iter().zip(found) {
            looks[index] = Some(look);
        }
    }
    looks.into_iter().map(|look| look.unwrap_or(Ok(false))).collect()
}

/// One run, as each of some cards reads it that feed the graph alike.
///
/// # Errors
/// What keeps the graph from running as they want it.
fn look(cards: &[&Card], graph: &Graph, worker: &mut Worker) -> Result<Vec<Result<bool, String>>, String> {
    let Some(first) = cards.first() else { return Ok(Vec::new()) };
    let plan = InputPlan::new(first, graph)?;
    let placement = worker.preprocess(&scene(), first, &plan);
    let run = worker.run(first, &plan, |outputs| {
        let judged = |card: &&Card| judge(card, graph, &plan, outputs, placement.input);
        cards.iter().map(judged).collect()
    });
    run.map_err(|error| error.to_string())
}

/// Whether a card finds anything, or nothing, in a run's outputs.
///
/// # Errors
/// What speaks against it: it does not fit the graph, or what it gives is none of a detector's.
fn judge(
    card: &Card,
    graph: &Graph,
    plan: &InputPlan,
    outputs: &Outputs<'_, '_>,
    input: (u32, u32),
) -> Result<bool, String> {
    let head = head::build(card, graph, plan.fitting.size)?;
    let mut candidates = Vec::new();
    numbers::weigh(card, graph, outputs)?;
    let everything = Thresholds { confidence: f32::NEG_INFINITY, ..Thresholds::default() };
    head.read(outputs, &everything, &mut candidates).map_err(|error| error.to_string())?;
    candidates.retain(|candidate| candidate.score.is_finite());
    if let Some(lowest) = candidates.iter().map(|candidate| candidate.score).min_by(f32::total_cmp) {
        if lowest < 0.0 {
            return Err(format!("scores go down to {lowest:.2}"));
        }
        if lowest >= 0.5 && card.head.activation == Activation::Sigmoid {
            return Err("its scores need no sigmoid".to_owned());
        }
    }
    checked(&candidates)?;
    if card.head.kind == HeadKind::Table && card.head.boxes == BoxForm::Cxcywh && are_corners(&candidates) {
        return Err("its boxes are corners, not centers and sizes".to_owned());
    }
    // Rows that only fill a list up have no score.
    candidates.retain(|candidate| candidate.score > 0.0);
    let finds = !candidates.is_empty();
    if lie_together(&candidates, input) {
        return Err("all boxes are at the same place".to_owned());
    }
    if are_misplaced(candidates, input) {
        return Err("most boxes are empty or outside the input".to_owned());
    }
    Ok(finds)
}

/// Holds the scores of a run against what scores are.
///
/// # Errors
/// The highest, and what may help.
pub(crate) fn checked(candidates: &[Candidate]) -> Result<(), String> {
    let highest =
        candidates.iter().map(|candidate| candidate.score).filter(|score| score.is_finite()).fold(0.0, f32::max);
    if highest <= HIGHEST_SCORE {
        return Ok(());
    }
    Err(format!(
        "scores go up to {highest:.2}, but must be from 0 to 1; try another head, or kind = \"table\" with activation = \
         \"sigmoid\" or \"softmax\""
    ))
}

/// Whether many boxes have their centres within a twentieth of the input: numbers that still want their grid.
fn lie_together(candidates: &[Candidate], (width, height): (u32, u32)) -> bool {
    const MANY: usize = 50;
    let is_narrow = |centers: &dyn Fn(&Candidate) -> f32, side: u32| {
        let mut centers: Vec<f32> = candidates.iter().map(centers).filter(|center| center.is_finite()).collect();
        centers.sort_by(f32::total_cmp);
        let (low, high) = (centers.get(centers.len() / 10), centers.get(centers.len() * 9 / 10));
        low.zip(high).is_some_and(|(low, high)| (high - low) * 20.0 < side as f32)
    };
    candidates.len() >= MANY
        && is_narrow(&|candidate| (candidate.bbox.x1 + candidate.bbox.x2) / 2.0, width)
        && is_narrow(&|candidate| (candidate.bbox.y1 + candidate.bbox.y2) / 2.0, height)
}

/// Whether what was read as centre and size are two corners: hardly any object lies so that its size exceeds its centre.
fn are_corners(candidates: &[Candidate]) -> bool {
    const MANY: usize = 50;
    let is_ordered = |Candidate { bbox, .. }: &&Candidate| {
        let beyond = |low: f32, high: f32| high - low > (low + high) / 2.0;
        beyond(bbox.x1, bbox.x2) && beyond(bbox.y1, bbox.y2)
    };
    candidates.len() >= MANY && candidates.iter().filter(is_ordered).count() * 100 >= candidates.len() * 99
}

/// Whether most of the best boxes are empty, larger than the input or outside of it.
fn are_misplaced(mut candidates: Vec<Candidate>, (width, height): (u32, u32)) -> bool {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates.truncate(LOOKED_AT);
    let (width, height) = (width as f32, height as f32);
    let is_right = |low: f32, high: f32, side: f32| {
        let (length, center) = (high - low, (low + high) / 2.0);
        (1.0..=2.0 * side).contains(&length) && (-0.25 * side..=1.25 * side).contains(&center)
    };
    let right = candidates
        .iter()
        .filter(|Candidate { bbox, .. }| is_right(bbox.x1, bbox.x2, width) && is_right(bbox.y1, bbox.y2, height))
        .count();
    2 * right < candidates.len()
}

/// Something to be seen: blocks of colour on a slope of grey.
pub(super) fn scene() -> Photo {
    Photo::from_image(RgbImage::from_fn(96, 96, |x, y| match (x / 16, y / 16) {
        (1, 1..=2) => Rgb([220, 30, 30]),
        (3..=4, 1) => Rgb([20, 200, 20]),
        (2..=3, 4) => Rgb([30, 40, 250]),
        _ => Rgb([(90 + x / 3 + y / 6) as u8; 3]),
    }))
}
