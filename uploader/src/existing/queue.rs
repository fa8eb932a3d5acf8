//! The queue that detect-bulk is fed from, as a sender sees it.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use aws_config::{Region, SdkConfig};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use backon::{BackoffBuilder, ExponentialBuilder};
use url::Url;

use super::message::Message;
use crate::bulk::describe;
use crate::link::CONNECT_WITHIN;

/// Tries of a request, and of a message that the queue did not take, the first one included. Of each pause a random share is
/// waited for, half of it on average: about a minute in all, as for S3.
const TRIES: u32 = 18;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The largest message of SQS, and what any queue takes where it may not be asked.
const LARGEST: usize = 1 << 20;
const SAFE: usize = 256 << 10;

/// A queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// When the URL is none of a queue that could be used.
    pub(crate) fn new(config: &SdkConfig, url: &str) -> Result<Self> {
        let (origin, region) = place(url)?;
        let retries = RetryConfig::standard()
            .with_max_attempts(TRIES)
            .with_initial_backoff(FIRST_PAUSE)
            .with_max_backoff(LONGEST_PAUSE);
        // As for S3: the SDK would allow a client only a few retries in total.
        let partition = RetryPartition::custom("queue").token_bucket(TokenBucket::unlimited()).build();
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).read_timeout(ANSWER).build();
        let config = Builder::from(config)
            .endpoint_url(origin)
            .retry_config(retries)
            .retry_partition(partition)
            .timeout_config(timeouts)
            .region(region.map(Region::new).or_else(|| config.region().cloned()));
        Ok(Self { client: Client::from_conf(config.build()), url: url.to_owned() })
    }

    /// The most bytes that a message may have. Finds out whether there is such a queue.
    pub(crate) async fn largest_message(&self) -> Result<usize> {
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let request = request.attribute_names(QueueAttributeName::MaximumMessageSize);
        match Box::pin(request.send()).await {
            Ok(told) => {
                let size = told.attributes.unwrap_or_default().remove(&QueueAttributeName::MaximumMessageSize);
                Ok(size.and_then(|size| size.parse().ok()).map_or(SAFE, |size: usize| size.min(LARGEST)))
            }
            // Whoever may only send needs not be allowed to ask.
            Err(error) if is_denied(&error) => Ok(SAFE),
            Err(error) => Err(self.explained(&error)),
        }
    }

    /// Sends up to ten messages. Those that the queue did not take are sent again for a while. `taken` is told after each
    /// try which were taken, by their places.
    pub(crate) async fn send(
        &self,
        messages: &[Message],
        mut taken: impl FnMut(Vec<usize>) -> Result<()>,
    ) -> Result<()> {
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
        let mut pauses = pauses.with_jitter().with_max_times(TRIES as usize - 1).build();
        let mut left: Vec<usize> = (0..messages.len()).collect();
        loop {
            let entries = left.iter().map(|&place| {
                let body = messages[place].body.as_str();
                SendMessageBatchRequestEntry::builder().id(place.to_string()).message_body(body).build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = Box::pin(request.send()).await.map_err(|error| self.explained(&error))?;
            let mut went: Vec<usize> = answer.successful.iter().filter_map(|entry| entry.id().parse().ok()).collect();
            went.retain(|place| left.contains(place));
            left.retain(|place| !went.contains(place));
            if !went.is_empty() {
                taken(went)?;
            }
            if left.is_empty() {
                return Ok(());
            }
            let refused = answer.failed.iter().find(|entry| entry.sender_fault()).or(answer.failed.first());
            let said = refused.map_or("no reason given", |entry| entry.message().unwrap_or(entry.code()));
            match pauses.next().filter(|_| !refused.is_some_and(|entry| entry.sender_fault())) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => bail!("--queue {}: {} messages were not accepted: {said}", self.url, left.len()),
            }
        }
    }

    fn explained<E>(&self, error: &SdkError<E>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (at, said) = (format!("--queue {}", self.url), describe(error));
        let code = error.code().unwrap_or_default();
        if code.ends_with("QueueDoesNotExist") || code.ends_with("NonExistentQueue") {
            return anyhow!("{at}: no such queue in this account and region; the stack's output QueueUrl names it");
        }
        if is_denied(error) {
            return anyhow!("{at}: access denied ({said}); the credentials need sqs:SendMessage");
        }
        anyhow!("{at}: {said}")
    }
}

fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code().is_some_and(|code| code.ends_with("AccessDenied") || code.ends_with("AccessDeniedException"))
}

/// Where a queue's service is, and the region that its host names.
fn place(url: &str) -> Result<(String, Option<String>)> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.path().len() > 1);
    let Some(parsed) = parsed.filter(Url::has_host) else {
        bail!("--queue {url}: expected a queue's URL, as the stack's output QueueUrl has it");
    };
    if parsed.path().ends_with(".fifo") {
        bail!("--queue {url}: FIFO queues are not supported; detect-bulk needs no order");
    }
    let labels: Vec<&str> = parsed.host_str().unwrap_or_default().split('.').collect();
    let region = match labels[..] {
        ["queue", "amazonaws", ..] => Some("us-east-1"),
        [region, "queue", "amazonaws", ..] => Some(region),
        _ if labels.contains(&"amazonaws") => {
            labels.windows(2).find(|pair| matches!(pair[0], "sqs" | "sqs-fips")).map(|pair| pair[1])
        }
        _ => None,
    };
    Ok((parsed.origin().ascii_serialization(), region.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_tells_the_region() {
        for (url, origin, region) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/123456789012/q",
                "https://sqs.eu-central-1.amazonaws.com",
                Some("eu-central-1"),
            ),
            (
                "https://eu-west-1.queue.amazonaws.com/123456789012/q",
                "https://eu-west-1.queue.amazonaws.com",
                Some("eu-west-1"),
            ),
            (
                "https://vpce-1.sqs.us-east-2.vpce.amazonaws.com/1/q",
                "https://vpce-1.sqs.us-east-2.vpce.amazonaws.com",
                Some("us-east-2"),
            ),
            ("http://127.0.0.1:9324/000000000000/q", "http://127.0.0.1:9324", None),
        ] {
            assert_eq!(place(url).unwrap(), (origin.to_owned(), region.map(str::to_owned)), "{url}");
        }
        for url in
            ["arn:aws:sqs:eu-central-1:123456789012:q", "q", "https://sqs.eu-central-1.amazonaws.com/", "s3://b/q"]
        {
            assert!(place(url).unwrap_err().to_string().contains("QueueUrl"), "{url}");
        }
        assert!(place("https://sqs.eu-central-1.amazonaws.com/1/q.fifo").unwrap_err().to_string().contains("FIFO"));
    }
}
