//! The queue, as its consumer sees it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// SQS hands out and deletes at most this many messages in one call.
const MOST_AT_ONCE: usize = 10;
/// Between looks into an empty queue.
const PAUSE: Duration = Duration::from_millis(200);

/// A queue. One call at a time: moto rebuilds the list of messages at every deletion, and two of those at once, or one
/// while a message moves to the dead-letter queue, lose messages. That is also why nobody waits inside a call.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    client: Arc<Mutex<Client>>,
    url: String,
}

impl Queue {
    pub(super) fn new(client: Client, url: String) -> Self {
        Self { client: Arc::new(Mutex::new(client)), url }
    }

    /// Its ARN, and for how long messages that were received stay hidden.
    pub(super) async fn describe(&self) -> Result<(String, Duration)> {
        let client = self.client.lock().await;
        let request = client.get_queue_attributes().queue_url(&self.url).attribute_names(QueueAttributeName::All);
        let told = Box::pin(request.send()).await.map_err(|e| anyhow!("{}", DisplayErrorContext(e)))?;
        let attribute = |name| told.attributes.as_ref().and_then(|attributes| attributes.get(&name));
        let arn = attribute(QueueAttributeName::QueueArn).context("the queue has no ARN")?.clone();
        let visibility =
            attribute(QueueAttributeName::VisibilityTimeout).context("the queue has no visibility timeout")?;
        Ok((arn, Duration::from_secs(visibility.parse()?)))
    }

    /// Waits for messages and goes on for `window` or until there are `most`, as Lambda does.
    pub(super) async fn gather(&self, most: usize, window: Duration) -> Result<Vec<Message>> {
        let mut messages = Vec::new();
        let mut until = None;
        loop {
            let received = self.receive(most - messages.len()).await?;
            let none = received.is_empty();
            messages.extend(received);
            if messages.len() >= most {
                return Ok(messages);
            }
            if !messages.is_empty() && Instant::now() >= *until.get_or_insert_with(|| Instant::now() + window) {
                return Ok(messages);
            }
            if none {
                sleep(PAUSE).await;
            }
        }
    }

    async fn receive(&self, most: usize) -> Result<Vec<Message>> {
        let client = self.client.lock().await;
        let request = client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most.min(MOST_AT_ONCE))?)
            .wait_time_seconds(0)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        let received = Box::pin(request.send()).await.map_err(|e| anyhow!("{}", DisplayErrorContext(e)))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes messages, by their receipts.
    pub(super) async fn delete(&self, receipts: &[&str]) -> Result<()> {
        let client = self.client.lock().await;
        for some in receipts.chunks(MOST_AT_ONCE) {
            let entries = some.iter().enumerate().map(|(number, receipt)| {
                DeleteMessageBatchRequestEntry::builder().id(number.to_string()).receipt_handle(*receipt).build()
            });
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            let request = client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let deleted = Box::pin(request.send()).await.map_err(|e| anyhow!("{}", DisplayErrorContext(e)))?;
            if let Some(failed) = deleted.failed.first() {
                bail!(
                    "{} of {} messages: {}",
                    deleted.failed.len(),
                    some.len(),
                    failed.message().unwrap_or(failed.code())
                );
            }
        }
        Ok(())
    }
}
