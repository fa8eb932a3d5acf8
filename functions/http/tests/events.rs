//! Events as Lambda hands them over, in process: what `lambda_http` would panic at is a caller's error like any other.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use detect_http::lambda::{self, Event};
use detect_http::{App, AppOptions, Platform};
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use wire::Settings;

fn loading() -> App {
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox");
    let settings = Settings { model: Some(graph.display().to_string()), ..Settings::from_env().unwrap() };
    App::new(
        settings,
        AppOptions { platform: Platform::Lambda, sessions: 1, threads: 1, queue: 0, token: None, metrics: None },
    )
}

fn loaded() -> App {
    let app = loading();
    app.load(Instant::now()).unwrap();
    app
}

fn photo() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detector/tests/photos/lossy.webp");
    STANDARD.encode(std::fs::read(path).unwrap())
}

/// An event with some members replaced.
fn event(members: Value) -> Value {
    let mut event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/detect", "rawQueryString": "",
        "headers": {"host": "abc.lambda-url.eu-central-1.on.aws", "content-type": "application/octet-stream"},
        "requestContext": {"http": {"method": "POST", "path": "/detect", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}},
        "body": photo(), "isBase64Encoded": true
    });
    event.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    event
}

/// Status, answer, and whether it is base64.
async fn answer(app: &App, event: Value) -> (i64, Vec<u8>, bool) {
    let event: Event = serde_json::from_value(event).unwrap();
    let answer = serde_json::to_value(lambda::answer(app, event, "r1").await).unwrap();
    let (body, encoded) = (answer["body"].as_str().unwrap_or_default(), answer["isBase64Encoded"] == true);
    let body = if encoded { STANDARD.decode(body).unwrap() } else { body.as_bytes().to_vec() };
    (answer["statusCode"].as_i64().unwrap(), body, encoded)
}

#[tokio::test]
async fn events_are_answered() {
    let app = loaded();
    let (status, body, encoded) = answer(&app, event(json!({}))).await;
    let found: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, encoded, found["timings_ms"]["queue"].as_f64()), (200, false, Some(0.0)));
    let (status, body, encoded) =
        answer(&app, event(json!({"rawQueryString": "annotate=true&classes=blue%2Cred"}))).await;
    assert_eq!((status, encoded, &body[..2]), (200, true, &b"\xff\xd8"[..]));
    let text = json!({ "image": photo() }).to_string();
    let members = json!({"body": text, "isBase64Encoded": false, "headers": {"content-type": "application/json"}});
    assert_eq!(answer(&app, event(members)).await.0, 200);
    // Nothing declared, nothing given, and headers that are none.
    for members in [
        json!({"headers": null}),
        json!({"headers": {}}),
        json!({"headers": {"a b": "c", "d": "e\nf", "g": "ü"}}),
        json!({"rawQueryString": null, "cookies": ["a=b"]}),
    ] {
        assert_eq!(answer(&app, event(members.clone())).await.0, 200, "{members}");
    }
    let get =
        json!({"rawPath": "/", "requestContext": {"http": {"method": "GET"}}, "body": null, "isBase64Encoded": false});
    let (status, page, encoded) = answer(&app, event(get)).await;
    assert_eq!((status, encoded), (200, false));
    assert!(page.starts_with(b"<!doctype html>"));
}

#[tokio::test]
async fn odd_events_are_a_callers_error() {
    let app = loaded();
    for (members, code) in [
        (json!({"rawQueryString": "classes=traffic light"}), "invalid_parameter"),
        (json!({"rawQueryString": "classes=\"cat\""}), "invalid_parameter"),
        (json!({"rawQueryString": "confidence=2"}), "invalid_parameter"),
        (json!({"rawPath": "/de tect"}), "invalid_parameter"),
        (json!({"headers": {"host": "no host"}}), "invalid_parameter"),
        (json!({"headers": {"host": "\"x\""}}), "invalid_parameter"),
        (json!({"headers": {"host": "http://x/"}}), "invalid_parameter"),
        (json!({"body": "no base64"}), "invalid_base64"),
        (json!({"body": "YQ"}), "invalid_base64"),
        (json!({"requestContext": {"http": {"method": "PO ST"}}}), "method_not_allowed"),
        (json!({"body": null}), "missing_image"),
    ] {
        let (status, body, _) = answer(&app, event(members.clone())).await;
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert!((400..500).contains(&status), "{members}");
        assert_eq!(problem["code"], code, "{members}");
    }
    // What is no request at all fails as an invocation.
    for other in [json!({}), json!({"Records": []}), json!(7), json!({"rawPath": "/"})] {
        assert!(serde_json::from_value::<Event>(other).is_err());
    }
}

#[tokio::test]
async fn until_the_model_is_loaded_everything_is_told_so() {
    let app = loading();
    for (method, path) in [("GET", "/health"), ("GET", "/model"), ("GET", "/"), ("POST", "/detect")] {
        let request = Request::builder().method(method).uri(path).body(Full::new(Bytes::from_static(b"x"))).unwrap();
        let response = app.handle(request).await;
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
        assert_eq!(serde_json::from_slice::<Value>(response.body()).unwrap()["code"], "loading", "{path}");
    }
    app.load(Instant::now()).unwrap();
    assert_eq!(app.handle(Request::get("/health").body(Full::<Bytes>::default()).unwrap()).await.status(), 200);
}
