//! One call of a function under the emulator.

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use serde_json::Value;

use crate::link::{Connection, Endpoint, Phases};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Longest text of a function's error that is repeated in a log line.
const MOST_CHARS: usize = 300;

/// Carries an event to the function; its answer, or why it has none.
pub(super) async fn invoke(endpoint: &Endpoint, event: &Value) -> Result<Bytes> {
    let mut phases = Phases::default();
    let mut connection = Connection::open(endpoint, None, CONNECT_WITHIN, &mut phases).await?;
    let request = Request::post(&endpoint.path)
        .header(HOST, endpoint.authority())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(event.to_string())))?;
    let reply = connection.exchange(request, &mut phases).await?;
    if !reply.status.is_success() || reply.headers.contains_key("x-amz-function-error") {
        let said: String = String::from_utf8_lossy(&reply.body).chars().take(MOST_CHARS).collect();
        bail!("{} {said}", reply.status.as_u16());
    }
    Ok(reply.body)
}
