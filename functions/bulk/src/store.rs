//! S3: the client, how patient it is, and objects in and out.

pub(crate) mod failure;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use model_source::s3;
use wire::ModelRef;

use failure::Failure;

/// How long S3 is waited for. What takes longer is tried again, and then handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub answer: Duration,
    /// For the next bytes of a body.
    pub stall: Duration,
    /// Tries of a request, and of a body that broke off.
    pub tries: u32,
    /// Before the second try; doubled before each further one, with jitter.
    pub pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(10),
            stall: Duration::from_secs(3),
            tries: 4,
            pause: Duration::from_millis(100),
        }
    }
}

/// Objects of S3. The SDK's futures are deep and large, so each is boxed.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    retry_policy: RetryPolicy,
}

impl Store {
    /// S3 as the environment says: region, credentials, `AWS_ENDPOINT_URL_S3`.
    pub async fn from_env(retry_policy: RetryPolicy) -> Self {
        Self::new(s3::config().await, retry_policy)
    }

    /// S3 as configured, but for retries and timeouts.
    #[must_use]
    pub fn new(config: Builder, retry_policy: RetryPolicy) -> Self {
        let retries = RetryConfig::standard()
            .with_max_attempts(retry_policy.tries)
            .with_initial_backoff(retry_policy.pause)
            .with_max_backoff(Duration::from_secs(2));
        let timeouts =
            TimeoutConfig::builder().connect_timeout(retry_policy.connect).read_timeout(retry_policy.answer).build();
        let config = config
            .retry_config(retries)
            .timeout_config(timeouts)
            // Photos wait for their turn with their bodies unread; `RetryPolicy::stall` watches those that are read.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Self { client: Client::from_conf(config.build()), retry_policy }
    }

    pub(crate) fn retry_policy(&self) -> &RetryPolicy {
        &self.retry_policy
    }

    /// Opens connections before they are needed. Whatever fails here fails again, and is told, at the first photo.
    pub(crate) async fn warm(&self, bucket: &str) {
        if let Err(error) = Box::pin(self.client.head_bucket().bucket(bucket).send()).await {
            tracing::debug!(bucket, error = failure::describe(&error), "cannot connect to S3 ahead of time");
        }
    }

    /// An object whose body is not read yet.
    pub(crate) async fn open(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<GetObjectOutput, Failure> {
        let request = self.client.get_object().bucket(bucket).key(key);
        let request = request.set_version_id(version.map(str::to_owned));
        Box::pin(request.send()).await.map_err(|error| failure::of_get(&error))
    }

    /// Stores an object, telling which model made it.
    ///
    /// # Errors
    /// What S3 said after all tries.
    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &str,
        content_type: &str,
        body: Bytes,
        model: &ModelRef,
    ) -> Result<(), String> {
        let request = self.client.put_object().bucket(bucket).key(key).content_type(content_type);
        let request = request.metadata("model", ascii(&model.name)).metadata("model-sha256", ascii(&model.sha256));
        match Box::pin(request.body(ByteStream::from(body)).send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("cannot store s3://{bucket}/{key}: {}", failure::describe(&error))),
        }
    }
}

/// What header values may hold.
fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
