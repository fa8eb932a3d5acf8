//! Answers as HTTP: bodies by format, and the headers that go with them.

use detector::{Card, annotate};
use lambda_http::http::StatusCode;
use lambda_http::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;
use wire::coco::ImageId;
use wire::{Answer, Code, Format, ItemError, ModelRef, Problem, ThresholdsUsed, TimingsMs, coco, rekognition, seed};

use crate::app::App;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_COLD_START: HeaderName = HeaderName::from_static("x-cold-start");
/// Lambda cuts a synchronous answer off at 6 MiB; the event around it takes some of that.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024 - 16 * 1024;
/// A Function URL's request may have 6 MB as Lambda takes it; a photo is base64 in it.
const MAX_REQUEST_PHOTO_BYTES: usize = 4_500_000;

/// The answer to `GET /health`.
#[derive(Serialize)]
pub(crate) struct Health<'a> {
    status: &'static str,
    model: &'a ModelRef,
    init_ms: f64,
    version: &'static str,
}

impl<'a> Health<'a> {
    pub(crate) fn of(app: &'a App) -> Self {
        Self { status: "ok", model: &app.model, init_ms: app.init_ms, version: env!("CARGO_PKG_VERSION") }
    }
}

/// The answer to `GET /model`.
#[derive(Serialize)]
pub(crate) struct Model<'a> {
    name: &'a str,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    input_size: Option<[u32; 2]>,
    thresholds: ThresholdsUsed,
    needs_nms: bool,
    limits: Limits,
    labels: &'a [String],
    /// The colour of each label, as annotated photos have it.
    colors: Vec<Color>,
    card: &'a Card,
}

/// The largest photo that is taken.
#[derive(Serialize)]
struct Limits {
    bytes: usize,
    pixels: u64,
}

/// A colour and the one that text on it has, as CSS writes them.
#[derive(Serialize)]
struct Color {
    fill: String,
    ink: String,
}

impl Color {
    fn of(class_id: usize) -> Self {
        let css = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        let fill = annotate::color(class_id);
        Self { fill: css(fill), ink: css(annotate::ink(fill)) }
    }
}

impl<'a> Model<'a> {
    pub(crate) fn of(app: &'a App) -> Self {
        Self {
            name: &app.model.name,
            sha256: &app.model.sha256,
            note: app.model.note.as_deref(),
            input_size: app.detector.input_size().map(|(width, height)| [width, height]),
            thresholds: (&app.defaults).into(),
            needs_nms: app.detector.needs_nms(),
            limits: Limits {
                bytes: app.detector.limits().max_bytes.min(MAX_REQUEST_PHOTO_BYTES),
                pixels: app.detector.limits().max_pixels,
            },
            labels: app.detector.labels(),
            colors: (0..app.detector.labels().len()).map(Color::of).collect(),
            card: app.detector.card(),
        }
    }
}

/// One photo's answer.
pub(crate) fn one(answer: &Answer, format: Format) -> Response<Body> {
    match format {
        Format::Spotter => json(answer),
        Format::Seed => json(&seed::single(answer)),
        Format::Coco => json(&coco::results(answer, &ImageId::Number(0))),
        Format::Rekognition => json(&rekognition::detect_labels(answer)),
    }
}

/// An entry of `{"results": […]}`.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a, T> {
    Answered(T),
    Failed { error: &'a ItemError },
}

/// Several photos' answers, in order.
pub(crate) fn many(outcomes: &[Result<Answer, ItemError>], format: Format) -> Response<Body> {
    match format {
        Format::Seed => json(&seed::many(outcomes)),
        Format::Spotter => results(outcomes, |_, answer| answer),
        Format::Coco => results(outcomes, |index, answer| coco::results(answer, &ImageId::Number(index))),
        Format::Rekognition => results(outcomes, |_, answer| rekognition::detect_labels(answer)),
    }
}

fn results<'a, T: Serialize>(
    outcomes: &'a [Result<Answer, ItemError>],
    shape: impl Fn(u64, &'a Answer) -> T,
) -> Response<Body> {
    let entry = |(index, outcome): (u64, &'a Result<Answer, ItemError>)| match outcome {
        Ok(answer) => Entry::Answered(shape(index, answer)),
        Err(error) => Entry::Failed { error },
    };
    #[derive(Serialize)]
    struct Results<E> {
        results: Vec<E>,
    }
    json(&Results { results: (0..).zip(outcomes).map(entry).collect() })
}

/// A JSON body.
pub(crate) fn json(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_string(value) {
        Ok(text) => response(StatusCode::OK, "application/json", Body::Text(text)),
        Err(error) => unwritable(&error),
    }
}

fn unwritable(error: &serde_json::Error) -> Response<Body> {
    tracing::error!(%error, "an answer cannot be written as JSON");
    problem(&Problem::new(Code::Internal, "The function failed; its log says more."), "")
}

/// A picture.
pub(crate) fn jpeg(bytes: Vec<u8>) -> Response<Body> {
    response(StatusCode::OK, "image/jpeg", Body::Binary(bytes))
}

/// A problem document (RFC 9457); `allowed` are the methods a 405 names.
pub(crate) fn problem(problem: &Problem, allowed: &'static str) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_string(problem).unwrap_or_default();
    let mut response = response(status, Problem::MEDIA_TYPE, Body::Text(body));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    }
    response
}

/// Adds `Server-Timing`.
pub(crate) fn with_timing(mut response: Response<Body>, timings: &TimingsMs) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(&timings.server_timing()) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    response
}

/// Adds `X-Cold-Start`.
pub(crate) fn with_cold_start(mut response: Response<Body>, cold_start: bool) -> Response<Body> {
    let value = HeaderValue::from_static(if cold_start { "true" } else { "false" });
    response.headers_mut().insert(X_COLD_START, value);
    response
}

/// Refuses an answer that Lambda would cut off.
pub(crate) fn bounded(response: Response<Body>) -> Result<Response<Body>, Problem> {
    let bytes = match response.body() {
        Body::Binary(bytes) => bytes.len().div_ceil(3) * 4,
        body => body.len(),
    };
    if bytes <= MAX_ANSWER_BYTES {
        return Ok(response);
    }
    Err(Problem::new(
        Code::TooManyBytes,
        format!("The answer would have {bytes} bytes, more than Lambda sends; ask for fewer photos or detections."),
    ))
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
