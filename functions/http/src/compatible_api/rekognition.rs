//! `DetectLabels` of Amazon Rekognition, as AWS's SDKs call it: `boto3.client("rekognition", endpoint_url=…)`.
//!
//! <https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectLabels.html>

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use wire::rekognition::{Request, S3Object, Wanted, detect_labels};
use wire::{Answer, Code, Problem, decode_base64};

use crate::reply;
use crate::request_content::RequestContent;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// The only operation there is.
const OPERATION: &str = "RekognitionService.DetectLabels";
/// AWS's JSON protocol.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// Whether a request is one of an AWS SDK's.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    headers.contains_key(TARGET)
}

/// Refuses other operations.
///
/// # Errors
/// `not_found`.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(TARGET).is_some_and(|target| target == OPERATION) {
        return Ok(());
    }
    Err(Problem::new(Code::NotFound, "Only the operation DetectLabels of Rekognition is served here."))
}

/// Reads a request's body; called where the runtime lets a thread block.
pub(crate) fn content(body: &[u8], max_bytes: usize) -> Result<RequestContent, Problem> {
    let mut request = Request::parse(body)?;
    let (options, wanted) = request.options()?;
    let photo = match (request.image.bytes, request.image.s3_object) {
        (Some(text), None) => decode_base64(&text, max_bytes)?.into(),
        (None, Some(object)) => fetched(&object, max_bytes)?,
        _ => return Err(Problem::new(Code::InvalidParameter, "Image must have either Bytes or S3Object.")),
    };
    Ok(RequestContent { photos: vec![Ok(photo)], many: false, raw: false, options, wanted: Some(wanted) })
}

/// A photo in S3.
#[cfg(feature = "aws")]
fn fetched(object: &S3Object, max_bytes: usize) -> Result<Bytes, Problem> {
    let S3Object { bucket: Some(bucket), name: Some(key), version } = object else {
        return Err(Problem::new(Code::InvalidParameter, "S3Object must have Bucket and Name."));
    };
    let work = model_source::s3::object(bucket, key, version.as_deref(), max_bytes as u64);
    tokio::runtime::Handle::current().block_on(work).map(Bytes::from).map_err(|fault| match fault {
        model_source::s3::ObjectFault::TooLarge(size) => {
            Problem::new(Code::TooManyBytes, format!("s3://{bucket}/{key} has {size} bytes; the limit is {max_bytes}."))
        }
        model_source::s3::ObjectFault::Unreadable(reason) => {
            Problem::new(Code::InvalidS3Object, format!("Cannot read s3://{bucket}/{key}: {reason}"))
        }
    })
}

#[cfg(not(feature = "aws"))]
fn fetched(_: &S3Object, _: usize) -> Result<Bytes, Problem> {
    Err(Problem::new(Code::InvalidS3Object, "This program was built without S3. Send the photo as Bytes."))
}

/// An error as AWS's SDKs read it.
pub(crate) fn fault(problem: &Problem) -> Response<Bytes> {
    #[derive(Serialize)]
    struct Fault<'a> {
        #[serde(rename = "__type")]
        kind: &'static str,
        #[serde(rename = "Message")]
        message: &'a str,
        #[serde(rename = "Code")]
        code: &'static str,
    }
    let (kind, status) = kind(problem.code);
    let mut response = reply::json(&Fault { kind, message: &problem.detail, code: kind });
    *response.status_mut() = status;
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(kind));
    named(response)
}

/// The answer to a request.
pub(crate) fn answered(answer: &Answer, wanted: &Wanted) -> Response<Bytes> {
    named(reply::json(&wanted.of(detect_labels(answer))))
}

/// With the media type of AWS's protocol.
fn named(mut response: Response<Bytes>) -> Response<Bytes> {
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response
}

/// Rekognition's name of an error and its status.
fn kind(code: Code) -> (&'static str, StatusCode) {
    let kind = match code {
        Code::UnsupportedImage | Code::UndecodableImage => "InvalidImageFormatException",
        Code::TooManyBytes | Code::TooManyPixels | Code::TooManySlices => "ImageTooLargeException",
        Code::InvalidS3Object => "InvalidS3ObjectException",
        Code::InvalidJson | Code::InvalidEncoding | Code::UnsupportedMediaType => "SerializationException",
        Code::MissingImage | Code::InvalidBase64 | Code::InvalidParameter => "InvalidParameterException",
        Code::Unauthorized => "AccessDeniedException",
        Code::NotFound | Code::MethodNotAllowed => "UnknownOperationException",
        Code::Loading | Code::Overloaded | Code::Timeout => "ThrottlingException",
        Code::Internal => return ("InternalServerError", StatusCode::INTERNAL_SERVER_ERROR),
    };
    (kind, StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_contract_has_every_error() {
        let contract: Value = serde_json::from_str(wire::schema::OPENAPI).unwrap();
        let texts = |schema: &str| contract["components"]["schemas"][schema]["enum"].as_array().unwrap().clone();
        let codes = texts("Code").into_iter().map(|code| serde_json::from_value(code).unwrap());
        let told: BTreeSet<&str> = codes.map(|code| kind(code).0).collect();
        let documented = texts("RekognitionErrorName");
        assert_eq!(documented.iter().map(|name| name.as_str().unwrap()).collect::<BTreeSet<_>>(), told);
    }
}
