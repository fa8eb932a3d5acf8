//! The event that a Function URL makes of a request: payload format 2.0.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use url::form_urlencoded;
use wire::ItemError;

use crate::photo::{EVENT_LIMIT, Payload, too_many_bytes};

const AGENT: &str = concat!("spotter-uploader/", env!("CARGO_PKG_VERSION"));

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    headers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'static str,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: String,
    route_key: &'static str,
    stage: &'static str,
    time_epoch: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: &'static str,
    user_agent: &'static str,
}

/// `POST /detect` with a photo.
pub(super) fn photo(payload: &Payload) -> Result<Vec<u8>, ItemError> {
    let mut event = event("POST", "/detect", &payload.query);
    event.headers.insert("content-type", payload.content_type.to_owned());
    event.headers.insert("content-length", payload.body.len().to_string());
    // A Function URL, too, hands JSON on as it is.
    event.is_base64_encoded = payload.content_type != "application/json";
    event.body = Some(if event.is_base64_encoded {
        STANDARD.encode(&payload.body)
    } else {
        String::from_utf8_lossy(&payload.body).into_owned()
    });
    let event = bytes(&event);
    // The emulator would cut it without a word.
    if event.len() as u64 > EVENT_LIMIT { Err(too_many_bytes(payload.body.len() as u64)) } else { Ok(event) }
}

/// `GET /health`.
pub(super) fn health() -> Vec<u8> {
    bytes(&event("GET", "/health", ""))
}

fn event<'a>(method: &'a str, path: &'a str, query: &'a str) -> Event<'a> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Event {
        version: "2.0",
        route_key: "$default",
        raw_path: path,
        raw_query_string: query,
        headers: BTreeMap::from([
            ("accept", "application/json".to_owned()),
            ("host", "localhost".to_owned()),
            ("user-agent", AGENT.to_owned()),
        ]),
        query_string_parameters: parameters,
        request_context: Context {
            account_id: "anonymous",
            api_id: "localhost",
            domain_name: "localhost",
            domain_prefix: "localhost",
            http: Http { method, path, protocol: "HTTP/1.1", source_ip: "127.0.0.1", user_agent: AGENT },
            request_id: format!("{:032x}", fastrand::u128(..)),
            route_key: "$default",
            stage: "$default",
            time_epoch: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        },
        body: None,
        is_base64_encoded: false,
    }
}

fn bytes(event: &Event<'_>) -> Vec<u8> {
    // Strings and numbers only: this does not fail.
    serde_json::to_vec(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn payload(body: &[u8], content_type: &'static str, query: &str) -> Payload {
        Payload { body: body.to_vec().into(), content_type, query: query.to_owned(), sha256: String::new() }
    }

    fn json(event: &[u8]) -> Value {
        serde_json::from_slice(event).unwrap()
    }

    #[test]
    fn photos_travel_as_base64_and_options_in_the_query() {
        let event = json(&photo(&payload(b"\xff\xd8\xff", "image/jpeg", "confidence=0.3&classes=cat%2Cdog")).unwrap());
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
        assert_eq!(event["requestContext"]["http"]["path"], "/detect");
        assert_eq!(event["rawQueryString"], "confidence=0.3&classes=cat%2Cdog");
        assert_eq!(event["queryStringParameters"]["classes"], "cat,dog");
        assert_eq!(event["headers"]["content-type"], "image/jpeg");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&"/9j/".into(), &true.into()));
    }

    #[test]
    fn json_travels_as_it_is() {
        let event = json(&photo(&payload(br#"{"image":"YQ=="}"#, "application/json", "")).unwrap());
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&r#"{"image":"YQ=="}"#.into(), &false.into()));
        assert_eq!(event.get("queryStringParameters"), None);
    }

    #[test]
    fn what_the_emulator_would_cut_is_not_sent() {
        let error = photo(&payload(&vec![0; 4_719_000], "image/jpeg", "")).unwrap_err();
        assert_eq!(error.code, "too_many_bytes");
        assert!(error.message.contains("--resize"), "{}", error.message);
    }
}
