//! The photos of a request, one after the other, so that memory is one photo's whatever their number.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use detector::annotate::{self, Label};
use detector::{DetectError, Photo, Thresholds};
use lambda_http::{Body, Response};
use wire::{Answer, Code, Format, ItemError, Problem, TimingsMs};

use crate::app::App;
use crate::intake::Intake;
use crate::reply;

/// A synchronous answer may have 6 MiB as Lambda sends it; a picture is base64 in it.
const MAX_PICTURE_BYTES: usize = 4 << 20;

/// What was done for a request, for its log line.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) photos: usize,
    pub(crate) failed: usize,
    pub(crate) pixels: u64,
    pub(crate) detections: usize,
    pub(crate) timings: TimingsMs,
    pub(crate) cold_start: bool,
    pub(crate) code: Option<Code>,
}

/// An answer and, where asked for, its photo with boxes as a JPEG.
struct Answered {
    answer: Answer,
    picture: Option<Vec<u8>>,
}

/// Detects, and shapes the answer. A problem of a single photo is the request's; of several, its own.
pub(crate) fn answer(
    app: &App,
    intake: Intake,
    default_format: Format,
    cold_start: bool,
    done: &mut Done,
) -> Result<Response<Body>, Problem> {
    let format = intake.options.format.unwrap_or(default_format);
    let annotate = intake.options.annotate.unwrap_or(false);
    let thresholds = intake.options.thresholds(&app.defaults, app.detector.labels())?;
    let budget = MAX_PICTURE_BYTES / intake.photos.len().max(1);
    done.cold_start = cold_start;
    let mut outcomes = Vec::with_capacity(intake.photos.len());
    for photo in intake.photos {
        let outcome = photo.and_then(|bytes| one(app, &bytes, &thresholds, annotate.then_some(budget)));
        done.photos += 1;
        match &outcome {
            Ok(Answered { answer, .. }) => {
                done.pixels += u64::from(answer.image.width) * u64::from(answer.image.height);
                done.detections += answer.detections.len();
                done.timings += answer.timings_ms;
            }
            Err(_) => done.failed += 1,
        }
        outcomes.push(outcome.map(|mut answered| {
            answered.answer.cold_start = cold_start;
            answered.answer.init_ms = app.init_ms;
            answered
        }));
    }
    if !intake.many {
        let answered = outcomes.pop().unwrap_or_else(|| Err(internal()))?;
        let timing = answered.answer.timings_ms;
        let response = match answered.picture {
            Some(picture) if intake.raw => reply::jpeg(picture),
            picture => reply::one(&with_picture(answered.answer, picture), format),
        };
        return reply::bounded(reply::with_timing(response, &timing));
    }
    let outcomes: Vec<Result<Answer, ItemError>> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Ok(answered) => Ok(with_picture(answered.answer, answered.picture)),
            Err(problem) => Err(ItemError::from(&problem)),
        })
        .collect();
    reply::bounded(reply::with_timing(reply::many(&outcomes, format), &done.timings))
}

fn with_picture(mut answer: Answer, picture: Option<Vec<u8>>) -> Answer {
    answer.annotated = picture.map(|jpeg| STANDARD.encode(jpeg));
    answer
}

fn internal() -> Problem {
    Problem::new(Code::Internal, "The function failed on this photo; its log says more.")
}

/// One photo. A panic in it is this photo's failure only.
fn one(app: &App, bytes: &[u8], thresholds: &Thresholds, picture: Option<usize>) -> Result<Answered, Problem> {
    let work = || -> Result<Answered, Problem> {
        let findings = app.detector.detect(bytes, thresholds).map_err(|error| match error {
            DetectError::Photo(error) => Problem::from(&error),
            DetectError::Model(error) => {
                tracing::error!(%error, "inference failed");
                internal()
            }
        })?;
        let answer = Answer::new(&findings, app.detector.labels(), app.model.clone(), thresholds);
        let picture = picture.map(|budget| draw(app, bytes, &answer, budget)).transpose()?;
        Ok(Answered { answer, picture })
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("a photo made the function panic");
        Err(internal())
    })
}

/// The photo in its original size with boxes, halved until it fits into `budget` bytes.
fn draw(app: &App, bytes: &[u8], answer: &Answer, budget: usize) -> Result<Vec<u8>, Problem> {
    let mut image = Photo::decode(bytes, app.detector.limits()).map_err(|error| Problem::from(&error))?.into_image();
    let labels: Vec<Label> = answer.detections.iter().map(wire::FoundObject::to_label).collect();
    annotate::draw(&mut image, &labels);
    loop {
        let jpeg = annotate::jpeg(&image, annotate::QUALITY).map_err(|error| {
            tracing::error!(%error, "the annotated photo cannot be encoded");
            internal()
        })?;
        let (width, height) = (image.width() / 2, image.height() / 2);
        if jpeg.len() <= budget || width == 0 || height == 0 {
            return Ok(jpeg);
        }
        image = annotate::halved(&image);
    }
}
