//! The function's process, and the runtime API that it asks for events.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{KEY, SECRET, Server, cpu_seconds, peak_mb, settings};

/// The function's process, and the runtime API it asks.
pub struct Lambda {
    child: Child,
    events: UnboundedSender<Value>,
    answers: mpsc::Receiver<(bool, Value)>,
}

impl Lambda {
    pub fn start(server: &Server, variables: &[(&str, &str)]) -> Self {
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
    pub fn invoke(&self, event: Value) -> Value {
        self.try_invoke(event).unwrap()
    }

    /// An event's answer, or the error that is its answer.
    pub fn try_invoke(&self, event: Value) -> Result<Value, Value> {
        self.events.send(event).unwrap();
        let (good, answer) = self.answers.recv_timeout(Duration::from_secs(120)).unwrap();
        if good { Ok(answer) } else { Err(answer) }
    }

    /// Peak resident memory in MB, and seconds of CPU time used.
    pub fn costs(&self) -> (u64, f64) {
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

/// The function's command: its model, and its results in `server`.
pub fn function(server: &Server, runtime_api: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_detect-bulk"));
    let model = settings().function.model.unwrap();
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
