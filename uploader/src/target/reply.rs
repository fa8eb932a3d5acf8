//! What a function's reply means: an answer, a failure that lasts, or one that may pass.

use std::time::Duration;

use serde::Deserialize;
use wire::{Answer, ItemError};

use crate::link::{Reply, retry_after};
use crate::photo::item_error;

/// Why a try brought no answer, and whether another one may.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ItemError,
    /// Whether the same request may succeed later.
    pub(crate) passing: bool,
    /// When the other side wants to see it again.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn lasting(error: ItemError) -> Self {
        Self { error, passing: false, retry_after: None }
    }

    pub(crate) fn passing(error: ItemError) -> Self {
        Self { error, passing: true, retry_after: None }
    }
}

/// The error documents we may meet: our own problems, AWS's, the emulator's.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    code: Option<String>,
    detail: Option<String>,
    title: Option<String>,
    #[serde(alias = "Message", alias = "errorMessage")]
    message: Option<String>,
}

/// Reads the reply of a Function URL.
pub(crate) fn read(reply: &Reply) -> Result<Answer, Failure> {
    let status = reply.status;
    if status.is_success() {
        return serde_json::from_slice(&reply.body).map_err(|_| {
            let message = format!(
                "Unexpected response ({status}): {}. Is this the URL of a Spotter function?",
                excerpt(&reply.body)
            );
            Failure::lasting(item_error("unknown_answer", message))
        });
    }
    Err(refusal(reply))
}

/// What a reply means that is no success.
pub(super) fn refusal(reply: &Reply) -> Failure {
    let status = reply.status;
    let document: Document = serde_json::from_slice(&reply.body).unwrap_or_default();
    let ours = document.code.is_some();
    let code = document.code.unwrap_or_else(|| format!("http_{}", status.as_u16()));
    let said = said(reply);
    let message = match (ours, status.as_u16()) {
        (true, _) => said,
        (false, 403) => {
            format!("{status}: {said}. A URL with AWS_IAM authentication needs AWS credentials and --sign REGION.")
        }
        (false, 300..=399) => format!("{status}: use the URL that it redirects to{}.", location(reply)),
        (false, _) => format!("{status}: {said}"),
    };
    Failure {
        error: item_error(&code, message),
        passing: status.as_u16() == 429 || status.is_server_error(),
        retry_after: retry_after(&reply.headers),
    }
}

/// The words of whoever refused.
pub(super) fn said(reply: &Reply) -> String {
    let document: Document = serde_json::from_slice(&reply.body).unwrap_or_default();
    document.detail.or(document.message).or(document.title).unwrap_or_else(|| excerpt(&reply.body))
}

fn location(reply: &Reply) -> String {
    let to = reply.headers.get(hyper::header::LOCATION).and_then(|value| value.to_str().ok());
    to.map_or_else(String::new, |to| format!(" ({to})"))
}

/// The beginning of what was said, on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(600)]);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| !c.is_control()).take(160).collect();
    if line.is_empty() { "(nothing)".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::{HeaderMap, StatusCode};

    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        read(&reply).unwrap_err()
    }

    #[test]
    fn problems_keep_their_code_and_words() {
        let problem = wire::Problem::new(wire::Code::UndecodableImage, "The JPEG ends early.");
        let failure = failure(422, &serde_json::to_string(&problem).unwrap());
        assert_eq!(
            (failure.error.code.as_str(), failure.error.message.as_str()),
            ("undecodable_image", "The JPEG ends early.")
        );
        assert!(!failure.passing);
    }

    #[test]
    fn only_429_and_5xx_may_pass() {
        for (status, passing) in
            [(400, false), (403, false), (404, false), (413, false), (429, true), (500, true), (502, true), (503, true)]
        {
            assert_eq!(failure(status, "{}").passing, passing, "{status}");
        }
    }

    #[test]
    fn foreign_errors_are_named_by_their_status() {
        let failure = failure(403, r#"{"Message":"Forbidden"}"#);
        assert_eq!(failure.error.code, "http_403");
        assert!(failure.error.message.contains("--sign"), "{}", failure.error.message);
    }

    #[test]
    fn a_strangers_200_is_not_an_answer() {
        let failure = failure(200, "<html>\nhello</html>");
        assert_eq!(failure.error.code, "unknown_answer");
        assert!(failure.error.message.contains("<html> hello</html>"), "{}", failure.error.message);
    }
}
