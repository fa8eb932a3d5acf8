//! The photos of a request, one after the other, so that memory is one photo's whatever their number.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use detector::annotate::{self, Label};
use detector::redact::{self, Style};
use detector::{BBox, DetectError, Photo, Slicing, Thresholds};
use http::Response;
use image::RgbImage;
use wire::{Answer, Code, Format, ItemError, Problem, TimingsMs};

use crate::compatible_api;
use crate::engine::Engine;
use crate::platform::Platform;
use crate::reply;
use crate::request_content::RequestContent;

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

/// An answer and, where asked for, its photo as JPEGs.
struct Answered {
    answer: Answer,
    pictures: Pictures,
}

/// What a photo is made into.
#[derive(Default)]
struct Pictures {
    /// With its boxes drawn.
    annotated: Option<Vec<u8>>,
    /// With its objects made unrecognisable.
    redacted: Option<Vec<u8>>,
}

/// What is asked of every photo of a request.
struct PhotoOptions {
    thresholds: Thresholds,
    slicing: Slicing,
    annotate: bool,
    redaction: Option<(Style, f32)>,
    /// What each picture may have, in bytes.
    budget: usize,
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
    content: RequestContent,
    context: &Context<'_>,
    done: &mut Done,
) -> Result<Response<Bytes>, Problem> {
    let platform = context.platform;
    let format = content.options.format.unwrap_or(context.format);
    let thresholds = content.options.thresholds(&engine.defaults, engine.detector.labels())?;
    let options = content.options.clone().or(engine.options.clone());
    let (annotate, redaction) = (options.annotate.unwrap_or(false), options.redaction());
    let pictures = content.photos.len() * (usize::from(annotate) + usize::from(redaction.is_some()));
    let budget = platform.max_picture_bytes() / pictures.max(1);
    let photo_options = PhotoOptions { thresholds, slicing: options.slicing(), annotate, redaction, budget };
    done.cold_start = engine.is_cold_start();
    let mut outcomes = Vec::with_capacity(content.photos.len());
    for photo in content.photos {
        if (context.abandoned)() {
            break;
        }
        let outcome = photo.and_then(|bytes| one(engine, &bytes, &photo_options));
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
    let response = if content.many {
        let outcomes: Vec<Result<Answer, ItemError>> = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Ok(answered) => Ok(with_pictures(answered)),
                Err(problem) => Err(ItemError::from(&problem)),
            })
            .collect();
        reply::many(&outcomes, format)
    } else {
        let Answered { answer, pictures } = outcomes.pop().unwrap_or_else(|| Err(internal()))?;
        match pictures {
            Pictures { annotated: Some(picture), .. } | Pictures { redacted: Some(picture), .. } if content.raw => {
                reply::jpeg(picture)
            }
            pictures => {
                let answer = with_pictures(Answered { answer, pictures });
                match &content.wanted {
                    Some(wanted) => compatible_api::rekognition::answered(&answer, wanted),
                    None => reply::one(&answer, format),
                }
            }
        }
    };
    reply::bounded(reply::with_timing(response, &done.timings), platform.max_answer_bytes())
}

fn with_pictures(Answered { mut answer, pictures }: Answered) -> Answer {
    let text = |jpeg| STANDARD.encode::<Vec<u8>>(jpeg);
    answer.annotated = pictures.annotated.map(text);
    answer.redacted = pictures.redacted.map(text);
    answer
}

pub(crate) fn internal() -> Problem {
    Problem::new(Code::Internal, "The function failed on this photo. See its log.")
}

/// One photo. A panic in it is this photo's failure only.
fn one(engine: &Engine, bytes: &[u8], photo_options: &PhotoOptions) -> Result<Answered, Problem> {
    let PhotoOptions { thresholds, slicing, annotate, redaction, .. } = photo_options;
    let work = || -> Result<Answered, Problem> {
        let findings = engine.detector.detect_sliced(bytes, thresholds, slicing).map_err(|error| match error {
            DetectError::Photo(error) => Problem::from(&error),
            DetectError::Slices(error) => Problem::from(&error),
            DetectError::Model(error) => {
                tracing::error!(%error, "inference failed");
                internal()
            }
        })?;
        let answer = Answer::new(&findings, engine.detector.labels(), engine.model.clone(), thresholds);
        let pictures = if *annotate || redaction.is_some() {
            pictures(engine, bytes, &answer, photo_options)?
        } else {
            Pictures::default()
        };
        Ok(Answered { answer, pictures })
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("the function panicked on a photo");
        Err(internal())
    })
}

/// The photo in its original size: redacted, and then with boxes, so that these hide nothing less.
fn pictures(engine: &Engine, bytes: &[u8], answer: &Answer, photo_options: &PhotoOptions) -> Result<Pictures, Problem> {
    let mut image = Photo::decode(bytes, engine.detector.limits()).map_err(|error| Problem::from(&error))?.into_image();
    let labels: Vec<Label> = answer.detections.iter().map(wire::FoundObject::to_label).collect();
    let mut pictures = Pictures::default();
    if let Some((style, margin)) = photo_options.redaction {
        let boxes: Vec<BBox> = labels.iter().map(|label| label.bbox).collect();
        redact::redact(&mut image, &boxes, style, margin);
        pictures.redacted = Some(within(photo_options.budget, image.clone())?);
    }
    if photo_options.annotate {
        annotate::draw(&mut image, &labels);
        pictures.annotated = Some(within(photo_options.budget, image)?);
    }
    Ok(pictures)
}

/// A JPEG of an image, which is halved until it fits into `budget` bytes.
fn within(budget: usize, mut image: RgbImage) -> Result<Vec<u8>, Problem> {
    loop {
        let jpeg = annotate::jpeg(&image, annotate::QUALITY).map_err(|error| {
            tracing::error!(%error, "cannot encode the photo");
            internal()
        })?;
        let (width, height) = (image.width() / 2, image.height() / 2);
        if jpeg.len() <= budget || width == 0 || height == 0 {
            return Ok(jpeg);
        }
        image = annotate::halved(&image);
    }
}
