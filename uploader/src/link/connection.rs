//! One connection: opened, used again and again, closed when dropped.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::meter::{Meter, Metered, Traffic};
use super::phases::Phases;
use super::tls::Tls;

/// An answer is boxes, not a photo: whatever is larger comes from something else.
const LARGEST_ANSWER: usize = 32 << 20;

/// The kernel takes at most about this much that it cannot send yet. Without it a photo "is sent" as soon as it fills
/// the socket's buffer, and the time on the wire would be counted as waiting for the function.
const UNSENT: u32 = 16 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the name {host} leads nowhere ({source})")]
    Name { host: String, source: io::Error },
    #[error("cannot connect to {host} port {port} ({source})")]
    Connect { host: String, port: u16, source: io::Error },
    #[error("cannot connect to {host} port {port} within {} s", within.as_secs())]
    ConnectTimeout { host: String, port: u16, within: Duration },
    #[error("TLS with {host} failed ({source})")]
    Handshake { host: String, source: io::Error },
    #[error("the connection broke ({0})")]
    Broken(String),
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    meter: Arc<Meter>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    /// Connects; notes in `phases` what it took.
    pub(crate) async fn open(
        endpoint: &Endpoint,
        tls: Option<&Tls>,
        within: Duration,
        phases: &mut Phases,
    ) -> Result<Self, LinkError> {
        let (host, port) = endpoint.address();
        let slow = || LinkError::ConnectTimeout { host: host.to_owned(), port, within };
        timeout(within, Self::open_unbounded(endpoint, tls, phases)).await.map_err(|_| slow())?
    }

    async fn open_unbounded(endpoint: &Endpoint, tls: Option<&Tls>, phases: &mut Phases) -> Result<Self, LinkError> {
        let (host, port) = endpoint.address();
        let start = Instant::now();
        let addresses: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|source| LinkError::Name { host: host.to_owned(), source })?
            .collect();
        phases.dns = start.elapsed();

        let start = Instant::now();
        let stream = connect_any(&addresses).await.map_err(|source| LinkError::Connect {
            host: host.to_owned(),
            port,
            source,
        })?;
        phases.connect = start.elapsed();

        let meter = Meter::new();
        let stream = Metered::new(stream, Arc::clone(&meter));
        let Some(tls) = tls.filter(|_| endpoint.tls) else {
            return Self::handshake(stream, meter).await;
        };
        let start = Instant::now();
        let stream = tls
            .connect(&endpoint.host, stream)
            .await
            .map_err(|source| LinkError::Handshake { host: endpoint.host.clone(), source })?;
        phases.tls = start.elapsed();
        Self::handshake(stream, meter).await
    }

    async fn handshake<S>(stream: S, meter: Arc<Meter>) -> Result<Self, LinkError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its errors reach us through the sender.
        let driver = tokio::spawn(async move { drop(driver.await) });
        Ok(Self { sender, meter, driver })
    }

    /// Sends a request; the answer's body is still to come.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        phases: &mut Phases,
    ) -> Result<Response<Incoming>, LinkError> {
        self.sender.ready().await.map_err(broken)?;
        let start = Instant::now();
        let response = self.sender.send_request(request).await.map_err(broken)?;
        // A server may answer (and refuse) before it has all of the request.
        let sent = self.meter.last_write().clamp(start, Instant::now());
        phases.send = sent - start;
        phases.wait = sent.elapsed();
        Ok(response)
    }

    /// Sends a request and receives the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        phases: &mut Phases,
    ) -> Result<Reply, LinkError> {
        let (head, body) = self.send(request, phases).await?.into_parts();
        let start = Instant::now();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|e| LinkError::Broken(e.to_string()))?;
        phases.receive = start.elapsed();
        Ok(Reply { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    /// The bytes that it moved since this was last asked, handshakes included.
    pub(crate) fn traffic(&self) -> Traffic {
        self.meter.take()
    }

    /// Whether the other side has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

async fn connect_any(addresses: &[std::net::SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (place, address) in addresses.iter().enumerate() {
        // An address that swallows packets must not use up the time of those after it.
        let patience = if place + 1 < addresses.len() { Duration::from_secs(2) } else { Duration::from_secs(3600) };
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                limit_unsent(&stream);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

#[cfg(target_os = "linux")]
fn limit_unsent(stream: &TcpStream) {
    // Where the kernel does not know the option, only the border between "send" and "wait" is less sharp.
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
}

#[cfg(not(target_os = "linux"))]
fn limit_unsent(_: &TcpStream) {
    let _ = UNSENT;
}

fn broken(error: hyper::Error) -> LinkError {
    use std::error::Error as _;
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    LinkError::Broken(format!("{error}{cause}"))
}
