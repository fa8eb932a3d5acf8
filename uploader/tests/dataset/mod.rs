//! A dataset on its way: an S3 server of somebody else's making, a folder of photos, and a script that plays
//! detect-bulk.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

#[path = "../../../functions/bulk/tests/common/s3.rs"]
pub mod s3;

pub mod queue;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{self, err, out, photo, text};
use s3::{KEY, SECRET, Server};

pub const PLACES: [&str; 4] = ["--bucket", "s3://photos-in/set", "--results", "s3://results/run"];

/// A server, a folder of photos, and a folder for journals.
pub struct DatasetFixture {
    pub server: Server,
    pub folder: tempfile::TempDir,
    pub state: tempfile::TempDir,
}

impl DatasetFixture {
    pub fn new() -> Self {
        Self::with_server(Server::start())
    }

    pub fn with_server(server: Server) -> Self {
        Self { server, folder: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
    }

    /// Photos `1.jpg`, `2.jpg`, …, each with a content of its own.
    pub fn photos(self, count: u32) -> Self {
        for number in 1..=count {
            photo(&self.path(&format!("{number}.jpg")), 16 + number, 16);
        }
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &str {
        text(self.folder.path())
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = common::uploader(args);
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
        command.env("XDG_STATE_HOME", self.state.path()).env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
        command.args(["--endpoint-url", &self.server.endpoint()]);
        command
    }

    /// The folder's photos with these options more.
    pub fn bulk(&self, options: &[&str]) -> Command {
        self.command(&[&["bulk", self.folder()], &PLACES[..], options].concat())
    }

    pub fn run(&self, options: &[&str]) -> Output {
        self.bulk(options).output().unwrap()
    }

    /// Keys in the bucket's folder that were stored by requests, and how often.
    pub fn stored(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for path in self.server.stored() {
            *counts.entry(decoded(path.strip_prefix("/photos-in/set/").unwrap())).or_insert(0) += 1;
        }
        counts
    }

    pub fn write_part(&self, name: &str, lines: &[Value]) {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        s3::write(self.server.root(), "results", &format!("run/part-{name}.jsonl"), lines.as_bytes());
    }

    pub fn object(&self, name: &str) -> PathBuf {
        self.server.root().join("photos-in/set").join(name)
    }

    pub fn etag(&self, name: &str) -> String {
        etag(&std::fs::read(self.object(name)).unwrap())
    }
}

pub fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&path[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

pub fn etag(content: &[u8]) -> String {
    use md5::Digest;
    md5::Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// detect-bulk's line for a photo with one cat.
pub fn cat(name: &str, etag: &str) -> Value {
    let mut line = common::cat();
    line["source"] = json!({"bucket": "photos-in", "key": format!("set/{name}"), "etag": etag, "size": 7});
    line["init_ms"] = json!(0.0);
    line
}

pub fn broken(name: &str, etag: &str) -> Value {
    json!({
        "source": {"bucket": "photos-in", "key": format!("set/{name}"), "etag": etag},
        "error": {"code": "undecodable_image", "message": "It ends early."},
        "model": {"name": "yolox-nano", "sha256": "c789"},
    })
}

/// Plays detect-bulk: whatever lands in the bucket is answered with a part of the results.
pub struct Function {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Function {
    /// `answer` gets a photo's name and entity tag, and says the lines of its part; no lines, no part.
    pub fn start(dataset: &DatasetFixture, answer: impl Fn(&str, &str) -> Vec<String> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, root) = (Arc::clone(&stop), dataset.server.root().to_owned());
        let thread = std::thread::spawn(move || {
            let mut seen = HashSet::new();
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                for entry in walkdir::WalkDir::new(root.join("photos-in/set")).into_iter().filter_map(Result::ok) {
                    let Ok(content) = std::fs::read(entry.path()) else { continue };
                    let name =
                        entry.path().strip_prefix(root.join("photos-in/set")).unwrap().to_str().unwrap().to_owned();
                    // s3s writes beside the object, under a hidden name, before it renames.
                    if name.starts_with('.') || !seen.insert((name.clone(), etag(&content))) {
                        continue;
                    }
                    let lines = answer(&name, &etag(&content));
                    if !lines.is_empty() {
                        number += 1;
                        let part = format!("run/part-f{number}.jsonl");
                        s3::write(&root, "results", &part, lines.join("\n").as_bytes());
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, thread: Some(thread) }
    }

    pub fn of_cats(dataset: &DatasetFixture) -> Self {
        Self::start(dataset, |name, etag| vec![cat(name, etag).to_string()])
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

pub fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// File name and error code (`ok` for an answer) of each line, sorted.
pub fn summary(lines: &[Value]) -> Vec<(String, String)> {
    let mut summary: Vec<_> = lines
        .iter()
        .map(|line| {
            let name = Path::new(line["photo"].as_str().unwrap()).file_name().unwrap().to_str().unwrap();
            (name.to_owned(), line["error"]["code"].as_str().unwrap_or("ok").to_owned())
        })
        .collect();
    summary.sort();
    summary
}

pub fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned())).collect()
}

pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} has not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("killed: {}", err(output)))
}
