//! An S3 server of somebody else's making in this process, with faults in front of it, and the function beside it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

pub mod lambda;

use std::collections::HashMap;
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use bytes::Bytes;
use detect_bulk::{App, Deadline, Layout, Patience, Settings, Store, http_client};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const KEY: &str = "test";
pub const SECRET: &str = "test-secret";

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// S3 refuses it, with a status and a code.
    Refused(u16, &'static str),
    /// Half of the body comes, then the connection breaks.
    BrokenOff,
    /// Half of the body comes, then nothing for a while.
    Stalled(Duration),
    /// The answer comes late.
    Late(Duration),
}

type Faults = Arc<dyn Fn(&str, &str, usize) -> Option<Fault> + Send + Sync>;

/// The server. Objects are files: `put` and `read` go around it.
pub struct Server {
    pub address: SocketAddr,
    folder: TempDir,
    seen: Arc<Mutex<HashMap<String, usize>>>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Server {
    pub fn start() -> Self {
        Self::with_faults(|_, _, _| None)
    }

    /// `faults` gets a request's method, its path (`/bucket/key`, percent-encoded), and how many there were of the same
    /// before it.
    pub fn with_faults(faults: impl Fn(&str, &str, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for bucket in ["photos-in", "results"] {
            std::fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (faults, seen): (Faults, _) = (Arc::new(faults), Arc::new(Mutex::new(HashMap::new())));
        let counts = Arc::clone(&seen);
        let accept = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (service, faults, counts) = (service.clone(), Arc::clone(&faults), Arc::clone(&counts));
                let service = service_fn(move |request: Request<Incoming>| {
                    let name = format!("{} {}", request.method(), request.uri().path());
                    let mut counts = counts.lock().unwrap();
                    let count = counts.entry(name).or_insert(0);
                    *count += 1;
                    let fault = faults(request.method().as_str(), request.uri().path(), *count - 1);
                    answer(service.clone(), request, fault)
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        };
        // A thread and a runtime of its own, as a server in another process would have; it ends with its owner.
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { address, folder, seen, _stop: stop }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests there were, by method and path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.seen.lock().unwrap().get(&format!("{method} {path}")).copied().unwrap_or(0)
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.folder.path().join("photos-in").join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// An object of the results.
    pub fn read(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join("results").join(key)).ok()
    }

    /// All files below a folder of the results.
    pub fn results(&self, folder: &str) -> Vec<PathBuf> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("results").join(folder)) else { return Vec::new() };
        files.map(|file| file.unwrap().path()).collect()
    }

    /// The lines of an invocation's part; none where it was not stored.
    pub fn lines(&self, request_id: &str) -> Vec<Value> {
        let part = self.read(&format!("run/part-{request_id}.jsonl")).unwrap_or_default();
        String::from_utf8(part).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

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
        App::load(settings, Store::new(self.config(), PATIENCE), Instant::now()).await.unwrap()
    }
}

pub const PATIENCE: Patience = Patience {
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

async fn answer(
    service: S3Service,
    request: Request<Incoming>,
    fault: Option<Fault>,
) -> Result<Response<Body>, s3s::HttpError> {
    match fault {
        Some(Fault::Refused(status, code)) => {
            // As S3 does, take what was sent, so that the connection stays usable.
            let _ = request.into_body().collect().await;
            let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
            return Ok(Response::builder().status(status).body(Body::from(body)).unwrap());
        }
        Some(Fault::Late(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    let (head, body) = service.call(request.map(Body::from)).await?.into_parts();
    let pause = match fault {
        Some(Fault::BrokenOff) => None,
        Some(Fault::Stalled(time)) => Some(time),
        _ => return Ok(Response::from_parts(head, body)),
    };
    let whole = body.collect().await.unwrap().to_bytes();
    let (first, second) = (whole.slice(..whole.len() / 2), whole.slice(whole.len() / 2..));
    let frames = stream::unfold(0, move |step| {
        let (first, second) = (first.clone(), second.clone());
        async move {
            match step {
                0 => Some((Ok(Frame::data(first)), 1)),
                1 => {
                    // Time enough for the first half to leave.
                    tokio::time::sleep(pause.unwrap_or(Duration::from_millis(50))).await;
                    let second: std::io::Result<Bytes> =
                        if pause.is_some() { Ok(second) } else { Err(std::io::Error::other("broken off")) };
                    Some((second.map(Frame::data), 2))
                }
                _ => None,
            }
        }
    });
    Ok(Response::from_parts(head, Body::http_body_unsync(StreamBody::new(frames))))
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

/// The test assets; a machine without them skips, but not in CI.
pub fn assets() -> Option<PathBuf> {
    let root = std::env::var_os("SPOTTER_ASSETS").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/assets"));
    if root.is_dir() {
        return Some(root);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and CI must have it", root.display());
    eprintln!("SKIPPED: {} is missing (set SPOTTER_ASSETS to the test assets)", root.display());
    None
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
