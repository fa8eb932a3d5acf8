//! What the emulator makes of a function's answer, turned back into the reply that a Function URL would give.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use crate::link::Reply;
use crate::photo::{EVENT_LIMIT, item_error};

/// An answer in payload format 2.0, or an error document.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    status_code: Option<u16>,
    headers: Option<BTreeMap<String, Value>>,
    body: Option<String>,
    is_base64_encoded: bool,
    error_type: Option<String>,
    error_message: Option<String>,
}

/// How the emulator says that the function took too long: as bare text, or within an error document.
const TIMED_OUT: &str = "Task timed out";

/// Unwraps the reply. Errors come with status 200 from some emulators, with 5xx from others.
pub(super) fn unwrap(reply: &Reply) -> Result<Reply, Failure> {
    let Ok(document) = serde_json::from_slice::<Document>(&reply.body) else {
        return no_json(reply);
    };
    if document.error_type.is_some() || document.error_message.is_some() {
        return Err(function_error(&document));
    }
    let Some(status) = document.status_code else {
        // JSON of another shape is the body itself, says the payload format; an emulator's own error keeps its status.
        return Ok(same(reply));
    };
    let broken = |what: &str| {
        Failure::lasting(item_error("unknown_answer", format!("Invalid response from the function: {what}.")))
    };
    let body = document.body.unwrap_or_default();
    let body = if document.is_base64_encoded {
        STANDARD.decode(body).map_err(|_| broken("a body that is not base64"))?
    } else {
        body.into_bytes()
    };
    let mut headers = HeaderMap::new();
    for (name, value) in document.headers.unwrap_or_default() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(text)) {
            headers.insert(name, value);
        }
    }
    let status = StatusCode::from_u16(status).map_err(|_| broken(&format!("the status {status}")))?;
    Ok(Reply { status, headers, body: body.into() })
}

fn function_error(document: &Document) -> Failure {
    let said = document.error_message.as_deref().unwrap_or("no message");
    if said.contains(TIMED_OUT) {
        return timed_out(said);
    }
    let kind = document.error_type.as_deref().unwrap_or("error");
    // Behind a Function URL this is a 502, and as worth another try.
    Failure::passing(item_error("function_error", format!("The function failed: {kind}: {said}.")))
}

fn no_json(reply: &Reply) -> Result<Reply, Failure> {
    let text = String::from_utf8_lossy(&reply.body);
    if text.contains(TIMED_OUT) {
        return Err(timed_out(text.trim()));
    }
    if reply.body.len() as u64 >= EVENT_LIMIT {
        let message = "The response exceeds Lambda's limit of 6 MiB.";
        return Err(Failure::lasting(item_error("answer_too_large", message)));
    }
    Ok(same(reply))
}

fn timed_out(said: &str) -> Failure {
    // As with our own time-out: it had long enough.
    Failure::lasting(item_error("timeout", format!("{said}.")))
}

fn same(reply: &Reply) -> Reply {
    Reply { status: reply.status, headers: reply.headers.clone(), body: Bytes::clone(&reply.body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: body.into() }
    }

    fn code(status: u16, body: impl Into<Bytes>) -> (String, bool) {
        let failure = unwrap(&reply(status, body)).unwrap_err();
        (failure.error.code, failure.passing)
    }

    #[test]
    fn answers_come_out_of_their_wrapping() {
        let wrapped = r#"{"statusCode":413,"headers":{"retry-after":"3","x":1},"body":"e30=","isBase64Encoded":true}"#;
        let reply = unwrap(&reply(200, wrapped)).unwrap();
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (413, b"{}".as_slice()));
        assert_eq!(reply.headers["retry-after"], "3");
        assert_eq!(reply.headers["x"], "1");
        let plain = r#"{"statusCode":200,"body":"{\"a\":1}"}"#;
        assert_eq!(&unwrap(&self::reply(200, plain)).unwrap().body[..], br#"{"a":1}"#);
    }

    #[test]
    fn errors_are_failures_whatever_their_status() {
        let document = r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: exit status 101"}"#;
        for status in [200, 500, 502] {
            assert_eq!(code(status, document), ("function_error".to_owned(), true));
        }
    }

    #[test]
    fn time_outs_are_failures_in_either_shape() {
        for said in
            ["Task timed out after 3.00 seconds", r#"{"errorMessage":"2026 1 Task timed out after 3.00 seconds"}"#]
        {
            assert_eq!(code(200, said), ("timeout".to_owned(), false));
        }
    }

    #[test]
    fn a_cut_answer_is_not_taken_for_nonsense() {
        assert_eq!(code(200, "x".repeat(6 << 20)).0, "answer_too_large");
    }

    #[test]
    fn what_is_not_wrapped_is_the_reply_itself() {
        for (status, body) in [(200, "hello"), (200, r#"{"boxes":[]}"#), (504, ""), (500, r#"{"message":"no"}"#)] {
            let unwrapped = unwrap(&reply(status, body)).unwrap();
            assert_eq!((unwrapped.status.as_u16(), &unwrapped.body[..]), (status, body.as_bytes()));
        }
    }
}
