//! An S3 server of somebody else's making in this process, with faults in front of it, and the function beside it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

#[path = "../../../../tests/assets.rs"]
mod assets;
pub mod lambda;
mod s3;

use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use detect_bulk::{App, Deadline, Layout, RetryPolicy, Settings, Store, http_client};
use serde_json::{Value, json};

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use assets::asset;
#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use s3::{Fault, KEY, SECRET, Server};

impl Server {
    pub fn config(&self) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new(KEY, SECRET, None, None, "tests"))
            .endpoint_url(self.endpoint())
            .force_path_style(true)
            .http_client(http_client())
    }

    /// The function, configured by `change`.
    pub async fn app(&self, change: impl FnOnce(&mut Settings)) -> App {
        let mut settings = settings();
        change(&mut settings);
        App::load(settings, Store::new(self.config(), PATIENCE), None, Instant::now()).await.unwrap()
    }
}

pub const PATIENCE: RetryPolicy = RetryPolicy {
    connect: Duration::from_secs(2),
    answer: Duration::from_secs(5),
    stall: Duration::from_millis(400),
    tries: 3,
    pause: Duration::from_millis(10),
};

pub fn settings() -> Settings {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox");
    let function = wire::Settings::from_env().unwrap();
    Settings {
        function: wire::Settings { model: Some(model.display().to_string()), threads: 2, ..function },
        results: "s3://results/run".parse().unwrap(),
        input: None,
        layout: Layout::Part,
        annotate: false,
    }
}

/// A photo with a red square on grey.
pub fn photo(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        let inside = (width / 4..width / 2).contains(&x) && (height / 4..height / 2).contains(&y);
        if inside { image::Rgb([220, 30, 30]) } else { image::Rgb([(x % 200) as u8, (y % 200) as u8, 120]) }
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn jpeg() -> Vec<u8> {
    photo(160, 120, image::ImageFormat::Jpeg)
}

/// An SQS event: a message per key, whose id is the key. Keys are form-encoded by the caller.
pub fn sqs(keys: &[&str]) -> Value {
    let records: Vec<Value> = keys
        .iter()
        .map(|key| {
            let body = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "photos-in"}, "object": {"key": key}}}]});
            json!({"messageId": key, "body": body.to_string(), "eventSource": "aws:sqs"})
        })
        .collect();
    json!({ "Records": records })
}

/// Runs an SQS event, and says which messages are handed back.
pub async fn handed_back(app: &App, keys: &[&str], request_id: &str) -> Vec<String> {
    failures(&app.handle(sqs(keys), request_id, Deadline::UNKNOWN).await.unwrap())
}

/// The messages that an answer hands back.
pub fn failures(answer: &Value) -> Vec<String> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
}

/// Key and error code (`ok` for an answer) of each line, sorted.
pub fn summary(lines: &[Value]) -> Vec<(String, String)> {
    let mut summary: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            assert!(line["detections"].is_array() != line["error"].is_object(), "{line}");
            let code = line["error"]["code"].as_str().unwrap_or("ok");
            (line["source"]["key"].as_str().unwrap().to_owned(), code.to_owned())
        })
        .collect();
    summary.sort();
    summary
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    pairs.sort();
    pairs
}

/// Peak resident memory in MB of a process, by its id or `self`.
pub fn peak_mb(process: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// CPU time that a process, by its id or `self`, has used so far.
pub fn cpu_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime and stime, in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
