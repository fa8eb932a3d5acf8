//! A small server that plays the function, and ways to run the uploader against it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

pub mod authority;
pub mod comparison;
pub mod proxy;
pub mod relay;
pub mod signature;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: HashMap<String, String>,
    pub body: Bytes,
    pub at: Instant,
}

/// What the server answers.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub after: Duration,
    /// Close the connection afterwards without having said so.
    pub hang_up: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), after: Duration::ZERO, hang_up: false }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string())
    }

    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn hang_up(self) -> Self {
        Self { hang_up: true, ..self }
    }
}

/// The answer for a photo of 640 x 480 with one cat.
pub fn cat() -> Value {
    json!({
        "image": {"width": 640, "height": 480},
        "detections": [{"label": "cat", "class_id": 15, "score": 0.91, "box": [64.0, 48.0, 320.0, 240.0]}],
        "model": {"name": "yolox-nano", "sha256": "c789"},
        "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
        "timings_ms": {"decode": 1.0, "preprocess": 0.5, "inference": 7.0, "postprocess": 0.5, "total": 9.0},
        "cold_start": false,
        "init_ms": 61.0
    })
}

/// A server on a free port of this machine.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Answers every request with what `reply` makes of it and of its number, counted from 0; but not those that come before
    /// the first photo, which are answered as a function answers them.
    pub fn start(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::begin(reply, of_checks)
    }

    /// The same with all requests.
    pub fn of_everything(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::begin(reply, |_| None)
    }

    fn begin(reply: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static, apart: fn(&Seen) -> Option<Reply>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let reply = Arc::new(reply);
        let (count, log) = (Arc::clone(&connections), Arc::clone(&seen));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (reply, log, count) = (Arc::clone(&reply), Arc::clone(&log), Arc::clone(&count));
                tokio::spawn(async move {
                    // Those that are only asked whether anybody is there do not count.
                    let fresh = Arc::new(AtomicBool::new(true));
                    let hang_up = Arc::new(tokio::sync::Notify::new());
                    let end = Arc::clone(&hang_up);
                    let service = service_fn(move |request| {
                        let (reply, log, end) = (Arc::clone(&reply), Arc::clone(&log), Arc::clone(&end));
                        let (fresh, count) = (Arc::clone(&fresh), Arc::clone(&count));
                        async move {
                            let seen = read(request).await;
                            if let Some(said) = apart(&seen) {
                                return Ok(response(said));
                            }
                            if fresh.swap(false, Ordering::SeqCst) {
                                count.fetch_add(1, Ordering::SeqCst);
                            }
                            answer(seen, reply, log, end).await
                        }
                    });
                    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        _ = connection => {}
                        // Time enough for the answer to leave.
                        () = async { hang_up.notified().await; tokio::time::sleep(Duration::from_millis(30)).await } => {}
                    }
                });
            }
        });
        Self { address, connections, seen, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// What is answered before photos come: whether there is a function, and whether it takes the options.
fn of_checks(seen: &Seen) -> Option<Reply> {
    let path = seen.target.split('?').next().unwrap_or_default();
    match seen.method.as_str() {
        "GET" if path.ends_with("/health") => Some(Reply::json(200, &json!({"status": "ok"}))),
        "POST" if path.ends_with("/detect") && seen.body.is_empty() => {
            Some(Reply::json(400, &json!({"code": "missing_image", "detail": "The body is empty. Send a photo."})))
        }
        _ => None,
    }
}

async fn read(request: Request<Incoming>) -> Seen {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()));
    Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers.collect(),
        body: body.collect().await.map(|body| body.to_bytes()).unwrap_or_default(),
        at: Instant::now(),
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(reply.body)).unwrap()
}

async fn answer(
    seen: Seen,
    reply: Arc<impl Fn(&Seen, usize) -> Reply>,
    log: Arc<Mutex<Vec<Seen>>>,
    hang_up: Arc<tokio::sync::Notify>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len() - 1
    };
    let reply = reply(&seen, number);
    tokio::time::sleep(reply.after).await;
    if reply.hang_up {
        hang_up.notify_one();
    }
    Ok(response(reply))
}

/// What somebody may have set on this machine.
const SETTINGS: [&str; 21] = [
    "MODEL",
    "MODEL_DIR",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
    "API_TOKEN",
];

/// The uploader, in an environment that finds nothing of this machine's.
pub fn uploader(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uploader"));
    isolate(&mut command, args);
    command
}

fn isolate(command: &mut Command, args: &[&str]) {
    command.args(args);
    for name in SETTINGS {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("AWS_CONFIG_FILE", "/nonexistent").env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
}

pub fn run(args: &[&str]) -> Output {
    uploader(args).output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder of photos `1.jpg`, `2.jpg`, ….
pub fn photos(count: usize, width: u32, height: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=count {
        photo(&folder.path().join(format!("{number}.jpg")), width, height);
    }
    folder
}

pub fn photo(path: &Path, width: u32, height: u32) -> PathBuf {
    let image = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 77]));
    image.save(path).unwrap();
    path.to_owned()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The uploader, run by an ordinary user: root can read everything, closed or not. Whatever it is to see has to be open to
/// others; `folder` is opened, and gets a copy of the program, which may lie where only root goes.
#[cfg(unix)]
pub fn as_ordinary_user(folder: &Path, args: &[&str]) -> Command {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder, open).unwrap();
    let program = folder.join("uploader");
    if !program.exists() {
        // By another process: one that other tests start meanwhile would inherit our half-written copy, and keep it busy.
        let source = env!("CARGO_BIN_EXE_uploader");
        assert!(Command::new("install").args(["-m", "755", source]).arg(&program).status().unwrap().success());
    }
    let mut command = Command::new(program);
    isolate(&mut command, args);
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Sends a signal by its name.
pub fn signal(name: &str, pid: u32) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
}

/// What comes about, soon.
pub fn within<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The lines of `--format jsonl`.
pub fn json_lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// File name and error code (`ok` for an answer) of each line, sorted.
pub fn codes(lines: &[Value]) -> Vec<(String, String)> {
    let mut codes: Vec<_> = lines
        .iter()
        .map(|line| {
            let name = Path::new(line["photo"].as_str().unwrap()).file_name().unwrap().to_str().unwrap();
            (name.to_owned(), line["error"]["code"].as_str().unwrap_or("ok").to_owned())
        })
        .collect();
    codes.sort();
    codes
}
