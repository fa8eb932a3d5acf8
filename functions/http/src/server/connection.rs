//! One connection: HTTP/1.1 or HTTP/2, until its client, its idleness or the server ends it.

use std::convert::Infallible;
use std::pin::pin;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::io::InspectReader;

use super::GRACE;
use super::outgoing::Outgoing;
use super::phase::{Phase, Reporter, Watchdog};
use crate::app::App;

/// What is read ahead of a connection, in bytes; so much the head of a request may have. Larger ones are answered 431.
const READ_AHEAD: u32 = 64 << 10;
/// Requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 64;

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, app: App, outgoing: Outgoing, mut stopped: watch::Receiver<()>) {
    // Answers are small, and whole when they are sent. Where this cannot be set they come all the same.
    let _ = stream.set_nodelay(true);
    let (reporter, mut watchdog) = Reporter::new();
    let heard = reporter.clone();
    let io = TokioIo::new(InspectReader::new(stream, move |_: &[u8]| heard.heard()));
    let service = service_fn(move |request: Request<Incoming>| {
        let (app, outgoing, reporter) = (app.clone(), outgoing.clone(), reporter.clone());
        let under_way = reporter.request(request.version());
        async move {
            let response = answer(&app, &outgoing, &reporter, request).await;
            drop(under_way);
            Ok::<_, Infallible>(response)
        }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        // Whatever ended it, nobody is left to tell.
        _ = connection.as_mut() => return,
        phase = watchdog.expired() => if phase != Phase::Idle { return },
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = half_a_request(&mut watchdog) => {}
        () = sleep(GRACE) => {}
    }
}

async fn half_a_request(watchdog: &mut Watchdog) {
    while watchdog.expired().await == Phase::Idle {}
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(READ_AHEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(READ_AHEAD)
        .max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(4 * READ_AHEAD)
        .initial_connection_window_size(16 * READ_AHEAD);
    builder
}

async fn answer(
    app: &App,
    outgoing: &Outgoing,
    reporter: &Reporter,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (version, head_only) = (request.version(), request.method() == Method::HEAD);
    let mut response = app.handle(request).await;
    // The rest of a body that came too slowly is not waited for.
    if response.status() == StatusCode::REQUEST_TIMEOUT && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if head_only {
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        return response.map(|_| Full::default());
    }
    outgoing.admit(response, reporter).map(Full::new)
}
