//! `uploader model try`: what a model makes of photos, and what looks wrong.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write, stdout};
use std::path::PathBuf;

use anyhow::{Result, bail};
use detector::catalog::{self, ModelFile, Origin};
use detector::{Card, Detector, DetectorOptions, Findings, ModelError, Thresholds};
use exports::described;
use wire::{Answer, ModelRef, Outcome};

use super::doubts::doubts;
use crate::args::TryArgs;
use crate::ending::Ending;
use crate::hint;
use crate::notice::notice;
use crate::photo::{Annotations, Found, Inputs, Request, Source, folder_of, look};

/// Scores from here on say whether anything is found at all.
const LOWEST: f32 = 0.01;

pub(super) async fn run(args: &TryArgs) -> Result<Ending> {
    if args.confidence.is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
        bail!("--confidence must be from 0 to 1");
    }
    let instead_of_urls = "fetch them into a folder first";
    let request = Request { paths: args.photos.clone(), instead_of_urls, ..Request::default() };
    let listing = look(request).await?;
    let inputs = Inputs::of(&listing);
    let model = catalog::find(Some(&args.model))?;
    let out = &mut stdout();
    match Detector::load(model.clone(), &DetectorOptions::default()) {
        Ok(detector) => {
            let trial = Trial { detector, folder: args.annotate.clone(), confidence: args.confidence };
            trial.run(&listing.found, &inputs, out).await
        }
        Err(ModelError::NoCard { path, reason, cards }) if !cards.is_empty() => {
            writeln!(out, "{path} has no card, and none can be inferred: {}.", hint::here(&reason))?;
            for (index, text) in cards.iter().enumerate() {
                let number = index + 1;
                writeln!(out, "\nCard {number} of {}:", cards.len())?;
                let card = Card::parse("card", text)?;
                let model = ModelFile { card: Some(card), origin: Origin::Inferred, ..model.clone() };
                let detector = Detector::load(model, &DetectorOptions::default())?;
                let folder =
                    if cards.len() == 1 { args.annotate.clone() } else { args.annotate.join(number.to_string()) };
                let trial = Trial { detector, folder, confidence: args.confidence };
                trial.run(&listing.found, &inputs, out).await?;
                let reading = if cards.len() == 1 { String::new() } else { format!(" --reading {number}") };
                writeln!(out, "To use this card: {} model card {} --write{reading}", hint::program(), args.model)?;
            }
            Ok(Ending::Misuse)
        }
        Err(error) => Err(error.into()),
    }
}

/// One way to read a model, tried on photos.
struct Trial {
    detector: Detector,
    folder: PathBuf,
    confidence: Option<f32>,
}

impl Trial {
    async fn run(&self, photos: &[Found], inputs: &Inputs, out: &mut impl Write) -> Result<Ending> {
        self.describe(out)?;
        let folders: BTreeSet<PathBuf> = photos.iter().map(|photo| self.folder.join(folder_of(&photo.name))).collect();
        folders.iter().try_for_each(|folder| inputs.spare_drawing_in("--annotate", folder))?;
        let mut annotations = Annotations::in_folder(&self.folder)?;
        let defaults = self.detector.card().defaults;
        let plain = Thresholds::default();
        let shown = self.confidence.or(defaults.confidence).unwrap_or(plain.confidence);
        let iou = defaults.iou.unwrap_or(plain.iou);
        let thresholds = Thresholds { confidence: LOWEST.min(shown), iou, ..plain };
        let (mut findings, mut failed) = (Vec::new(), 0);
        for photo in photos {
            match self.photo(photo, &thresholds) {
                Ok(found) => {
                    let answer = self.answer(&found, &thresholds, shown);
                    annotations.draw(&photo.name, &photo.path, &answer).await;
                    writeln!(out, "{}: {}", photo.path.display(), described(&Outcome::Answer(Box::new(answer))))?;
                    findings.push(found);
                }
                Err(error) => {
                    failed += 1;
                    notice!("uploader: {}: {error:#}", photo.path.display());
                }
            }
        }
        for error in annotations.finish().await {
            failed += 1;
            notice!("uploader: {error:#}");
        }
        let doubts = if findings.is_empty() {
            Vec::new()
        } else {
            doubts(&findings, shown, thresholds.max_detections, self.detector.labels().len())
        };
        for doubt in &doubts {
            writeln!(out, "Warning: {doubt}.")?;
        }
        writeln!(out, "Annotated photos: {}", self.folder.display())?;
        Ok(if failed > 0 { Ending::Failures } else { Ending::Good })
    }

    /// How the graph is read.
    fn describe(&self, out: &mut impl Write) -> Result<()> {
        let detector = &self.detector;
        let card = detector.card();
        let size = detector.input_size().map_or("the photo's size".to_owned(), |(w, h)| format!("{w} x {h}"));
        let labels = card.labels.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if card.labels.len() > 3 { ", …" } else { "" };
        let classes = if card.labels.len() == 1 { "class" } else { "classes" };
        writeln!(out, "Graph: {}", detector.graph())?;
        writeln!(out, "Card: {}", detector.card_origin())?;
        writeln!(out, "Read as: {} · {size} input · {} {classes}: {labels}{more}", card.head.kind, card.labels.len())?;
        if let Some(note) = detector.note() {
            writeln!(out, "Note: {}.", hint::here(note))?;
        }
        Ok(())
    }

    /// What is found in one photo, low scores included.
    fn photo(&self, photo: &Found, thresholds: &Thresholds) -> Result<Findings> {
        if let Source::Fault { error, .. } = &photo.source {
            bail!("{}", error.message);
        }
        let mut bytes = Vec::new();
        // One byte more than is taken tells that there are too many.
        let most = self.detector.limits().max_bytes as u64 + 1;
        File::open(&photo.path).and_then(|file| file.take(most).read_to_end(&mut bytes))?;
        Ok(self.detector.detect(&bytes, thresholds)?)
    }

    /// What of it is shown, as the function would answer it.
    fn answer(&self, findings: &Findings, thresholds: &Thresholds, shown: f32) -> Answer {
        let mut answer = Answer::new(findings, self.detector.labels(), ModelRef::default(), thresholds);
        answer.detections.retain(|found| found.score >= f64::from(shown));
        answer
    }
}
