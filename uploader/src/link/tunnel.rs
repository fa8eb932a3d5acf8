//! The way on from a proxy: CONNECT for TLS, whole URLs for everything else.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::LinkError;
use super::endpoint::Endpoint;
use super::proxy::Proxy;

/// Bytes to and fro, whatever lies below.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Has `proxy` open a way to the server, on which nobody has spoken yet.
pub(super) async fn open(
    proxy: &Proxy,
    endpoint: &Endpoint,
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, LinkError> {
    let host = &endpoint.host;
    let to =
        if host.contains(':') { format!("[{host}]:{}", endpoint.port) } else { format!("{host}:{}", endpoint.port) };
    let broke = |error: &dyn Display| LinkError::passing_proxy(proxy, format!("cannot connect to {to}: {error}"));
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| broke(&e))?;
    // It ends by itself: with the way that is taken out of it, or with the connection.
    let driver = tokio::spawn(async move { drop(driver.with_upgrades().await) });
    let mut request = Request::builder().method(Method::CONNECT).uri(&to).header(HOST, &to);
    if let Some(authorization) = &proxy.authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|e| broke(&e))?;
    let answered = sender.send_request(request).await;
    let response = answered.map_err(|error| {
        driver.abort();
        broke(&error)
    })?;
    let status = response.status();
    if status.is_success() {
        let way = hyper::upgrade::on(response).await.map_err(|e| broke(&e))?;
        return Ok(Box::new(TokioIo::new(way)));
    }
    driver.abort();
    Err(match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => LinkError::wants_password(proxy),
        status if status.is_server_error() => {
            LinkError::passing_proxy(proxy, format!("cannot connect to {to}: {status}"))
        }
        status => LinkError::lasting_proxy(proxy, format!("refuses to connect to {to}: {status}")),
    })
}

/// What requests need on their way through a proxy that reads them.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    proxy: Arc<Proxy>,
    /// Scheme, host and port of the server.
    base: String,
}

impl Forward {
    pub(super) fn new(proxy: &Arc<Proxy>, endpoint: &Endpoint) -> Self {
        Self { proxy: Arc::clone(proxy), base: format!("http://{}", endpoint.authority()) }
    }

    /// Makes the request one for the proxy.
    pub(super) fn address<B>(&self, request: &mut Request<B>) -> Result<(), LinkError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let whole: Uri = format!("{}{path}", self.base)
            .parse()
            .map_err(|error| LinkError::Broken(format!("invalid URL for {}: {error}", self.proxy)))?;
        *request.uri_mut() = whole;
        if let Some(authorization) = &self.proxy.authorization {
            let authorization: HeaderValue = authorization.clone();
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        Ok(())
    }

    /// Sees whether the proxy itself has refused.
    pub(super) fn check(&self, status: StatusCode) -> Result<(), LinkError> {
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(LinkError::wants_password(&self.proxy)),
            _ => Ok(()),
        }
    }
}
