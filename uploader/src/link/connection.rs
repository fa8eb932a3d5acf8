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
use super::proxy::Proxy;
use super::tls::Tls;
use super::tunnel::{self, Forward, Stream};

/// An answer is boxes, not a photo: whatever is larger comes from something else.
const LARGEST_ANSWER: usize = 32 << 20;

/// The kernel takes at most about this much that it cannot send yet. Without it a photo "is sent" as soon as it fills
/// the socket's buffer, and the time on the wire would be counted as waiting for the function.
const UNSENT: u32 = 16 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("cannot resolve host {host} ({source})")]
    Name { host: String, source: io::Error },
    #[error("cannot connect to {host} port {port} ({source})")]
    Connect { host: String, port: u16, source: io::Error },
    #[error("cannot connect to {host} port {port} within {} s", within.as_secs())]
    ConnectTimeout { host: String, port: u16, within: Duration },
    #[error("TLS handshake with {host} failed ({source})")]
    Handshake { host: String, source: io::Error },
    #[error("{proxy} {what}")]
    Proxy { proxy: String, what: String, passing: bool },
    #[error("connection lost ({0})")]
    Broken(String),
    #[error("no response within {} s", .0.as_secs_f64())]
    Timeout(Duration),
}

impl LinkError {
    /// What a proxy does not do, and will not do the next time.
    pub(super) fn lasting_proxy(proxy: &Proxy, what: String) -> Self {
        Self::Proxy { proxy: proxy.to_string(), what, passing: false }
    }

    /// What a proxy does not do now.
    pub(super) fn passing_proxy(proxy: &Proxy, what: String) -> Self {
        Self::Proxy { proxy: proxy.to_string(), what, passing: true }
    }

    /// Status 407.
    pub(crate) fn wants_password(proxy: &Proxy) -> Self {
        let given = if proxy.authorization.is_some() {
            "rejected the user name or password"
        } else {
            "requires a user name and password"
        };
        let what = format!("{given} (407 Proxy Authentication Required); set it as http://USER:PASSWORD@HOST:PORT");
        Self::lasting_proxy(proxy, what)
    }

    /// Whether another try may succeed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            // Whoever did not answer for a whole time-out is not asked again: the user gave it long enough.
            Self::Timeout(_) => false,
            Self::Proxy { passing, .. } => *passing,
            _ => true,
        }
    }
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Set where a proxy reads the requests.
    forward: Option<Forward>,
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
        let slow = || match &endpoint.proxy {
            Some(proxy) => LinkError::passing_proxy(
                proxy,
                format!("did not connect to {} within {} s", endpoint.host, within.as_secs()),
            ),
            None => LinkError::ConnectTimeout { host: host.to_owned(), port, within },
        };
        timeout(within, Self::open_unbounded(endpoint, tls, phases)).await.map_err(|_| slow())?
    }

    async fn open_unbounded(endpoint: &Endpoint, tls: Option<&Tls>, phases: &mut Phases) -> Result<Self, LinkError> {
        let (host, port) = endpoint.address();
        let start = Instant::now();
        let addresses: Vec<_> = tokio::net::lookup_host((host, port))
            .await
            .map_err(|source| match &endpoint.proxy {
                Some(proxy) => LinkError::passing_proxy(proxy, format!("cannot be resolved ({source})")),
                None => LinkError::Name { host: host.to_owned(), source },
            })?
            .collect();
        phases.dns = start.elapsed();

        let start = Instant::now();
        let stream = connect_any(&addresses).await.map_err(|source| match &endpoint.proxy {
            Some(proxy) => LinkError::passing_proxy(proxy, format!("cannot be reached ({source})")),
            None => LinkError::Connect { host: host.to_owned(), port, source },
        })?;
        let meter = Meter::new();
        let stream = Metered::new(stream, Arc::clone(&meter));
        if let Some(proxy) = &endpoint.proxy {
            let stream = Self::reach(proxy, endpoint, tls, stream).await?;
            phases.connect = start.elapsed();
            let forward = (!endpoint.tls).then(|| Forward::new(proxy, endpoint));
            return Self::secure(endpoint, tls, stream, forward, meter, phases).await;
        }
        phases.connect = start.elapsed();
        Self::secure(endpoint, tls, stream, None, meter, phases).await
    }

    /// From an open connection with a proxy to one on which the server is spoken to.
    async fn reach(
        proxy: &Proxy,
        endpoint: &Endpoint,
        tls: Option<&Tls>,
        stream: Metered<TcpStream>,
    ) -> Result<Box<dyn Stream>, LinkError> {
        let stream: Box<dyn Stream> =
            match tls.filter(|_| proxy.tls) {
                Some(tls) => Box::new(tls.connect(&proxy.host, stream).await.map_err(|source| {
                    LinkError::passing_proxy(proxy, format!("failed the TLS handshake ({source})"))
                })?),
                None => Box::new(stream),
            };
        if endpoint.tls { tunnel::open(proxy, endpoint, stream).await } else { Ok(stream) }
    }

    async fn secure<S>(
        endpoint: &Endpoint,
        tls: Option<&Tls>,
        stream: S,
        forward: Option<Forward>,
        meter: Arc<Meter>,
        phases: &mut Phases,
    ) -> Result<Self, LinkError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = tls.filter(|_| endpoint.tls) else {
            return Self::handshake(stream, forward, meter).await;
        };
        let start = Instant::now();
        let stream = tls
            .connect(&endpoint.host, stream)
            .await
            .map_err(|source| LinkError::Handshake { host: endpoint.host.clone(), source })?;
        phases.tls = start.elapsed();
        Self::handshake(stream, forward, meter).await
    }

    async fn handshake<S>(stream: S, forward: Option<Forward>, meter: Arc<Meter>) -> Result<Self, LinkError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Its errors reach us through the sender.
        let driver = tokio::spawn(async move { drop(driver.await) });
        Ok(Self { sender, forward, meter, driver })
    }

    /// Sends a request; the answer's body is still to come.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
        phases: &mut Phases,
    ) -> Result<Response<Incoming>, LinkError> {
        if let Some(forward) = &self.forward {
            forward.address(&mut request)?;
        }
        self.sender.ready().await.map_err(broken)?;
        let start = Instant::now();
        let response = self.sender.send_request(request).await.map_err(broken)?;
        // A server may answer (and refuse) before it has all of the request.
        let sent = self.meter.last_write().clamp(start, Instant::now());
        phases.send = sent - start;
        phases.wait = sent.elapsed();
        if let Some(forward) = &self.forward {
            forward.check(response.status())?;
        }
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
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address for the name");
    for (place, address) in addresses.iter().enumerate() {
        // An address that swallows packets must not use up the time of those after it.
        let retry_policy = if place + 1 < addresses.len() { Duration::from_secs(2) } else { Duration::from_secs(3600) };
        match timeout(retry_policy, TcpStream::connect(address)).await {
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
