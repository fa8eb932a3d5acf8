//! `detect-bulk` as Lambda runs it: a process that asks a runtime API for events.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{KEY, SECRET, Server, assets, cpu_seconds, failures, jpeg, pairs, peak_mb, photo, sqs, summary};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const MOST_MEMORY_MB: u64 = 400;

/// The function's process, and the runtime API it asks.
struct Lambda {
    child: Child,
    events: UnboundedSender<Value>,
    answers: mpsc::Receiver<(bool, Value)>,
}

impl Lambda {
    fn start(server: &Server, variables: &[(&str, &str)]) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, waiting) = unbounded_channel();
        let (said, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, Arc::new(Mutex::new(waiting)), said));
        });
        let child = function(server, &address, variables).spawn().unwrap();
        Self { child, events, answers }
    }

    /// An event's answer.
    fn invoke(&self, event: Value) -> Value {
        self.events.send(event).unwrap();
        let (good, answer) = self.answers.recv_timeout(Duration::from_secs(120)).unwrap();
        assert!(good, "{answer}");
        answer
    }

    /// Peak resident memory in MB, and seconds of CPU time used.
    fn costs(&self) -> (u64, f64) {
        let process = self.child.id().to_string();
        (peak_mb(&process), cpu_seconds(&process))
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn function(server: &Server, runtime_api: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detect-bulk"));
    let model = common::settings().function.model.unwrap();
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "INPUT_URI", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "detect-bulk")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "")
        .env("AWS_LAMBDA_LOG_LEVEL", "error")
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL_S3", server.endpoint())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("RESULTS_URI", "s3://results/run")
        .env("MODEL", model)
        .envs(variables.iter().copied());
    command
}

async fn serve(
    listener: std::net::TcpListener,
    events: Arc<Mutex<UnboundedReceiver<Value>>>,
    said: mpsc::Sender<(bool, Value)>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let (events, said) = (Arc::clone(&events), said.clone());
        let service = service_fn(move |request| runtime_api(request, Arc::clone(&events), said.clone()));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn runtime_api(
    request: Request<Incoming>,
    events: Arc<Mutex<UnboundedReceiver<Value>>>,
    said: mpsc::Sender<(bool, Value)>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if request.uri().path().ends_with("/invocation/next") {
        let Some(event) = events.lock().await.recv().await else { std::future::pending().await };
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "r1")
            // As the emulator has it: 1970.
            .header("lambda-runtime-deadline-ms", "600000")
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:123456789012:function:detect-bulk",
            );
        return Ok(response.body(Full::from(event.to_string())).unwrap());
    }
    let good = request.uri().path().ends_with("/response");
    let body = request.into_body().collect().await?.to_bytes();
    said.send((good, serde_json::from_slice(&body).unwrap_or_default())).unwrap();
    Ok(Response::builder().status(202).body(Full::default()).unwrap())
}

#[test]
fn it_serves_events_within_its_memory() {
    let server = Server::start();
    let small = match assets() {
        Some(assets) => std::fs::read_dir(assets.join("photos/small"))
            .unwrap()
            .take(70)
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect(),
        None => vec![jpeg(); 70],
    };
    let mut keys: Vec<String> = (0..100).map(|number| format!("{number}.jpg")).collect();
    for (key, bytes) in keys.iter().zip(&small) {
        server.put(key, bytes);
    }
    // Twelve megapixels: a camera's JPEG, and a PNG that has no quick way to fewer pixels.
    let jpeg = photo(4000, 3000, image::ImageFormat::Jpeg);
    let png = photo(4000, 3000, image::ImageFormat::Png);
    for (number, key) in keys.iter().enumerate().skip(70) {
        server.put(key, if number % 5 == 0 { &png } else { &jpeg });
    }
    let lambda = Lambda::start(&server, &[]);
    let started = Instant::now();
    // An unreadable event is an error, and the next one is served all the same.
    lambda.events.send(serde_json::json!({"hello": 1})).unwrap();
    let (good, error) = lambda.answers.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(!good && error["errorType"] == "HandedBack", "{error}");
    println!("ready and answering after {:?}", started.elapsed());
    keys.push("gone.jpg".to_owned());
    let event = sqs(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    for round in 0..2 {
        let (_, before) = lambda.costs();
        let start = Instant::now();
        assert_eq!(failures(&lambda.invoke(event.clone())), [""; 0]);
        let (peak, cpu) = lambda.costs();
        println!(
            "round {round}: {} photos in {:?}, {:.2} ms of CPU each, peak memory {peak} MB",
            keys.len(),
            start.elapsed(),
            (cpu - before) * 1e3 / keys.len() as f64
        );
        assert!(peak <= MOST_MEMORY_MB, "{peak} MB");
        let expected: Vec<_> =
            keys.iter().map(|key| (key.as_str(), if key == "gone.jpg" { "not_found" } else { "ok" })).collect();
        assert_eq!(summary(&server.lines("r1")), pairs(&expected));
    }
}

#[test]
fn it_refuses_to_start_where_results_would_be_lost_or_endless() {
    let server = Server::start();
    for (variables, said) in [
        ([("RESULTS_URI", ""), ("INPUT_URI", "")], "RESULTS_URI is missing"),
        ([("RESULTS_URI", "results"), ("INPUT_URI", "")], "s3://bucket/prefix"),
        ([("RESULTS_URI", "s3://photos-in/out"), ("INPUT_URI", "s3://photos-in")], "listens"),
    ] {
        let output = function(&server, "127.0.0.1:9", &variables).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(said), "{variables:?}: {text}");
    }
}

/// Section 4 of the design; a figure means something only where nothing else runs:
/// `cargo test --release -p detect-bulk --test binary -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn measure() {
    let assets = assets().unwrap();
    let photos: Vec<(String, Vec<u8>)> = std::fs::read_dir(assets.join("photos/small"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap()))
        .collect();
    let count = photos.len() as f64;
    let server = Server::start();
    for (key, bytes) in &photos {
        server.put(key, bytes);
    }
    let event = sqs(&photos.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
    let model = assets.join("models/yolox_nano.onnx").display().to_string();
    let settings = wire::Settings { model: Some(model.clone()), ..common::settings().function };
    let detector = settings.load(1, 1).unwrap();
    let thresholds = settings.thresholds(&detector);
    let mut ideal = f64::MAX;
    for _ in 0..3 {
        let before = cpu_seconds("self");
        for (_, bytes) in &photos {
            detector.detect(bytes, &thresholds).unwrap();
        }
        ideal = ideal.min(cpu_seconds("self") - before);
    }
    for (memory, workers) in [("1769", 1.0), ("3538", 2.0)] {
        let lambda = Lambda::start(&server, &[("MODEL", &model), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)]);
        lambda.invoke(event.clone());
        for _ in 0..3 {
            let (start, cpu, others) = (Instant::now(), lambda.costs().1, cpu_seconds("self"));
            assert_eq!(failures(&lambda.invoke(event.clone())), [""; 0]);
            let (wall, cpu, others) =
                (start.elapsed().as_secs_f64(), lambda.costs().1 - cpu, cpu_seconds("self") - others);
            println!(
                "workers {workers}: detector alone {:.2} ms of CPU a photo, detect-bulk {:.2}, S3 server {:.2}; \
                 wall {:.2} ms a photo; bulk/ideal {:.3}; bulk/busy {:.3}; peak memory {} MB",
                ideal * 1e3 / count,
                cpu * 1e3 / count,
                others * 1e3 / count,
                wall * 1e3 / count,
                ideal / cpu,
                (cpu + others) / (wall * workers),
                lambda.costs().0
            );
        }
    }
}
