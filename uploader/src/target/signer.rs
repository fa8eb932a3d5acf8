//! AWS Signature Version 4, for Function URLs that ask for it.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use aws_config::Region;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use hyper::Request;
use tokio::sync::Mutex;

use crate::cloud::Account;

/// Credentials are renewed this long before they expire.
const MARGIN: Duration = Duration::from_secs(120);

/// Signs requests for Lambda in one region.
pub(crate) struct Signer {
    region: String,
    account: Account,
    provider: SharedCredentialsProvider,
    current: Mutex<Credentials>,
    source: String,
}

impl Signer {
    /// Finds credentials where all AWS tools look: environment, profiles, SSO, container, instance.
    pub(crate) async fn find(region: &str) -> Result<Self> {
        let account = Account::open(None).await?;
        let config = Box::pin(account.loader(Some(Region::new(region.to_owned()))).load()).await;
        let (provider, current) = account.credentials(&config).await?;
        let source = account.source(&current);
        Ok(Self { region: region.to_owned(), account, provider, current: Mutex::new(current), source })
    }

    /// Where its credentials were found, for the summary.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Adds the signature's headers. `url` is the whole URL, `sha256` the body's digest.
    pub(crate) async fn sign<B>(&self, request: &mut Request<B>, url: &str, sha256: &str) -> Result<()> {
        let identity = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("lambda")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Precomputed(sha256.to_owned());
        let signable = SignableRequest::new(request.method().as_str(), url, headers, body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    async fn credentials(&self) -> Result<Credentials> {
        let mut current = self.current.lock().await;
        if current.expiry().is_some_and(|expiry| expiry < SystemTime::now() + MARGIN) {
            *current = self.account.provide(&self.provider).await?;
        }
        Ok(current.clone())
    }
}
