//! S3 as the environment says, for the functions.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::config::{Builder, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// Region, credentials, and another S3 than AWS's where `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` names one: it is addressed
/// path-style.
pub async fn config() -> Builder {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client());
    let elsewhere = set("AWS_ENDPOINT_URL_S3") || set("AWS_ENDPOINT_URL");
    if elsewhere && !set("AWS_REGION") && !set("AWS_DEFAULT_REGION") {
        // Another S3 rarely cares, and the search for a region ends at addresses that exist in AWS only.
        loader = loader.region(Region::from_static("us-east-1"));
    }
    let config = Box::pin(loader.load()).await;
    Builder::from(&config).force_path_style(elsewhere)
}

/// ring does the cryptography: the default library takes minutes to build.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
