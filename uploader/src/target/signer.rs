//! AWS Signature Version 4, for Function URLs that ask for it.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use hyper::Request;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Credentials are renewed this long before they expire.
const MARGIN: Duration = Duration::from_secs(120);
/// Off AWS, the last places of the chain are addresses that never answer.
pub(crate) const LONGEST_SEARCH: Duration = Duration::from_secs(15);

/// What to do where there are no credentials.
pub(crate) const CREDENTIALS_HELP: &str =
    "no AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// Signs requests for Lambda in one region.
pub(crate) struct Signer {
    region: String,
    provider: SharedCredentialsProvider,
    current: Mutex<Credentials>,
}

impl Signer {
    /// Finds credentials where all AWS tools look: environment, profiles, SSO, container, instance.
    pub(crate) async fn find(region: &str) -> Result<Self> {
        let client =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(client)
            .load()
            .await;
        let provider = config.credentials_provider().context("no AWS credentials are configured")?;
        let current = provide(&provider).await?;
        Ok(Self { region: region.to_owned(), provider, current: Mutex::new(current) })
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
            *current = provide(&self.provider).await?;
        }
        Ok(current.clone())
    }
}

async fn provide(provider: &SharedCredentialsProvider) -> Result<Credentials> {
    timeout(LONGEST_SEARCH, provider.provide_credentials()).await.context(CREDENTIALS_HELP)?.context(CREDENTIALS_HELP)
}
