//! One photo on a worker's thread: bytes to a line, and to an annotated photo where one is wanted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use detector::annotate::{self, Label};
use detector::redact::{self, Style};
use detector::{BBox, DetectError, Detector, Photo, Slicing, Thresholds};
use image::RgbImage;
use wire::{Answer, ItemError, Line, LineOutcome, ModelRef, Problem, Source};

use crate::outcome::{Outcome, Pictures, Seen, Verdict};

/// What worker threads share.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) detector: Detector,
    pub(crate) thresholds: Thresholds,
    pub(crate) model: ModelRef,
    pub(crate) slicing: Slicing,
    pub(crate) redaction: Option<(Style, f32)>,
    pub(crate) annotate: bool,
}

impl Worker {
    /// Detects objects in a photo. A panic or a failing model is this photo's error only, and not known to be final.
    pub(crate) fn process(&self, source: Source, request_id: &str, bytes: &[u8]) -> Outcome {
        match catch_unwind(AssertUnwindSafe(|| self.detect(&source, request_id, bytes))) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(DetectError::Photo(error))) => {
                self.never(source, request_id, ItemError::from(&Problem::from(&error)))
            }
            Ok(Err(DetectError::Slices(error))) => {
                self.never(source, request_id, ItemError::from(&Problem::from(&error)))
            }
            Ok(Err(DetectError::Model(error))) => Outcome::later(format!("the model failed on this photo: {error}")),
            Err(_) => Outcome::later("the function panicked on this photo".to_owned()),
        }
    }

    /// The outcome of a photo that nobody can look at.
    pub(crate) fn never(&self, source: Source, request_id: &str, error: ItemError) -> Outcome {
        let outcome = LineOutcome::Error { error: error.clone(), model: self.model.clone() };
        let line = Line { source, outcome, request_id: Some(request_id.to_owned()) };
        Outcome::with_line(&line, Verdict::Never(error), Seen::default())
    }

    fn detect(&self, source: &Source, request_id: &str, bytes: &[u8]) -> Result<Outcome, DetectError> {
        let findings = self.detector.detect_sliced(bytes, &self.thresholds, &self.slicing)?;
        // `cold_start` and `init_ms` stay at their defaults: they are facts of a process, and the same photo is to have the same
        // line in every one, but for the invocation's name. The log has them.
        let answer = Answer::new(&findings, self.detector.labels(), self.model.clone(), &self.thresholds);
        let seen = Seen {
            pixels: u64::from(answer.image.width) * u64::from(answer.image.height),
            detections: answer.detections.len(),
            timings: answer.timings_ms,
        };
        let pictures = self.pictures(bytes, &answer)?;
        let outcome = LineOutcome::Answer(Box::new(answer));
        let line = Line { source: source.clone(), outcome, request_id: Some(request_id.to_owned()) };
        let mut outcome = Outcome::with_line(&line, Verdict::Found(seen.detections), seen);
        outcome.pictures = pictures;
        Ok(outcome)
    }

    /// The photo in its original size, redacted and then with boxes; none of one that JPEG has no room for.
    fn pictures(&self, bytes: &[u8], answer: &Answer) -> Result<Pictures, DetectError> {
        let mut pictures = Pictures::default();
        if !self.annotate && self.redaction.is_none() {
            return Ok(pictures);
        }
        let mut image = Photo::decode(bytes, self.detector.limits())?.into_image();
        let labels: Vec<Label> = answer.detections.iter().map(wire::FoundObject::to_label).collect();
        if let Some((style, margin)) = self.redaction {
            let boxes: Vec<BBox> = labels.iter().map(|label| label.bbox).collect();
            redact::redact(&mut image, &boxes, style, margin);
            pictures.redacted = jpeg(&image);
        }
        if self.annotate {
            annotate::draw(&mut image, &labels);
            pictures.annotated = jpeg(&image);
        }
        Ok(pictures)
    }
}

fn jpeg(image: &RgbImage) -> Option<Vec<u8>> {
    annotate::jpeg(image, annotate::QUALITY).inspect_err(|error| tracing::error!(%error, "cannot encode a photo")).ok()
}
