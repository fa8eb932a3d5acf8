//! A proxy: forwards requests with whole URLs, opens tunnels on CONNECT, and wants a password where it is told to.
//! Whatever name it is asked for leads to one server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How a proxy treats those who ask.
#[derive(Clone, Default)]
pub struct ProxyBehavior {
    /// The header that it wants to see.
    pub authorization: Option<&'static str>,
    /// The status with which it refuses everything.
    pub refuses: Option<u16>,
    /// TLS with the proxy itself.
    pub tls: Option<TlsAcceptor>,
}

/// What a proxy was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub authorization: Option<String>,
}

/// A proxy on a free port of this machine.
pub struct Proxy {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    pub fn start(to: SocketAddr, behavior: ProxyBehavior) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (behavior, log) = (behavior.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    match behavior.tls.clone() {
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, to, behavior, log).await;
                        }
                        None => serve(stream, to, behavior, log).await,
                    }
                });
            }
        });
        Self { address, asked, _runtime: runtime }
    }

    pub fn to(to: SocketAddr) -> Self {
        Self::start(to, ProxyBehavior::default())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve<S>(stream: S, to: SocketAddr, behavior: ProxyBehavior, log: Arc<Mutex<Vec<Asked>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, to, behavior.clone(), Arc::clone(&log)));
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = connection.with_upgrades().await;
}

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

async fn answer(
    request: Request<Incoming>,
    to: SocketAddr,
    behavior: ProxyBehavior,
    log: Arc<Mutex<Vec<Asked>>>,
) -> Result<Answer, Infallible> {
    let authorization = request.headers().get("proxy-authorization").map(|value| value.to_str().unwrap().to_owned());
    log.lock().unwrap().push(Asked {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        authorization: authorization.clone(),
    });
    if behavior.authorization.is_some_and(|wanted| authorization.as_deref() != Some(wanted)) {
        return Ok(status(407));
    }
    if let Some(code) = behavior.refuses {
        return Ok(status(code));
    }
    if request.method() == Method::CONNECT {
        tokio::spawn(async move {
            let mut near = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            let Ok(mut far) = TcpStream::connect(to).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
        return Ok(status(200));
    }
    // A server would be asked for a path: a proxy is asked for a URL.
    if request.uri().scheme_str() != Some("http") {
        return Ok(status(400));
    }
    Ok(forward(request, to).await.unwrap_or_else(|| status(502)))
}

async fn forward(mut request: Request<Incoming>, to: SocketAddr) -> Option<Answer> {
    let stream = TcpStream::connect(to).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(async move { drop(connection.await) });
    let path = request.uri().path_and_query()?.as_str().parse::<Uri>().ok()?;
    *request.uri_mut() = path;
    request.headers_mut().remove("proxy-authorization");
    Some(sender.send_request(request).await.ok()?.map(BodyExt::boxed))
}

fn status(code: u16) -> Answer {
    let body = Empty::new().map_err(|never| match never {}).boxed();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer
}
