//! TLS with the certificate authorities that are trusted here.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::endpoint::Endpoint;
use super::trust::{Trust, TrustError};

/// What every connection of a run shares: roots, and sessions to resume.
#[derive(Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    trusted_by: Arc<str>,
}

impl Tls {
    /// The TLS that the way to an endpoint needs, if any.
    ///
    /// # Errors
    /// When there is nobody to trust.
    pub(crate) async fn of(endpoint: &Endpoint) -> Result<Option<Self>, TrustError> {
        if endpoint.needs_tls() { Self::new(&Trust::find(None).await?).map(Some) } else { Ok(None) }
    }

    /// TLS with those who are trusted.
    ///
    /// # Errors
    /// When that is nobody.
    pub(crate) fn new(trust: &Trust) -> Result<Self, TrustError> {
        if trust.is_empty() {
            return Err(TrustError::NoRoots(format!(" (now: {})", trust.from())));
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trust.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), trusted_by: trust.from().into() })
    }

    /// Who named the certificates that are trusted.
    pub(crate) fn trusted_by(&self) -> &str {
        &self.trusted_by
    }

    /// The handshake.
    pub(crate) async fn connect<S>(&self, host: &str, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidInput, e))?;
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}
