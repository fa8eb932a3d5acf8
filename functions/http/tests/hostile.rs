//! Hostile photos and requests through the real function, in process: every answer is 200 or a defined error, nothing
//! takes long or much memory, nothing kills it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../tests/assets.rs"]
mod assets;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assets::asset;
use bytes::Bytes;
use detect_http::{App, AppOptions, Platform};
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use wire::{Problem, Settings};

/// The longest one photo may take. Generous for a shared machine; a decoder that loops takes minutes.
const LONGEST: Duration = Duration::from_secs(10);
const MOST_MEMORY_MB: u64 = 400;

fn app() -> App {
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox");
    let settings = Settings { model: Some(graph.display().to_string()), ..Settings::from_env().unwrap() };
    let app = App::new(
        settings,
        AppOptions { platform: Platform::Lambda, sessions: 1, threads: 1, queue: 0, token: None, metrics: None },
    );
    app.load(Instant::now()).unwrap();
    app
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn post(path: &str, content_type: Option<&str>, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method("POST").uri(format!("http://localhost{path}"));
    if let Some(content_type) = content_type {
        builder = builder.header("content-type", content_type);
    }
    builder.body(Full::new(body.into())).unwrap()
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

/// Peak resident memory of this process in MB.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Asserts a defined answer and says its status.
fn assert_defined(name: &str, response: &Response<Bytes>) -> u16 {
    let status = response.status().as_u16();
    if status == 200 {
        let answer: Value = serde_json::from_str(&text(response)).unwrap();
        assert!(answer["detections"].is_array() || answer["results"].is_array(), "{name}: {answer}");
    } else {
        let problem: Problem = serde_json::from_str(&text(response)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((problem.status, problem.code.status()), (status, status), "{name}");
        assert!((400..500).contains(&status), "{name}: {problem:?}");
        assert!(problem.detail.len() > 10 && !problem.detail.contains("panicked"), "{name}: {}", problem.detail);
        assert_eq!(response.headers()["content-type"], Problem::MEDIA_TYPE, "{name}");
    }
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_photo_gets_a_defined_answer_in_time_and_memory() {
    let Some(assets) = asset("") else { return };
    let app = app();
    let mut statuses = std::collections::BTreeMap::new();
    for file in
        ["jpeg", "png", "pngsuite", "exif"].iter().flat_map(|folder| files(&assets.join("hostile").join(folder)))
    {
        let name = file.display().to_string();
        let start = Instant::now();
        let response = app.handle(post("/detect", Some("image/jpeg"), std::fs::read(&file).unwrap())).await;
        let took = start.elapsed();
        assert!(took < LONGEST, "{name} took {took:?}");
        *statuses.entry(assert_defined(&name, &response)).or_insert(0) += 1;
        // PngSuite's files that begin with x are broken on purpose.
        let broken = file.parent().unwrap().ends_with("pngsuite")
            && file.file_name().unwrap().to_str().unwrap().starts_with('x');
        assert!(!broken || response.status() != 200, "{name} is broken and was accepted");
    }
    println!("hostile photos by status: {statuses:?}, peak memory {} MB", peak_mb());
    assert!(statuses.values().sum::<i32>() > 100 && statuses[&200] > 50, "{statuses:?}");
    assert!(peak_mb() < MOST_MEMORY_MB, "{} MB", peak_mb());
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_get_their_code() {
    let app = app();
    let photo = photo();
    let many = |count: usize| json!({ "images": vec![photo.as_str(); count] }).to_string();
    let six_megabytes = format!(r#"{{"image": "{}"}}"#, "A".repeat(6 << 20));
    let cases: Vec<(&str, Option<&str>, String, &str)> = vec![
        ("empty", Some("application/json"), String::new(), "missing_image"),
        ("no body, no type", None, String::new(), "missing_image"),
        ("not JSON", Some("application/json"), "{\"image\":".into(), "invalid_json"),
        ("JSON of another shape", Some("application/json"), "[[[[1]]]]".into(), "invalid_json"),
        ("deep JSON", Some("application/json"), "[".repeat(100_000), "invalid_json"),
        ("no image", Some("application/json"), "{}".into(), "missing_image"),
        ("image of a wrong type", Some("application/json"), r#"{"image": {"a": 1}}"#.into(), "invalid_parameter"),
        (
            "a URL as image",
            Some("application/json"),
            r#"{"image": "http://169.254.169.254/"}"#.into(),
            "invalid_base64",
        ),
        ("wrong base64", Some("application/json"), r#"{"image": "***"}"#.into(), "invalid_base64"),
        ("base64 of no photo", Some("application/json"), r#"{"image": "aGVsbG8="}"#.into(), "unsupported_image"),
        ("6 MB of A", Some("application/json"), six_megabytes, "unsupported_image"),
        ("65 images", Some("application/json"), many(65), "invalid_parameter"),
        (
            "wrong option",
            Some("application/json"),
            format!(r#"{{"image": "{photo}", "iou": "x"}}"#),
            "invalid_parameter",
        ),
        (
            "unknown label",
            Some("application/json"),
            format!(r#"{{"image": "{photo}", "classes": ["unicorn"]}}"#),
            "invalid_parameter",
        ),
        ("text", Some("text/plain"), "hello".into(), "unsupported_media_type"),
        ("form", Some("application/x-www-form-urlencoded"), "a=b".into(), "unsupported_media_type"),
        ("multipart without boundary", Some("multipart/form-data"), "x".into(), "invalid_parameter"),
        (
            "multipart cut off",
            Some("multipart/form-data; boundary=b"),
            "--b\r\nContent-Disp".into(),
            "invalid_parameter",
        ),
        ("multipart without file", Some("multipart/form-data; boundary=b"), "--b--\r\n".into(), "missing_image"),
        ("no photo", Some("image/jpeg"), "hello".into(), "unsupported_image"),
        ("a JPEG's first bytes", Some("image/jpeg"), "\u{0}".into(), "unsupported_image"),
    ];
    for (name, content_type, body, code) in cases {
        let response = app.handle(post("/detect", content_type, body)).await;
        assert_defined(name, &response);
        let problem: Value = serde_json::from_str(&text(&response)).unwrap();
        assert_eq!(problem["code"], code, "{name}: {problem}");
    }
    let response = app.handle(post("/detect", Some("application/json"), many(64))).await;
    assert_eq!(assert_defined("64 images", &response), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_photo_spoils_no_neighbour() {
    let app = app();
    let photo = photo();
    let body = json!({ "images": [photo, "***", 7, "aGVsbG8=", photo] }).to_string();
    let response = app.handle(post("/detect", Some("application/json"), body)).await;
    let answer: Value = serde_json::from_str(&text(&response)).unwrap();
    let codes: Vec<&str> =
        answer["results"].as_array().unwrap().iter().map(|r| r["error"]["code"].as_str().unwrap_or("ok")).collect();
    assert_eq!(codes, ["ok", "invalid_base64", "invalid_parameter", "unsupported_image", "ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods() {
    let app = app();
    for (method, path, status) in [
        ("GET", "/", 200),
        ("GET", "/health", 200),
        ("GET", "/model", 200),
        ("GET", "/detect", 405),
        ("DELETE", "/model", 405),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/api/other", 404),
    ] {
        let request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        let response = app.handle(request.body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers().contains_key("allow"), status == 405, "{method} {path}");
        assert_eq!(response.headers()["x-cold-start"], "false");
    }
    let first = app.handle(post("/", Some("application/octet-stream"), webp())).await;
    let second = app.handle(post("/", None, webp())).await;
    assert_eq!(
        (&first.headers()["x-cold-start"], &second.headers()["x-cold-start"]),
        (&"true".parse().unwrap(), &"false".parse().unwrap())
    );
    assert!(second.headers()["server-timing"].to_str().unwrap().starts_with("queue;dur=0, decode;dur="));
}

fn webp() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detector/tests/photos/lossy.webp")).unwrap()
}

fn photo() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(webp())
}
