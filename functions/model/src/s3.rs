//! S3 as the environment says, for the functions.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use crate::fault;

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

/// Why an object is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectFault {
    /// It has so many bytes, more than allowed.
    TooLarge(u64),
    /// What S3, or the way to it, said, and what to do.
    Unreadable(String),
}

/// How long an object may take, all tries included.
const OBJECT_TIME: Duration = Duration::from_secs(20);

/// The bytes of an object of at most `most` bytes, read with the credentials of the environment.
///
/// # Errors
/// [`ObjectFault`].
pub async fn object(bucket: &str, key: &str, version: Option<&str>, most: u64) -> Result<Vec<u8>, ObjectFault> {
    static CLIENT: OnceCell<Client> = OnceCell::const_new();
    let work = async {
        let client = CLIENT.get_or_init(|| async { Client::from_conf(config().await.build()) }).await;
        let request = client.get_object().bucket(bucket).key(key).set_version_id(version.map(str::to_owned));
        let object = Box::pin(request.send()).await;
        let object = object.map_err(|error| ObjectFault::Unreadable(format!("{}.", fault::said(&error))))?;
        let size = object.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let (mut body, mut bytes) = (object.body, Vec::new());
        if size > most {
            return Err(ObjectFault::TooLarge(size));
        }
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| ObjectFault::Unreadable(format!("{error}.")))?);
            if bytes.len() as u64 > most {
                return Err(ObjectFault::TooLarge(bytes.len() as u64));
            }
        }
        Ok(bytes)
    };
    let late = |_| ObjectFault::Unreadable(format!("not there within {OBJECT_TIME:?}."));
    tokio::time::timeout(OBJECT_TIME, work).await.map_err(late)?
}
