//! Downloads that go on where they ended.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_RANGE, ETAG, HOST, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE, USER_AGENT};
use hyper::{HeaderMap, Request, Response, StatusCode};
use tokio::time::{sleep, timeout};

use super::part::Part;
use super::{Network, PullError, Wanted};
use crate::link::{CONNECT_WITHIN, Connection, Endpoint, LinkError, Phases, RetryPolicy};
use crate::progress::Progress;

/// A server that says nothing for so long has lost us.
const SILENCE: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 10;
const PATIENCE: RetryPolicy = RetryPolicy { retries: 5, connect: CONNECT_WITHIN, answer: SILENCE };

/// One try's end, other than success.
enum Stop {
    /// Another try makes no sense.
    Final(PullError),
    /// The connection was fine and then was not.
    Broke(LinkError),
}

impl<E: Into<PullError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Final(error.into())
    }
}

/// Fetches into `part`. A connection that breaks is opened again as long as each brings something.
pub(crate) async fn download(
    from: &Endpoint,
    network: &Network,
    wanted: &Wanted,
    part: &mut Part,
    progress: &Progress,
) -> Result<(), PullError> {
    let mut waits = PATIENCE.waits();
    loop {
        let before = part.length()?;
        if part.is_full()? {
            if !part.resumed || part.is_right()? {
                return Ok(());
            }
            // Two halves of different files: begin again, once.
            part.restart()?;
        }
        match once(from, network, wanted, part, progress).await {
            Ok(()) if !part.resumed || part.is_right()? => return Ok(()),
            Ok(()) => {
                part.restart()?;
                continue;
            }
            Err(Stop::Final(error)) => return Err(error),
            Err(Stop::Broke(source)) => {
                let kept = part.length()?;
                if kept > before {
                    waits = PATIENCE.waits();
                }
                match waits.next() {
                    Some(wait) => sleep(wait).await,
                    None if kept > 0 => {
                        return Err(PullError::Interrupted { url: from.url(), source, kept });
                    }
                    None => {
                        return Err(PullError::Unreachable { url: from.url(), source });
                    }
                }
            }
        }
    }
}

async fn once(
    from: &Endpoint,
    network: &Network,
    wanted: &Wanted,
    part: &mut Part,
    progress: &Progress,
) -> Result<(), Stop> {
    let have = part.length()?;
    let (response, _connection) = ask(from, network, have, part.version().as_deref()).await?;
    let status = response.status();
    match status {
        StatusCode::PARTIAL_CONTENT if starts_at(response.headers(), have) => {}
        StatusCode::OK => part.restart()?,
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
            part.restart()?;
            return Err(Stop::Broke(LinkError::Broken("the file changed on the server".to_owned())));
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(Stop::Final(PullError::NotThere(from.url())));
        }
        status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            return Err(Stop::Broke(LinkError::Broken(format!("the server returned {status}"))));
        }
        status => {
            return Err(Stop::Final(PullError::Refused { url: from.url(), status }));
        }
    }
    part.comes_from(&from.url(), version(response.headers()).as_deref())?;
    progress.stands_at(part.length()?);

    let mut body = response.into_body();
    loop {
        let frame = timeout(SILENCE, body.frame()).await.map_err(|_| Stop::Broke(LinkError::Timeout(SILENCE)))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Stop::Broke(LinkError::Broken(error.to_string())))?;
        if let Some(bytes) = frame.data_ref() {
            part.append(bytes)?;
            progress.advance(bytes.len() as u64);
        }
        if wanted.bytes.is_some_and(|most| part.length().is_ok_and(|length| length > most)) {
            // Already too long: the digest cannot fit any more.
            part.resumed = false;
            return Ok(());
        }
    }
    // A server that closes early without having announced a length looks like one that is done.
    if wanted.bytes.is_some_and(|all| part.length().is_ok_and(|length| length < all))
        && status == StatusCode::PARTIAL_CONTENT
    {
        return Err(Stop::Broke(LinkError::Broken("the server closed the connection early".to_owned())));
    }
    Ok(())
}

/// Asks for the file from `have` on, through redirects.
async fn ask(
    from: &Endpoint,
    network: &Network,
    have: u64,
    version: Option<&str>,
) -> Result<(Response<Incoming>, Connection), Stop> {
    let mut at = from.clone();
    for _ in 0..REDIRECTS {
        let tls;
        (at, tls) = network.way(at)?;
        let mut phases = Phases::default();
        let mut connection = Connection::open(&at, tls.as_ref(), PATIENCE.connect, &mut phases)
            .await
            .map_err(|source| unreachable(&at, source))?;
        let mut request = Request::get(&at.path)
            .header(HOST, at.authority())
            .header(USER_AGENT, concat!("spotter-uploader/", env!("CARGO_PKG_VERSION")));
        if have > 0 {
            request = request.header(RANGE, format!("bytes={have}-"));
            if let Some(version) = version {
                request = request.header(IF_RANGE, version);
            }
        }
        let request = request
            .body(Full::new(Bytes::new()))
            .map_err(|error| unreachable(&at, LinkError::Broken(error.to_string())))?;
        let response = timeout(SILENCE, connection.send(request, &mut phases))
            .await
            .map_err(|_| Stop::Broke(LinkError::Timeout(SILENCE)))?
            .map_err(
                |source| if source.is_passing() { Stop::Broke(source) } else { unreachable(&at, source).into() },
            )?;
        if !response.status().is_redirection() {
            return Ok((response, connection));
        }
        let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        at = at.follow(to.ok_or_else(|| PullError::Refused { url: at.url(), status: response.status() })?)?;
    }
    Err(Stop::Final(PullError::Redirects(from.url())))
}

fn unreachable(at: &Endpoint, source: LinkError) -> PullError {
    let url = at.url();
    // Another place would not be reached, either.
    if matches!(source, LinkError::Proxy { .. }) {
        PullError::ByProxy { url, source }
    } else {
        PullError::Unreachable { url, source }
    }
}

fn starts_at(headers: &HeaderMap, have: u64) -> bool {
    headers
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("bytes ")?.split('-').next()?.parse().ok())
        == Some(have)
}

/// What `If-Range` may be given: a strong `ETag`, or the date.
fn version(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}
