//! Answers as HTTP: bodies by format, and the headers that go with them.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use serde::Serialize;
use telemetry::RequestId;
use wire::coco::ImageId;
use wire::{Answer, Code, Format, ItemError, Problem, TimingsMs, coco, rekognition, roboflow, seed};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const X_COLD_START: HeaderName = HeaderName::from_static("x-cold-start");
/// The id of a request, as callers give it and hear it again.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One photo's answer.
pub(crate) fn one(answer: &Answer, format: Format) -> Response<Bytes> {
    match format {
        Format::Spotter => json(answer),
        Format::Seed => json(&seed::single(answer)),
        Format::Coco => json(&coco::results(answer, &ImageId::Number(0))),
        Format::Rekognition => json(&rekognition::detect_labels(answer)),
        Format::Roboflow => json(&roboflow::inference(answer)),
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
pub(crate) fn many(outcomes: &[Result<Answer, ItemError>], format: Format) -> Response<Bytes> {
    match format {
        Format::Seed => json(&seed::many(outcomes)),
        Format::Spotter => results(outcomes, |_, answer| answer),
        Format::Coco => results(outcomes, |index, answer| coco::results(answer, &ImageId::Number(index))),
        Format::Rekognition => results(outcomes, |_, answer| rekognition::detect_labels(answer)),
        Format::Roboflow => {
            let one = |outcome| entry(outcome, roboflow::inference);
            json(&outcomes.iter().map(one).collect::<Vec<_>>())
        }
    }
}

fn entry<'a, T>(outcome: &'a Result<Answer, ItemError>, shape: impl FnOnce(&'a Answer) -> T) -> Entry<'a, T> {
    match outcome {
        Ok(answer) => Entry::Answered(shape(answer)),
        Err(error) => Entry::Failed { error },
    }
}

fn results<'a, T: Serialize>(
    outcomes: &'a [Result<Answer, ItemError>],
    shape: impl Fn(u64, &'a Answer) -> T,
) -> Response<Bytes> {
    let one = |(index, outcome): (u64, &'a Result<Answer, ItemError>)| entry(outcome, |answer| shape(index, answer));
    #[derive(Serialize)]
    struct Results<E> {
        results: Vec<E>,
    }
    json(&Results { results: (0..).zip(outcomes).map(one).collect() })
}

/// A JSON body.
pub(crate) fn json(value: &impl Serialize) -> Response<Bytes> {
    match serde_json::to_vec(value) {
        Ok(text) => response(StatusCode::OK, "application/json", text),
        Err(error) => unwritable(&error),
    }
}

fn unwritable(error: &serde_json::Error) -> Response<Bytes> {
    tracing::error!(%error, "cannot write a response as JSON");
    problem(&Problem::new(Code::Internal, "The function failed. See its log."), "")
}

/// The document that describes requests and answers, as it lies in the tree.
pub(crate) fn contract() -> Response<Bytes> {
    response(StatusCode::OK, "application/json", wire::schema::OPENAPI.into())
}

/// A picture.
pub(crate) fn jpeg(bytes: Vec<u8>) -> Response<Bytes> {
    response(StatusCode::OK, "image/jpeg", bytes)
}

/// A problem document (RFC 9457); `allowed` are the methods a 405 names.
pub(crate) fn problem(problem: &Problem, allowed: &'static str) -> Response<Bytes> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, Problem::MEDIA_TYPE, serde_json::to_vec(problem).unwrap_or_default());
    let headers = response.headers_mut();
    let mut also = |name, value| drop::<Option<HeaderValue>>(headers.insert(name, HeaderValue::from_static(value)));
    match problem.code {
        Code::MethodNotAllowed => also(ALLOW, allowed),
        Code::Unauthorized => also(WWW_AUTHENTICATE, "Bearer"),
        Code::Loading | Code::Overloaded => also(RETRY_AFTER, "1"),
        _ => {}
    }
    response
}

/// Adds `Server-Timing`.
pub(crate) fn with_timing(mut response: Response<Bytes>, timings: &TimingsMs) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(&timings.server_timing()) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    response
}

/// Adds `X-Cold-Start`.
pub(crate) fn with_cold_start(mut response: Response<Bytes>, cold_start: bool) -> Response<Bytes> {
    let value = HeaderValue::from_static(if cold_start { "true" } else { "false" });
    response.headers_mut().insert(X_COLD_START, value);
    response
}

/// Adds `X-Request-Id`.
pub(crate) fn with_request_id(mut response: Response<Bytes>, id: &RequestId) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// Refuses an answer larger than `most` bytes; Lambda carries as base64 what is no text.
pub(crate) fn bounded(response: Response<Bytes>, most: Option<usize>) -> Result<Response<Bytes>, Problem> {
    let length = response.body().len();
    let bytes = if is_text(response.headers()) { length } else { length.div_ceil(3) * 4 };
    if most.is_none_or(|most| bytes <= most) {
        return Ok(response);
    }
    Err(Problem::new(
        Code::TooManyBytes,
        format!("The response would be {bytes} bytes, over Lambda's limit. Ask for fewer photos or detections."),
    ))
}

/// Whether a body with these headers is text as it stands.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !headers.contains_key(CONTENT_ENCODING) && (kind.starts_with("text/") || kind.ends_with("json"))
}

fn response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
