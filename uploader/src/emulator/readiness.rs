//! Waiting for the emulator and its functions.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::link::{Connection, Endpoint, LinkError, Phases, Reply};

const PAUSE: Duration = Duration::from_millis(20);
/// A call that a dying worker took with it is never answered: ask again after this long.
const ONE_CALL: Duration = Duration::from_secs(5);
/// Loading and warming the largest models on a busy machine.
const FUNCTION_WITHIN: Duration = Duration::from_secs(90);

/// Waits until somebody listens on the port.
pub(crate) async fn listens(port: u16, within: Duration) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if start.elapsed() > within {
            bail!("the emulator does not listen on port {port} after {} s", within.as_secs());
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Waits until the function answers `GET /health` with 200, the way every photo will go.
pub(crate) async fn answers(port: u16, function: &str) -> Result<()> {
    let endpoint = Endpoint::parse(&format!("http://127.0.0.1:{port}/lambda-url/{function}/health"))?;
    let start = Instant::now();
    loop {
        let said = match timeout(ONE_CALL, get(&endpoint)).await {
            Ok(Ok(reply)) if reply.status.is_success() => return Ok(()),
            Ok(Ok(reply)) => format!("{}: {}", reply.status, String::from_utf8_lossy(&reply.body)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if start.elapsed() > FUNCTION_WITHIN {
            bail!("the function {function} is not ready after {} s: {said}", FUNCTION_WITHIN.as_secs());
        }
        sleep(PAUSE).await;
    }
}

async fn get(endpoint: &Endpoint) -> Result<Reply, LinkError> {
    let mut phases = Phases::default();
    let mut connection = Connection::open(endpoint, None, ONE_CALL, &mut phases).await?;
    let request = Request::get(&endpoint.path)
        .header(HOST, endpoint.authority())
        .body(Full::new(Bytes::new()))
        .map_err(|error| LinkError::Broken(error.to_string()))?;
    connection.exchange(request, &mut phases).await
}
