//! The photos of a request, one after the other, so that memory is one photo's whatever their number.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use detector::annotate::{self, Label};
use detector::{DetectError, Photo, Thresholds};
use http::Response;
use wire::{Answer, Code, Format, ItemError, Problem, TimingsMs};

use crate::engine::Engine;
use crate::intake::Intake;
use crate::platform::Platform;
use crate::reply;

/// What was done for a request, for its log line and its metrics.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) bytes: usize,
    pub(crate) photos: usize,
    /// Of photos of a request with several.
    pub(crate) failures: Vec<Code>,
    /// Of each photo that was looked at.
    pub(crate) times: Vec<TimingsMs>,
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

/// The context of a request.
pub(crate) struct Context<'a> {
    pub(crate) platform: Platform,
    /// The shape of an answer where the request asks for none.
    pub(crate) format: Format,
    /// How long the request waited for its session.
    pub(crate) waited: Duration,
    /// Whether nobody waits for the answer any more.
    pub(crate) abandoned: &'a dyn Fn() -> bool,
}

/// Detects, and shapes the answer. A problem of a single photo is the request's; of several, its own. The photos of a
/// request share its session, so each is said to have waited as long as the request.
pub(crate) fn answer(
    engine: &Engine,
    intake: Intake,
    context: &Context<'_>,
    done: &mut Done,
) -> Result<Response<Bytes>, Problem> {
    let platform = context.platform;
    let format = intake.options.format.unwrap_or(context.format);
    let annotate = intake.options.annotate.unwrap_or(false);
    let thresholds = intake.options.thresholds(&engine.defaults, engine.detector.labels())?;
    let budget = platform.max_picture_bytes() / intake.photos.len().max(1);
    done.cold_start = engine.is_cold_start();
    let mut outcomes = Vec::with_capacity(intake.photos.len());
    for photo in intake.photos {
        if (context.abandoned)() {
            break;
        }
        let outcome = photo.and_then(|bytes| one(engine, &bytes, &thresholds, annotate.then_some(budget)));
        done.photos += 1;
        match &outcome {
            Ok(Answered { answer, .. }) => {
                done.pixels += u64::from(answer.image.width) * u64::from(answer.image.height);
                done.detections += answer.detections.len();
                done.timings += answer.timings_ms;
                done.times.push(answer.timings_ms);
            }
            Err(problem) => done.failures.push(problem.code),
        }
        outcomes.push(outcome.map(|mut answered| {
            answered.answer.timings_ms = answered.answer.timings_ms.after(context.waited);
            answered.answer.cold_start = done.cold_start;
            answered.answer.init_ms = engine.init_ms;
            answered
        }));
    }
    done.timings = done.timings.after(context.waited);
    let response = if intake.many {
        let outcomes: Vec<Result<Answer, ItemError>> = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Ok(answered) => Ok(with_picture(answered.answer, answered.picture)),
                Err(problem) => Err(ItemError::from(&problem)),
            })
            .collect();
        reply::many(&outcomes, format)
    } else {
        let answered = outcomes.pop().unwrap_or_else(|| Err(internal()))?;
        match answered.picture {
            Some(picture) if intake.raw => reply::jpeg(picture),
            picture => reply::one(&with_picture(answered.answer, picture), format),
        }
    };
    reply::bounded(reply::with_timing(response, &done.timings), platform.max_answer_bytes())
}

fn with_picture(mut answer: Answer, picture: Option<Vec<u8>>) -> Answer {
    answer.annotated = picture.map(|jpeg| STANDARD.encode(jpeg));
    answer
}

pub(crate) fn internal() -> Problem {
    Problem::new(Code::Internal, "The function failed on this photo. See its log.")
}

/// One photo. A panic in it is this photo's failure only.
fn one(engine: &Engine, bytes: &[u8], thresholds: &Thresholds, picture: Option<usize>) -> Result<Answered, Problem> {
    let work = || -> Result<Answered, Problem> {
        let findings = engine.detector.detect(bytes, thresholds).map_err(|error| match error {
            DetectError::Photo(error) => Problem::from(&error),
            DetectError::Model(error) => {
                tracing::error!(%error, "inference failed");
                internal()
            }
        })?;
        let answer = Answer::new(&findings, engine.detector.labels(), engine.model.clone(), thresholds);
        let picture = picture.map(|budget| draw(engine, bytes, &answer, budget)).transpose()?;
        Ok(Answered { answer, picture })
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("the function panicked on a photo");
        Err(internal())
    })
}

/// The photo in its original size with boxes, halved until it fits into `budget` bytes.
fn draw(engine: &Engine, bytes: &[u8], answer: &Answer, budget: usize) -> Result<Vec<u8>, Problem> {
    let mut image = Photo::decode(bytes, engine.detector.limits()).map_err(|error| Problem::from(&error))?.into_image();
    let labels: Vec<Label> = answer.detections.iter().map(wire::FoundObject::to_label).collect();
    annotate::draw(&mut image, &labels);
    loop {
        let jpeg = annotate::jpeg(&image, annotate::QUALITY).map_err(|error| {
            tracing::error!(%error, "cannot encode the annotated photo");
            internal()
        })?;
        let (width, height) = (image.width() / 2, image.height() / 2);
        if jpeg.len() <= budget || width == 0 || height == 0 {
            return Ok(jpeg);
        }
        image = annotate::halved(&image);
    }
}
