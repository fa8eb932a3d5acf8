//! A comparison as a test sees it: two servers that play the function, a folder of photos, and the JSON report.

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::relay::{LinkShape, Relay};
use super::{Reply, Seen, Server, cat, err, out, photo, run, text};

pub const DELAY: Duration = Duration::from_millis(60);

/// A function: its health, its model, and cats.
pub fn function() -> Server {
    function_that(|_, _| Reply::json(200, &cat()))
}

/// A function that answers photos, counted from 0, in its own way.
pub fn function_that(say: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Server {
    let photos = AtomicUsize::new(0);
    Server::start(move |seen, _| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/model") => Reply::json(200, &json!({"name": "yolox-nano", "input_size": [40, 32]})),
        ("GET", _) => Reply::json(200, &json!({"status": "ok"})),
        _ => say(seen, photos.fetch_add(1, Ordering::SeqCst)),
    })
}

pub fn far_away(server: &Server) -> Relay {
    Relay::start(server.address, LinkShape { round_trip: DELAY, bytes_per_second: None })
}

/// Photos `1.jpg`, …, each larger than the one before.
pub fn photos(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=count {
        photo(&folder.path().join(format!("{number}.jpg")), 40 + 8 * number, 32);
    }
    folder
}

/// Photos that reached a server, in the order in which they came.
pub fn received(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

pub struct Run {
    pub output: Output,
    pub report: Value,
}

/// Compares `here` with `there`, and reads the JSON report.
pub fn compare(folder: &Path, here: &str, there: &str, more: &[&str]) -> Run {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let (here, there) = (format!("here={here}"), format!("there={there}"));
    let mut args = vec!["compare", text(folder), "--url", &here, "--url", &there, "--report", text(file.path())];
    args.extend(more);
    let output = run(&args);
    let report = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap_or_default();
    Run { output, report }
}

impl Run {
    pub fn ends_with(&self, code: i32) {
        assert_eq!(self.output.status.code(), Some(code), "{}{}", out(&self.output), err(&self.output));
    }

    /// What the verdict says on a topic.
    pub fn told(&self, topic: &str) -> String {
        let findings = self.report["verdict"].as_array().unwrap_or_else(|| panic!("{}", err(&self.output)));
        let found = findings.iter().filter(|finding| finding["topic"] == topic);
        let told: Vec<&str> = found.map(|finding| finding["text"].as_str().unwrap()).collect();
        assert!(!told.is_empty(), "nothing on {topic} in {findings:?}");
        told.join("\n")
    }

    pub fn samples(&self, target: &str) -> Vec<&Value> {
        self.report["samples"].as_array().unwrap().iter().filter(|sample| sample["target"] == target).collect()
    }
}

pub const PLAIN: [&str; 4] = ["--warmup", "0", "--ladder", "0"];
