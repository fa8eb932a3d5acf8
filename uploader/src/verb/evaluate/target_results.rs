//! What one target found, as it comes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use evaluation::{Detection, evaluate};
use wire::{Answer, ModelRef, Outcome, ThresholdsUsed};

use super::ground_truth::{GroundTruth, some};
use crate::notice::notice;
use crate::record::Record;
use crate::report::comparison::median;
use crate::report::evaluation::Assessed;

pub(super) struct TargetResults {
    pub(super) name: String,
    pub(super) title: String,
    /// All labels of the model, where it tells them.
    pub(super) labels: Option<Vec<String>>,
    pub(super) multi_label: Option<bool>,
    /// Images that were looked at, and the size of each.
    pub(super) images: Vec<(usize, Option<(u32, u32)>)>,
    /// What was found: image, label, score, box. Labels are numbered as they come.
    pub(super) found: Vec<Labelled>,
    pub(super) seen: Seen,
    pub(super) models: Vec<ModelRef>,
    pub(super) failures: BTreeMap<String, u64>,
    pub(super) thresholds: Option<ThresholdsUsed>,
    pub(super) ms: Vec<f64>,
    pub(super) round_trips: Vec<f64>,
    pub(super) notes: Vec<String>,
}

/// A box and its label's number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labelled {
    pub(super) image: usize,
    pub(super) label: usize,
    pub(super) score: f64,
    pub(super) bbox: [f64; 4],
}

/// Labels as they come.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<String, usize>);

impl Seen {
    pub(super) fn number(&mut self, label: &str) -> usize {
        if let Some(number) = self.0.get(label) {
            return *number;
        }
        let number = self.0.len();
        self.0.insert(label.to_owned(), number);
        number
    }
}

impl TargetResults {
    pub(super) fn new(name: String, title: String, labels: Option<Vec<String>>, multi_label: Option<bool>) -> Self {
        Self {
            name,
            title,
            labels,
            multi_label,
            images: Vec::new(),
            found: Vec::new(),
            seen: Seen::default(),
            models: Vec::new(),
            failures: BTreeMap::new(),
            thresholds: None,
            ms: Vec::new(),
            round_trips: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Takes what became of a photo.
    pub(super) fn take(&mut self, image: usize, record: &Record) {
        match &record.outcome {
            Outcome::Answer(answer) => {
                self.answer(image, answer);
                // A function that had just been started says nothing about speed.
                if !answer.cold_start {
                    self.round_trips.push(record.round_trip.as_secs_f64() * 1e3);
                }
            }
            Outcome::Error { error } => {
                notice!("uploader: {}: {}: {}: {}", self.name, record.photo.display(), error.code, error.message);
                *self.failures.entry(error.code.clone()).or_default() += 1;
            }
        }
    }

    fn answer(&mut self, image: usize, answer: &Answer) {
        self.images.push((image, Some((answer.image.width, answer.image.height))));
        for object in &answer.detections {
            let label = self.seen.number(&object.label);
            self.found.push(Labelled { image, label, score: object.score, bbox: object.bbox });
        }
        if !self.models.contains(&answer.model) {
            self.models.push(answer.model.clone());
        }
        self.thresholds = Some(answer.thresholds);
        if !answer.cold_start {
            self.ms.push((answer.timings_ms.total - answer.timings_ms.queue).max(0.0));
        }
    }

    /// The figures.
    pub(super) async fn assessed(self, ground_truth: &GroundTruth) -> Result<Assessed> {
        let mut notes = self.notes.clone();
        notes.extend(self.models.iter().filter_map(|model| model.note.clone()));
        notes.extend(self.label_notes(ground_truth));
        notes.extend(self.size_note(ground_truth));
        let failed: u64 = self.failures.values().sum();
        if failed > 0 {
            notes.push(format!("{failed} failed and {} not evaluated", if failed == 1 { "is" } else { "are" }));
        }
        let categories: BTreeMap<usize, usize> = (self.seen.0.iter())
            .filter_map(|(label, number)| Some((*number, ground_truth.labels.category(label)?)))
            .collect();
        let detections: Vec<Detection> = (self.found.iter())
            .filter_map(|&Labelled { image, label, score, bbox }| {
                Some(Detection { image, category: *categories.get(&label)?, score, bbox })
            })
            .collect();
        let (truth, images) = (ground_truth.truth.clone(), self.images);
        let evaluation = tokio::task::spawn_blocking(move || evaluate(&truth, &images, &detections)).await?;
        let measured = |times: Vec<f64>| (!times.is_empty()).then(|| median(times));
        Ok(Assessed {
            evaluation: evaluation.with_context(|| self.name.clone())?,
            name: self.name,
            title: self.title,
            models: self.models,
            failures: self.failures,
            thresholds: self.thresholds,
            multi_label: self.multi_label,
            ms_per_photo: measured(self.ms),
            round_trip_ms: measured(self.round_trips),
            dollars_per_1000: None,
            memory_mb: None,
            notes,
        })
    }

    /// Labels that only one side knows.
    fn label_notes(&self, ground_truth: &GroundTruth) -> Vec<String> {
        let all: BTreeSet<&String> = self.seen.0.keys().chain(self.labels.iter().flatten()).collect();
        let strange: Vec<String> = all
            .iter()
            .filter(|label| ground_truth.labels.category(label).is_none())
            .map(|label| (*label).clone())
            .collect();
        let mut notes = Vec::new();
        if !strange.is_empty() && !ground_truth.is_chosen {
            let what = if strange.len() == 1 { "label" } else { "labels" };
            notes.push(format!(
                "{} {what} of the model {} no category of the truth and count for nothing: {}",
                strange.len(),
                if strange.len() == 1 { "is" } else { "are" },
                some(&strange)
            ));
        }
        if let Some(labels) = &self.labels {
            let beyond = ground_truth.beyond(labels);
            if !beyond.is_empty() {
                let what = if beyond.len() == 1 { "category of the truth is" } else { "categories of the truth are" };
                notes.push(format!(
                    "{} {what} no label of the model and count as not found, AP 0: {} (--classes leaves them out)",
                    beyond.len(),
                    some(&beyond)
                ));
            }
        }
        notes
    }

    /// Photos that are not of the size that the truth says: they were changed, or turned.
    fn size_note(&self, ground_truth: &GroundTruth) -> Option<String> {
        let images = &ground_truth.truth.images;
        let differ = |(image, size): &&(usize, Option<(u32, u32)>)| {
            images[*image].size.zip(*size).is_some_and(|(known, size)| known != size)
        };
        let mut others = self.images.iter().filter(differ);
        let &(first, size) = others.next()?;
        let (known, (width, height)) = (images[first].size.unwrap_or_default(), size.unwrap_or_default());
        Some(format!(
            "{} not of the size that the truth says, boxes are compared as they are: {} is {width}x{height}, not {}x{}",
            match others.count() {
                0 => "1 photo is".to_owned(),
                more => format!("{} photos are", more + 1),
            },
            images[first].name,
            known.0,
            known.1
        ))
    }
}
