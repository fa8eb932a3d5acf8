//! `name value` lines of `uploader bulk --existing`, from an S3 and to a queue in this process that do as little as they can:
//!
//! - `existing/objects_per_core_second`: objects listed and queued in a second of CPU time of the uploader;
//! - `existing/objects_per_second`: the same by the clock, both servers beside it;
//! - `existing/rss_mb`: its peak memory.
//!
//! The median of three runs over 100 000 keys, each with a journal of its own.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/dataset/queue.rs"]
mod queue;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use queue::Queue;
use tokio::net::TcpListener;

const OBJECTS: usize = 100_000;
const FOLDERS: usize = 50;
const RUNS: usize = 3;

fn main() {
    let endpoint = serve();
    let (mut cpu, mut wall, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let queue = Queue::start();
        let run = run(&endpoint, &queue.url);
        let keys = queue.keys();
        assert_eq!((keys.len(), keys.values().max()), (OBJECTS, Some(&1)), "objects were lost or sent twice");
        cpu.push(OBJECTS as f64 / run.0);
        wall.push(OBJECTS as f64 / run.1);
        memory.push(run.2);
    }
    println!("existing/objects_per_core_second {:.0}", median(&mut cpu));
    println!("existing/objects_per_second {:.0}", median(&mut wall));
    println!("existing/rss_mb {:.0}", median(&mut memory));
}

/// CPU time, time by the clock, and peak memory in MB of a run.
fn run(endpoint: &str, queue: &str) -> (f64, f64, f64) {
    let state = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_uploader"))
        .args(["bulk", "--existing", "s3://photos/in/", "--results", "s3://results/out/", "--no-wait", "--quiet"])
        .args(["--queue", queue, "--endpoint-url", endpoint])
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("XDG_STATE_HOME", state.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let process = format!("/proc/{}", child.id());
    let (mut memory, mut cpu) = (0.0, 0.0);
    // What it has used is told until somebody waits for its end.
    loop {
        let stat = std::fs::read_to_string(format!("{process}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        cpu = f64::max(cpu, (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0);
        if fields[0] == "Z" {
            break;
        }
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
        memory = f64::max(memory, peak.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(10));
    }
    let wall = start.elapsed().as_secs_f64();
    assert!(child.wait().unwrap().success());
    (cpu, wall, memory)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// An S3 that knows how to list one bucket; its address.
fn serve() -> String {
    let each = OBJECTS / FOLDERS;
    let keys = (0..FOLDERS).flat_map(|folder| (0..each).map(move |n| format!("in/album-{folder:03}/IMG_{n:06}.jpg")));
    let keys: Arc<Vec<String>> = Arc::new(keys.collect());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let keys = Arc::clone(&keys);
                let service = service_fn(move |request: Request<Incoming>| {
                    let body = page(&keys, request.uri());
                    async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body)))) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
    endpoint
}

fn page(keys: &[String], uri: &hyper::Uri) -> String {
    let (mut after, mut most, none) = (String::new(), 1000, !uri.path().starts_with("/photos"));
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "start-after" => after = value.into_owned(),
            "max-keys" => most = value.parse().unwrap(),
            _ => {}
        }
    }
    let keys = if none { &[][..] } else { &keys[keys.partition_point(|key| *key <= after)..] };
    let mut body = format!("<ListBucketResult><IsTruncated>{}</IsTruncated>", keys.len() > most);
    for key in &keys[..keys.len().min(most)] {
        let _ = write!(
            body,
            "<Contents><Key>{key}</Key><LastModified>2026-11-30T12:00:00.000Z</LastModified>\
             <ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><Size>175000</Size></Contents>"
        );
    }
    body + "</ListBucketResult>"
}

/// A key as it was before it was encoded; these are plain.
fn decoded(key: &str) -> String {
    key.to_owned()
}
