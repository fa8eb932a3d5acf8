//! Plain HTTP: a socket, its connections, and how they end.

mod connection;
mod outgoing;
mod phase;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use self::outgoing::Outgoing;
use crate::app::App;

/// Connections at once; further ones wait to be accepted. Below the 1024 files that a process commonly may have open.
const MOST_CONNECTIONS: usize = 960;
/// How long requests under way are given to finish once the server is told to end.
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Serves `app` at the first of `addresses` that can be had until SIGTERM or Ctrl-C; then finishes what is under way,
/// for at most 30 s, unless it is told once more. Says its address on standard output as soon as clients may connect;
/// until the model is loaded, they hear `loading`. `start` is when the process began.
///
/// # Errors
/// No address can be had, or the model cannot be loaded: why, in a sentence.
pub async fn run(app: App, addresses: &[SocketAddr], start: Instant) -> Result<(), anyhow::Error> {
    let listener = TcpListener::bind(addresses).await.map_err(|error| cannot_listen(addresses, &error))?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut told = async move || {
        tokio::select! { _ = interrupted.recv() => {}, _ = terminated.recv() => {} }
    };
    // Whoever started this may have stopped reading.
    let _ = writeln!(io::stdout(), "http://{}/", listener.local_addr()?).and_then(|()| io::stdout().flush());

    let (stop, stopped) = watch::channel(());
    tokio::spawn(accept(listener, app.clone(), stopped));
    let mut loading = tokio::task::spawn_blocking(move || app.load(start));
    let loaded = tokio::select! {
        loaded = &mut loading => Some(loaded),
        () = told() => None,
    };
    let still_loading = loaded.is_none();
    if let Some(loaded) = loaded {
        loaded??;
        told().await;
    }
    tracing::info!("stopping: finishing requests in progress");
    let _ = stop.send(());
    let finished = async {
        // Nobody listens any more once the listener and every connection are gone.
        stop.closed().await;
        if still_loading {
            let _ = loading.await;
        }
    };
    tokio::select! {
        finished = timeout(GRACE, finished) => if finished.is_err() {
            tracing::warn!("requests in progress were aborted after {} s", GRACE.as_secs());
        },
        () = told() => tracing::warn!("second signal: requests in progress were aborted"),
    }
    Ok(())
}

fn cannot_listen(addresses: &[SocketAddr], error: &io::Error) -> anyhow::Error {
    let names: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => ". Another process is using it; choose another port, or 0 for a free one",
        io::ErrorKind::PermissionDenied => ". Ports below 1024 need root; choose a higher one",
        _ => "",
    };
    anyhow::anyhow!("cannot listen on {}: {error}{hint}", names.join(", "))
}

async fn accept(listener: TcpListener, app: App, mut stopped: watch::Receiver<()>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let outgoing = Outgoing::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, accepted(&listener).await))
        };
        let (place, stream) = tokio::select! {
            Some(next) = next => next,
            _ = stopped.changed() => return,
        };
        let (app, outgoing, stopped) = (app.clone(), outgoing.clone(), stopped.clone());
        tokio::spawn(async move {
            connection::serve(stream, app, outgoing, stopped).await;
            drop(place);
        });
    }
}

/// The next connection. A failure is a connection's own (its client is gone), or the process lacks something, most often
/// files: then trying at once would only burn a core.
async fn accepted(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
                _ => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(200)).await;
                }
            },
        }
    }
}
