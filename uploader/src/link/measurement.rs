//! How far away an endpoint is, before anything of weight is sent there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::phases::Phases;
use super::tls::Tls;

/// The shortest of so many tries is the link, the rest is chance.
const TRIES: usize = 5;

/// The shortest times seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct LinkMeasurement {
    /// TCP handshake: one round trip of the link, unless a tunnel or a relay answers it.
    pub(crate) connect: Option<Duration>,
    /// TLS handshake: one round trip, and some cryptography.
    pub(crate) tls: Option<Duration>,
    /// A request without a photo, answered without looking at one: the link and the platform.
    pub(crate) empty: Option<Duration>,
    /// Whether a proxy is on the way, whose part of it is in `connect`.
    pub(crate) proxied: bool,
}

/// Measures; what cannot be reached stays `None`, and will be seen again as failed photos.
pub(crate) async fn measure(endpoint: &Endpoint, tls: Option<&Tls>, within: Duration) -> LinkMeasurement {
    let mut measurement = LinkMeasurement { proxied: endpoint.proxy.is_some(), ..LinkMeasurement::default() };
    let mut last = None;
    for _ in 0..TRIES {
        let mut phases = Phases::default();
        let Ok(connection) = Connection::open(endpoint, tls, within, &mut phases).await else { break };
        shorter(&mut measurement.connect, phases.connect);
        if endpoint.tls {
            shorter(&mut measurement.tls, phases.tls);
        }
        last = Some(connection);
    }
    // On one connection: the first answer on a new one may wait for more than its own way.
    let (Some(mut connection), Some(request)) = (last, health(endpoint)) else { return measurement };
    let mut phases = Phases::default();
    for _ in 0..TRIES {
        let start = Instant::now();
        let asked = connection.exchange(request.clone(), &mut phases);
        let Ok(Ok(_)) = tokio::time::timeout(within, asked).await else { break };
        shorter(&mut measurement.empty, start.elapsed());
    }
    measurement
}

/// `GET /health` beside the `/detect` of an endpoint.
fn health(endpoint: &Endpoint) -> Option<Request<Full<Bytes>>> {
    let base = endpoint.path.split('?').next()?.strip_suffix("/detect")?;
    Request::get(format!("{base}/health")).header(HOST, endpoint.authority()).body(Full::default()).ok()
}

fn shorter(best: &mut Option<Duration>, now: Duration) {
    *best = Some(best.map_or(now, |best| best.min(now)));
}
