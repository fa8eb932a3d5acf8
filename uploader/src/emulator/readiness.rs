//! Waiting for the emulator and its functions.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HOST;
use hyper::{Method, Request};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::link::{Connection, Endpoint, LinkError, Phases, Reply};

const PAUSE: Duration = Duration::from_millis(20);
/// A call that a dying worker took with it is never answered: ask again after this long.
const ONE_CALL: Duration = Duration::from_secs(5);
/// Loading and warming the largest models on a busy machine.
const FUNCTION_WITHIN: Duration = Duration::from_secs(90);

/// Waits until the emulator listens on the port.
pub(crate) async fn listens(port: u16, within: Duration) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if start.elapsed() > within {
            bail!("the emulator did not listen on port {port} within {} s", within.as_secs());
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// How a function is asked whether it is ready: the way that its events will go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `GET /health` of a Function URL.
    Health,
    /// The event with which S3 tries a new notification.
    TestEvent,
}

const TEST_EVENT: &[u8] = br#"{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "ready"}"#;

impl Probe {
    fn request(self, port: u16, function: &str) -> Result<(Endpoint, Request<Full<Bytes>>)> {
        let (url, request, body) = match self {
            Self::Health => {
                (format!("http://127.0.0.1:{port}/lambda-url/{function}/health"), Request::builder(), Bytes::new())
            }
            Self::TestEvent => {
                (invoke_url(port, function), Request::builder().method(Method::POST), Bytes::from_static(TEST_EVENT))
            }
        };
        let endpoint = Endpoint::parse(&url)?;
        let request = request.uri(&endpoint.path).header(HOST, endpoint.authority()).body(Full::new(body))?;
        Ok((endpoint, request))
    }
}

/// Where a function's raw events are posted.
pub(super) fn invoke_url(port: u16, function: &str) -> String {
    format!("http://127.0.0.1:{port}/2015-03-31/functions/{function}/invocations")
}

/// Waits until the function answers the probe with 200.
pub(crate) async fn answers(port: u16, function: &str, probe: Probe) -> Result<()> {
    let (endpoint, request) = probe.request(port, function)?;
    let start = Instant::now();
    loop {
        let said = match timeout(ONE_CALL, ask(&endpoint, request.clone())).await {
            Ok(Ok(reply)) if reply.status.is_success() => return Ok(()),
            Ok(Ok(reply)) => format!("{}: {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no response".to_owned(),
        };
        if start.elapsed() > FUNCTION_WITHIN {
            bail!("{function} was not ready within {} s: {said}", FUNCTION_WITHIN.as_secs());
        }
        sleep(PAUSE).await;
    }
}

async fn ask(endpoint: &Endpoint, request: Request<Full<Bytes>>) -> Result<Reply, LinkError> {
    let mut phases = Phases::default();
    let mut connection = Connection::open(endpoint, None, ONE_CALL, &mut phases).await?;
    connection.exchange(request, &mut phases).await
}
