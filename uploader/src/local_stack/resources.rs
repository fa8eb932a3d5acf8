//! Buckets, queues and what connects them: what `infra/template.yaml` makes in AWS.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws_credential_types::Credentials;
use aws_sdk_s3::types::{
    Event, FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter, QueueConfiguration,
    S3KeyFilter,
};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::json;

use super::{ACCESS_KEY, MOST_RECEIVES, REGION, SECRET_KEY};

const INPUT_BUCKET: &str = "photos";
const INPUT_PREFIX: &str = "in/";
const RESULTS_BUCKET: &str = "results";
const RESULTS_PREFIX: &str = "out/";
const QUEUE: &str = "photos";
const DEAD_LETTERS: &str = "photos-dead-letters";

pub(super) fn input_uri() -> String {
    format!("s3://{INPUT_BUCKET}/{INPUT_PREFIX}")
}

pub(super) fn results_uri() -> String {
    format!("s3://{RESULTS_BUCKET}/{RESULTS_PREFIX}")
}

/// What was made.
pub(super) struct Resources {
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) queue_url: String,
    pub(super) dead_letters_url: String,
}

impl Resources {
    /// Makes everything, at a server that has nothing yet.
    pub(super) async fn create(endpoint: &str, visibility: Duration) -> Result<Self> {
        let (s3, sqs) = clients(endpoint);
        for bucket in [INPUT_BUCKET, RESULTS_BUCKET] {
            let made = Box::pin(s3.create_bucket().bucket(bucket).send()).await;
            made.map_err(|e| {
                anyhow!("moto: cannot create bucket {bucket}: {}", aws_sdk_s3::error::DisplayErrorContext(e))
            })?;
        }
        let dead_letters_url = queue(&sqs, DEAD_LETTERS, &[]).await?;
        let redrive =
            json!({"deadLetterTargetArn": arn(&sqs, &dead_letters_url).await?, "maxReceiveCount": MOST_RECEIVES});
        let attributes = [
            (QueueAttributeName::VisibilityTimeout, visibility.as_secs().to_string()),
            (QueueAttributeName::RedrivePolicy, redrive.to_string()),
        ];
        let queue_url = queue(&sqs, QUEUE, &attributes).await?;
        notify(&s3, &arn(&sqs, &queue_url).await?).await?;
        Ok(Self { sqs, queue_url, dead_letters_url })
    }
}

fn clients(endpoint: &str) -> (aws_sdk_s3::Client, aws_sdk_sqs::Client) {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local stack");
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let s3 = aws_sdk_s3::config::Builder::new()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::from_static(REGION))
        .credentials_provider(credentials.clone())
        .endpoint_url(endpoint)
        .force_path_style(true)
        .http_client(http.clone());
    let sqs = aws_sdk_sqs::config::Builder::new()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::from_static(REGION))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .http_client(http);
    (aws_sdk_s3::Client::from_conf(s3.build()), aws_sdk_sqs::Client::from_conf(sqs.build()))
}

/// Makes a queue; its URL.
async fn queue(sqs: &aws_sdk_sqs::Client, name: &str, attributes: &[(QueueAttributeName, String)]) -> Result<String> {
    let request = attributes
        .iter()
        .fold(sqs.create_queue().queue_name(name), |request, (name, value)| request.attributes(name.clone(), value));
    let made = Box::pin(request.send()).await;
    let made =
        made.map_err(|e| anyhow!("moto: cannot create queue {name}: {}", aws_sdk_sqs::error::DisplayErrorContext(e)))?;
    made.queue_url.with_context(|| format!("moto: no URL for queue {name}"))
}

async fn arn(sqs: &aws_sdk_sqs::Client, url: &str) -> Result<String> {
    let request = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    let told = Box::pin(request.send()).await;
    let told =
        told.map_err(|e| anyhow!("moto: unknown queue {url}: {}", aws_sdk_sqs::error::DisplayErrorContext(e)))?;
    let arn = told.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
    arn.with_context(|| format!("moto: no ARN for {url}"))
}

/// Has the bucket tell the queue of new objects below the prefix.
async fn notify(s3: &aws_sdk_s3::Client, queue_arn: &str) -> Result<()> {
    let prefix = FilterRule::builder().name(FilterRuleName::Prefix).value(INPUT_PREFIX).build();
    let filter =
        NotificationConfigurationFilter::builder().key(S3KeyFilter::builder().filter_rules(prefix).build()).build();
    let to_queue =
        QueueConfiguration::builder().queue_arn(queue_arn).events(Event::S3ObjectCreated).filter(filter).build()?;
    let configuration = NotificationConfiguration::builder().queue_configurations(to_queue).build();
    let request = s3.put_bucket_notification_configuration().bucket(INPUT_BUCKET);
    let put = Box::pin(request.notification_configuration(configuration).send()).await;
    put.map_err(|e| {
        anyhow!("moto: cannot set the bucket's notification: {}", aws_sdk_s3::error::DisplayErrorContext(e))
    })?;
    Ok(())
}
