//! The function's page, served here: requests of a browser on this machine are checked, signed and passed on to the function.

mod guard;
mod problem;
mod relay;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use self::guard::Guard;
use self::problem::Problem;
use self::relay::Relay;
use crate::ending::Ending;
use crate::link::is_function_url;
use crate::photo::EVENT_LIMIT;
use crate::target::{Target, UrlTarget};

/// Connections at once; further ones wait to be accepted.
const MOST_CONNECTIONS: usize = 64;
/// Requests whose bodies are held at once; further ones wait.
const MOST_AT_ONCE: usize = 8;
/// A photo of 20 MiB as base64 fits.
const BYTES: usize = 32 << 20;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const BODY_WITHIN: Duration = Duration::from_secs(120);

/// A page that passes requests on.
pub(crate) struct Page {
    guard: Guard,
    relay: Relay,
    at_once: Semaphore,
    most_bytes: usize,
}

impl Page {
    /// The page of `target`, for browsers that reach it at `host`.
    ///
    /// # Errors
    /// When the way to the target needs TLS and nobody is trusted.
    pub(crate) async fn open(target: UrlTarget, host: IpAddr, retry_policy: Duration) -> Result<Self> {
        let most_bytes = if is_function_url(&target.endpoint().host) { EVENT_LIMIT as usize } else { BYTES };
        let relay = Relay::open(target, retry_policy).await?;
        Ok(Self { guard: Guard::new(host), relay, at_once: Semaphore::new(MOST_AT_ONCE), most_bytes })
    }

    /// Serves for ever.
    ///
    /// # Errors
    /// Never so far.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<Ending> {
        let page = Arc::new(self);
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await?;
            let Ok((stream, _)) = listener.accept().await else {
                // Its client is gone, or this process has too many files open.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let page = Arc::clone(&page);
            tokio::spawn(async move {
                page.attend(stream).await;
                drop(place);
            });
        }
    }

    async fn attend(&self, stream: TcpStream) {
        // Where it fails, answers are sent a little later.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
        // A connection that breaks concerns nobody but its browser.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.pass_on(request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        }
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Problem> {
        self.guard.check(request.headers())?;
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
            let problem = Problem::new(405, "method_not_allowed", "The page forwards GET, HEAD and POST only.");
            return Err(problem.with(ALLOW, HeaderValue::from_static("GET, HEAD, POST")));
        }
        let _turn = self.at_once.acquire().await.map_err(|error| Problem::new(503, "overloaded", error.to_string()))?;
        let (head, body) = request.into_parts();
        let body = self.whole(body).await?;
        self.relay.ask(head, body).await
    }

    async fn whole(&self, body: Incoming) -> Result<Bytes, Problem> {
        let too_large = || {
            let limit = self.most_bytes;
            Problem::new(
                413,
                "too_many_bytes",
                format!("The request has more than {limit} bytes, the limit here. Send a smaller photo."),
            )
        };
        if body.size_hint().lower() > self.most_bytes as u64 {
            return Err(too_large());
        }
        match timeout(BODY_WITHIN, Limited::new(body, self.most_bytes).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => {
                Err(Problem::new(400, "invalid_request", format!("The request's body broke off: {error}.")))
            }
            Err(_) => Err(Problem::new(
                408,
                "timeout",
                format!("The request's body did not arrive within {} s.", BODY_WITHIN.as_secs()),
            )),
        }
    }
}
