//! An S3 server of somebody else's making in this process, with faults in front of it. The uploader's tests share it.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
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
use serde_json::Value;
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

/// What the server has done so far.
#[derive(Default)]
struct Log {
    /// How many requests there were, by method and path.
    seen: HashMap<String, usize>,
    /// Paths of the objects that were stored, once for each time.
    stored: Vec<String>,
    under_way: usize,
}

/// The server. Objects are files: `put` and `read` go around it.
pub struct Server {
    pub address: SocketAddr,
    folder: TempDir,
    log: Arc<Mutex<Log>>,
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
        let (faults, log): (Faults, Arc<Mutex<Log>>) = (Arc::new(faults), Arc::default());
        let shared = Arc::clone(&log);
        let accept = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (service, faults, log) = (service.clone(), Arc::clone(&faults), Arc::clone(&shared));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (service, faults, log) = (service.clone(), Arc::clone(&faults), Arc::clone(&log));
                    // As with any server, what was sent whole is done, whether or not the caller still lives.
                    let work = tokio::spawn(async move { serve(service, request, &faults, &log).await });
                    async move { work.await.unwrap() }
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
        Self { address, folder, log, _stop: stop }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests there were, by method and path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.log.lock().unwrap().seen.get(&format!("{method} {path}")).copied().unwrap_or(0)
    }

    /// How many requests of this method there were.
    pub fn count_all(&self, method: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.seen.iter().filter(|(name, _)| name.starts_with(method)).map(|(_, count)| count).sum()
    }

    /// Paths (`/bucket/key`, percent-encoded) of the objects that were stored by requests, once for each time.
    pub fn stored(&self) -> Vec<String> {
        self.log.lock().unwrap().stored.clone()
    }

    /// How many requests are being worked on.
    pub fn under_way(&self) -> usize {
        self.log.lock().unwrap().under_way
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        write(self.folder.path(), "photos-in", key, bytes);
    }

    /// Where objects are files: `bucket/key`.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// An object of the results.
    pub fn read(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join("results").join(key)).ok()
    }

    /// The key of a result that was stored today, or a moment before midnight; none where it was not stored.
    pub fn dated(&self, name: &str) -> Option<String> {
        let day = std::time::Duration::from_secs(24 * 3600);
        let now = std::time::SystemTime::now();
        let keys = [now, now - day]
            .map(|time| format!("run/{}{name}", wire::partition::folder_of(&wire::partition::date_of(time))));
        keys.into_iter().find(|key| self.folder.path().join("results").join(key).exists())
    }

    /// All files of the results.
    pub fn results(&self) -> Vec<PathBuf> {
        let files = walkdir::WalkDir::new(self.folder.path().join("results")).into_iter().map(Result::unwrap);
        files.filter(|file| file.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
    }

    /// The lines of an invocation's part; none where it was not stored.
    pub fn lines(&self, request_id: &str) -> Vec<Value> {
        let part = self.dated(&format!("part-{request_id}.jsonl")).and_then(|key| self.read(&key)).unwrap_or_default();
        String::from_utf8(part).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Puts an object into a bucket, all of it at once.
pub fn write(root: &Path, bucket: &str, key: &str, bytes: &[u8]) {
    let path = root.join(bucket).join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let part = tempfile::NamedTempFile::new_in(root).unwrap();
    std::fs::write(part.path(), bytes).unwrap();
    part.persist(path).unwrap();
}

async fn serve(
    service: S3Service,
    request: Request<Incoming>,
    faults: &Faults,
    log: &Mutex<Log>,
) -> Result<Response<Body>, s3s::HttpError> {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let before = {
        let mut log = log.lock().unwrap();
        log.under_way += 1;
        let count = log.seen.entry(format!("{method} {path}")).or_insert(0);
        *count += 1;
        *count - 1
    };
    let answered = answer(service, request, faults(&method, &path, before)).await;
    let mut log = log.lock().unwrap();
    log.under_way -= 1;
    if method == "PUT" && answered.as_ref().is_ok_and(|response| response.status().is_success()) {
        log.stored.push(path);
    }
    answered
}

async fn answer(
    service: S3Service,
    request: Request<Incoming>,
    fault: Option<Fault>,
) -> Result<Response<Body>, s3s::HttpError> {
    if let Some(Fault::Refused(status, code)) = fault {
        // As S3 does, take what was sent, so that the connection stays usable.
        let _ = request.into_body().collect().await;
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>No.</Message></Error>");
        return Ok(Response::builder().status(status).body(Body::from(body)).unwrap());
    }
    let request = if let Some(Fault::Late(time)) = fault {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return Ok(Response::builder().status(400).body(Body::empty()).unwrap());
        };
        tokio::time::sleep(time).await;
        Request::from_parts(head, Body::from(body.to_bytes()))
    } else {
        request.map(Body::from)
    };
    let (head, body) = service.call(request).await?.into_parts();
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
