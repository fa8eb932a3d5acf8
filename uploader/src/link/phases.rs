//! Where the time of one request went.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// The phases on the client's side, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Phases {
    /// Reading the photo, shrinking it, base64; making the request of it.
    #[serde(serialize_with = "millis")]
    pub(crate) encode: Duration,
    /// Waiting at this end: until the target has a worker free, and with `--rate` being late because no slot was.
    #[serde(serialize_with = "millis")]
    pub(crate) queue: Duration,
    /// Name to address, the proxy's where there is one; 0 on a reused connection, as the next two.
    #[serde(serialize_with = "millis")]
    pub(crate) dns: Duration,
    /// TCP handshake. With a proxy until the way to the server is open: TLS with the proxy and CONNECT, where needed.
    #[serde(serialize_with = "millis")]
    pub(crate) connect: Duration,
    /// TLS handshake.
    #[serde(serialize_with = "millis")]
    pub(crate) tls: Duration,
    /// Until the last byte of the request has left.
    #[serde(serialize_with = "millis")]
    pub(crate) send: Duration,
    /// Until the head of the answer is there: the last byte's way, the function, the first byte's way back.
    #[serde(serialize_with = "millis")]
    pub(crate) wait: Duration,
    /// The rest of the answer.
    #[serde(serialize_with = "millis")]
    pub(crate) receive: Duration,
    /// All of it, with what lies between: other tries, and the waits before them.
    #[serde(serialize_with = "millis")]
    pub(crate) total: Duration,
}

/// Milliseconds, to the microsecond.
pub(crate) fn as_millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(as_millis(*duration))
}
