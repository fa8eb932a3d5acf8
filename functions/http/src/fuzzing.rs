//! What reads requests, as `fuzz/` calls it.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use tokio::runtime::{Builder, Runtime};
use wire::{Code, MAX_IMAGES, Options, Problem, Unknown};

use crate::body::{Bodies, Received};
use crate::coding::Codings;
use crate::compatible_api::CompatibleApi;
use crate::declared::Declared;
use crate::request_reader;

/// The largest photo in bytes.
const MOST: usize = 1 << 20;
/// The largest body behind its codings, in bytes.
const LARGEST: usize = 4 << 20;

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| Builder::new_current_thread().build().ok());

/// A request with this Content-Type and this body: its photos and options.
///
/// # Errors
/// The problem that its sender would be told.
pub fn request(content_type: &str, body: &[u8]) -> Result<(Vec<Result<Bytes, Problem>>, Options), Problem> {
    let mut head = Request::new(()).into_parts().0;
    if let Ok(value) = HeaderValue::from_str(content_type) {
        head.headers.insert(http::header::CONTENT_TYPE, value);
    }
    read(Declared::of(&head, Unknown::Ignored)?, body)
}

/// The body of a request of another service's client: Rekognition's, else Roboflow's.
///
/// # Errors
/// The problem that its sender would be told.
pub fn compatible_api(is_rekognition: bool, body: &[u8]) -> Result<(Vec<Result<Bytes, Problem>>, Options), Problem> {
    // Nothing is fetched from S3.
    if is_rekognition && wire::rekognition::Request::parse(body).is_ok_and(|request| request.image.s3_object.is_some())
    {
        return Err(Problem::new(Code::InvalidS3Object, "not fetched"));
    }
    let api = if is_rekognition { CompatibleApi::Rekognition } else { CompatibleApi::Roboflow };
    read(Declared::by(api), body)
}

fn read(declared: Declared, body: &[u8]) -> Result<(Vec<Result<Bytes, Problem>>, Options), Problem> {
    let Some(runtime) = RUNTIME.as_ref() else { return Err(Problem::new(Code::Internal, "no runtime")) };
    let _entered = runtime.enter();
    let content = request_reader::read(declared, Bytes::copy_from_slice(body), MOST)?;
    assert!((1..=MAX_IMAGES).contains(&content.photos.len()), "{} photos", content.photos.len());
    Ok((content.photos, content.options))
}

/// A body with these codings (`Content-Encoding`) taken off.
///
/// # Errors
/// The problem that its sender would be told.
pub fn decoded(codings: &str, body: &[u8]) -> Result<Bytes, Problem> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(codings) {
        headers.insert(http::header::CONTENT_ENCODING, value);
    }
    let codings = Codings::of(&headers)?;
    let received = Received { bytes: Bytes::copy_from_slice(body), share: None };
    let decoded = Bodies::new(MOST).decode(received, &codings, Some(LARGEST), &|| false)?.bytes;
    assert!(codings.is_empty() || body.is_empty() || decoded.len() <= LARGEST, "{} bytes", decoded.len());
    Ok(decoded)
}
