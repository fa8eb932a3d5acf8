//! `uploader model try`: what a model makes of photos, and what looks wrong.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use detector::annotate::{self, Label};
use detector::catalog::{self, ModelFile, Origin};
use detector::{Card, Detector, DetectorOptions, Findings, Limits, ModelError, Photo, Thresholds};

use super::doubts::doubts;
use crate::args::TryArgs;
use crate::notice::notice;
use crate::photo::{Found, Inputs, Request, Source, look, mark};
use crate::verb::Ending;

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
            let trial = Trial { detector, folder: args.output.clone(), confidence: args.confidence };
            trial.run(&listing.found, &inputs, out)
        }
        Err(ModelError::NoCard { path, reason, cards }) if !cards.is_empty() => {
            writeln!(out, "{path} has no card and none can be inferred: {reason}.")?;
            for (index, text) in cards.iter().enumerate() {
                let number = index + 1;
                writeln!(out, "\nCard {number} of {}:", cards.len())?;
                let card = Card::parse("card", text)?;
                let model = ModelFile { card: Some(card), origin: Origin::Inferred, ..model.clone() };
                let detector = Detector::load(model, &DetectorOptions::default())?;
                let folder = if cards.len() == 1 { args.output.clone() } else { args.output.join(number.to_string()) };
                Trial { detector, folder, confidence: args.confidence }.run(&listing.found, &inputs, out)?;
                let reading = if cards.len() == 1 { String::new() } else { format!(" --reading {number}") };
                writeln!(out, "To use it: uploader model card {} --write{reading}", args.model)?;
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
    fn run(&self, photos: &[Found], inputs: &Inputs, out: &mut impl Write) -> Result<Ending> {
        self.describe(out)?;
        std::fs::create_dir_all(&self.folder).with_context(|| format!("--output {}", self.folder.display()))?;
        let defaults = self.detector.card().defaults;
        let plain = Thresholds::default();
        let shown = self.confidence.or(defaults.confidence).unwrap_or(plain.confidence);
        let iou = defaults.iou.unwrap_or(plain.iou);
        let thresholds = Thresholds { confidence: LOWEST.min(shown), iou, ..plain };
        let (mut findings, mut failed) = (Vec::new(), 0);
        for (index, photo) in photos.iter().enumerate() {
            match self.photo(photo, index, &thresholds, shown, inputs) {
                Ok((found, line)) => {
                    writeln!(out, "{}: {line}", photo.path.display())?;
                    findings.push(found);
                }
                Err(error) => {
                    failed += 1;
                    notice!("uploader: {}: {error:#}", photo.path.display());
                }
            }
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
        writeln!(out, "Card: {} (`uploader model show` prints it)", detector.card_origin())?;
        writeln!(out, "Read as: {} · {size} input · {} {classes}: {labels}{more}", card.head.kind, card.labels.len())?;
        if let Some(note) = detector.note() {
            writeln!(out, "Note: {note}.")?;
        }
        Ok(())
    }

    /// What is found in one photo, as a line, and drawn.
    fn photo(
        &self,
        photo: &Found,
        index: usize,
        thresholds: &Thresholds,
        shown: f32,
        inputs: &Inputs,
    ) -> Result<(Findings, String)> {
        if let Source::Fault { error, .. } = &photo.source {
            bail!("{}", error.message);
        }
        let bytes = std::fs::read(&photo.path)?;
        let findings = self.detector.detect(&bytes, thresholds)?;
        let labels: Vec<Label> = findings
            .detections
            .iter()
            .filter(|found| found.score >= shown)
            .map(|found| {
                let name = self.detector.labels().get(found.class_id).map_or("?", String::as_str);
                Label { bbox: found.bbox, text: format!("{name} {:.2}", found.score), class_id: found.class_id }
            })
            .collect();
        let stem = photo.path.file_stem().unwrap_or_default().to_string_lossy();
        let to = self.folder.join(format!("{:03}-{stem}.jpg", index + 1));
        inputs.spare("--output", &to)?;
        draw(&bytes, &labels, &to)?;
        let line = if labels.is_empty() {
            "nothing found".to_owned()
        } else {
            let text = |Label { bbox: b, text, .. }: &Label| {
                format!("{text} [{:.0} {:.0} {:.0} {:.0}]", b.x1, b.y1, b.x2, b.y2)
            };
            labels.iter().map(text).collect::<Vec<_>>().join(", ")
        };
        Ok((findings, line))
    }
}

fn draw(bytes: &[u8], labels: &[Label], to: &Path) -> Result<()> {
    let mut image = Photo::decode(bytes, &Limits::default())?.into_image();
    annotate::draw(&mut image, labels);
    let jpeg = mark::marked(annotate::jpeg(&image, annotate::QUALITY)?);
    std::fs::write(to, jpeg).with_context(|| format!("cannot write {}", to.display()))
}
