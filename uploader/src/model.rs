//! Fetching known models: whatever way it takes, a file gets its final name only with the card's digest.

mod download;
mod mirror;
mod part;
mod preparation;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::link::{Endpoint, EndpointError, LinkError, Proxies, ProxyError, Tls, Trust, TrustError};

pub(crate) use mirror::{Source, sources};
pub(crate) use preparation::before_serving;

/// The file a card promises.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The model's name.
    pub(crate) name: String,
    /// Its digest, lower-case hex.
    pub(crate) sha256: String,
    /// Its size.
    pub(crate) bytes: Option<u64>,
}

/// Why a model did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    #[error("{0} not found; try another source with --from URL|DIR")]
    NotThere(String),
    #[error("{url}: {status}; try another source with --from URL|DIR")]
    Refused { url: String, status: hyper::StatusCode },
    #[error("{url}: {source}")]
    ByProxy { url: String, source: LinkError },
    #[error("{url}: {source}; try another source with --from URL|DIR")]
    Unreachable { url: String, source: LinkError },
    #[error("{url}: {source}. Kept {kept} bytes; run the same command again to resume")]
    Interrupted { url: String, source: LinkError, kept: u64 },
    #[error("{0}")]
    WrongBytes(Box<WrongBytes>),
    #[error("{0}: too many redirects")]
    Redirects(String),
    #[error("another process is downloading {0}")]
    Busy(String),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Url(#[from] EndpointError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// How other machines are reached.
pub(crate) struct Network {
    proxies: Proxies,
    trust: Trust,
}

impl Network {
    /// Looks around.
    ///
    /// # Errors
    /// When certificates are named that are not there: a redirect may lead to TLS at any time.
    pub(crate) async fn look() -> Result<Self, TrustError> {
        Ok(Self { proxies: Proxies::from_env(), trust: Trust::find(None).await? })
    }

    /// Where an endpoint is reached, and with what.
    ///
    /// # Errors
    /// When its proxy cannot be used, or there is nobody to trust.
    pub(crate) fn way(&self, endpoint: Endpoint) -> Result<(Endpoint, Option<Tls>), PullError> {
        let endpoint = self.proxies.lead(endpoint)?;
        let tls = endpoint.needs_tls().then(|| Tls::new(&self.trust)).transpose()?;
        Ok((endpoint, tls))
    }
}

/// A file that is not what the card promises.
#[derive(Debug)]
pub(crate) struct WrongBytes {
    from: String,
    wanted: Wanted,
    got_sha256: String,
    got_bytes: u64,
}

impl fmt::Display for WrongBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, wanted, got_sha256, got_bytes } = self;
        let size =
            wanted.bytes.map_or_else(|| "an unknown number of bytes".to_owned(), |bytes| format!("{bytes} bytes"));
        write!(
            f,
            "{from} is not {}: got {got_bytes} bytes with SHA-256 {got_sha256}, expected {size} with {}. The download was \
             deleted; try another source with --from URL|DIR",
            wanted.name, wanted.sha256
        )
    }
}

impl PullError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}

/// Fetches a model from the first of `sources` that has it, to `to`.
pub(crate) async fn pull(
    wanted: &Wanted,
    sources: &[Source],
    network: &Network,
    to: &Path,
    progress: &crate::progress::Progress,
) -> Result<(), PullError> {
    let mut part = part::Part::open(to, wanted)?;
    let mut missing = PullError::NotThere(wanted.name.clone());
    for source in sources {
        let came = match source {
            Source::File(path) => part.copy(path, progress),
            Source::Url(endpoint) => download::download(endpoint, network, wanted, &mut part, progress).await,
        };
        match came {
            Ok(()) => return part.complete(to),
            Err(error @ PullError::NotThere(_)) => missing = error,
            Err(error) => return Err(error),
        }
    }
    part.discard_if_empty();
    Err(missing)
}
