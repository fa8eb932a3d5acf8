//! The service in process, through both of its entry points: a request as the server hands it on, and a Lambda event.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

#[path = "../../../../tests/assets.rs"]
mod assets;

use std::path::Path;
use std::time::Instant;

use assets::asset;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use detect_http::lambda::{self, Event};
use detect_http::{App, AppOptions, Platform};
use http::{HeaderMap, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use wire::{Problem, Settings};

/// The entry point that a request takes.
#[derive(Debug, Clone, Copy)]
pub enum EntryPoint {
    Plain,
    Event,
}

pub const ENTRY_POINTS: [EntryPoint; 2] = [EntryPoint::Plain, EntryPoint::Event];

/// An answer, whichever entry point it came through.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// What was found.
    pub fn detections(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()["detections"].clone()
    }

    /// The problem's code; asserts that it is a whole problem document.
    pub fn code(&self) -> String {
        let problem: Problem = serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        assert_eq!((problem.status, problem.code.status()), (self.status, self.status));
        assert_eq!(self.headers["content-type"], Problem::MEDIA_TYPE);
        problem.code.to_string()
    }
}

/// The service with the yolox fixture, and with a photo's bound where one is given.
pub fn app(max_image_bytes: Option<usize>) -> App {
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox");
    let mut settings = Settings { model: Some(graph.display().to_string()), ..Settings::from_env().unwrap() };
    settings.limits.max_bytes = max_image_bytes.unwrap_or(settings.limits.max_bytes);
    let options =
        AppOptions { platform: Platform::Server, sessions: 2, threads: 1, queue: 64, token: None, metrics: None };
    let app = App::new(settings, options);
    app.load(Instant::now()).unwrap();
    app
}

/// Posts a body.
pub async fn post(app: &App, entry_point: EntryPoint, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    match entry_point {
        EntryPoint::Plain => {
            let mut request = Request::post(format!("http://localhost{path}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = app.handle(request.body(Full::new(Bytes::copy_from_slice(body))).unwrap()).await;
            let (head, body) = response.into_parts();
            Answer { status: head.status.as_u16(), headers: head.headers, body: body.into() }
        }
        EntryPoint::Event => {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let headers: std::collections::HashMap<_, _> = headers.iter().copied().collect();
            let event = json!({
                "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
                "requestContext": {"http": {"method": "POST"}}, "body": STANDARD.encode(body), "isBase64Encoded": true
            });
            let event: Event = serde_json::from_value(event).unwrap();
            let answer = lambda::answer(app, event, "r1").await;
            let text = serde_json::to_value(&answer).unwrap()["body"].as_str().unwrap_or_default().to_owned();
            let body = if answer.is_base64_encoded { STANDARD.decode(text).unwrap() } else { text.into_bytes() };
            Answer { status: u16::try_from(answer.status_code).unwrap(), headers: answer.headers, body }
        }
    }
}

/// A small photo.
pub fn photo() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detector/tests/photos/lossy.webp")).unwrap()
}

/// A case of the assets, which are not part of the tree: `None` where they are missing, which in CI they may not be.
pub fn case(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(asset("")?.join("cases/http").join(name)).unwrap())
}

/// A form of these parts: the headers beside `form-data`, and the content.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--x7x\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x7x--\r\n");
    body
}

/// The type of [`form`].
pub const FORM: &str = "multipart/form-data; boundary=x7x";
