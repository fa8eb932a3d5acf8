//! Between queue and function: what Lambda's event source mapping does for a queue in AWS.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use aws_sdk_sqs::types::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::queue::Queue;
use super::reply::Verdict;
use super::{MOST_RECEIVES, event, invocation};
use crate::emulator::{DETECT_BULK, Emulator};
use crate::link::Endpoint;
use crate::notice::notice;

/// How messages reach the function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapping {
    /// Most messages of a call.
    pub(crate) batch_size: usize,
    /// How long a batch may take to fill.
    pub(crate) batch_window: Duration,
    /// Calls at once: the function's workers, since each bears one.
    pub(crate) concurrency: usize,
    /// No word of what is going on.
    pub(crate) quiet: bool,
}

/// The mapping at work.
pub(crate) struct EventSource {
    mapping: Mapping,
    queue: Queue,
    queue_arn: String,
    visibility: Duration,
    emulator: Arc<Emulator>,
    function: Endpoint,
}

impl EventSource {
    /// Connects a queue to `detect-bulk`.
    pub(crate) async fn new(mapping: Mapping, queue: Queue, emulator: Arc<Emulator>) -> Result<Arc<Self>> {
        let (queue_arn, visibility) = queue.describe().await.context("cannot read the queue's attributes from moto")?;
        let function = Endpoint::parse(&emulator.invoke_url(DETECT_BULK))?;
        Ok(Arc::new(Self { mapping, queue, queue_arn, visibility, emulator, function }))
    }

    /// Carries messages until the queue cannot be asked any more; why not. Dropped, it gives up calls under way, whose
    /// messages come back.
    pub(crate) async fn run(self: Arc<Self>) -> anyhow::Error {
        let places = Arc::new(Semaphore::new(self.mapping.concurrency));
        let mut calls = JoinSet::new();
        loop {
            // Only who can be served is asked for: a message that waits here grows old.
            let place = match Arc::clone(&places).acquire_owned().await {
                Ok(place) => place,
                Err(error) => return error.into(),
            };
            let batch = match self.queue.gather(self.mapping.batch_size, self.mapping.batch_window).await {
                Ok(batch) => batch,
                Err(error) => return error.context("cannot receive messages from the queue"),
            };
            calls.spawn(Arc::clone(&self).carry(batch, place));
            while calls.try_join_next().is_some() {}
        }
    }

    /// Has a batch processed, and deletes from the queue what is done.
    async fn carry(self: Arc<Self>, batch: Vec<Message>, place: OwnedSemaphorePermit) {
        let start = Instant::now();
        let ids: HashSet<&str> = batch.iter().filter_map(Message::message_id).collect();
        let verdict = match self.call(&batch, place).await {
            Ok(answer) => Verdict::read(&answer, &ids),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        let failed = match verdict {
            Verdict::Done(failed) => failed,
            Verdict::Failed(reason) => {
                self.say(&format!("a batch failed ({reason})"));
                ids.iter().map(|id| (*id).to_owned()).collect()
            }
        };
        let (back, done): (Vec<&Message>, Vec<&Message>) =
            batch.iter().partition(|message| message.message_id().is_none_or(|id| failed.contains(id)));
        let receipts: Vec<&str> = done.iter().filter_map(|message| message.receipt_handle()).collect();
        if let Err(error) = self.queue.delete(&receipts).await {
            // As in AWS: what cannot be deleted comes again, and repeats are dropped by whoever reads the results.
            self.say(&format!("cannot delete messages; they will be redelivered: {error:#}"));
        }
        self.tell(batch.len(), &back, start.elapsed());
    }

    /// The function's answer. A call that outlives its messages' invisibility is given up: somebody else has them.
    async fn call(&self, batch: &[Message], place: OwnedSemaphorePermit) -> Result<bytes::Bytes> {
        let event = event::event(batch, &self.queue_arn);
        let answer = timeout(self.visibility, invocation::invoke(&self.function, &event));
        let interrupted = self.emulator.interrupted(DETECT_BULK);
        tokio::pin!(answer, interrupted);
        let seconds = self.visibility.as_secs();
        tokio::select! {
            answer = &mut answer => answer.unwrap_or_else(|_| Err(anyhow!("no response within {seconds} s"))),
            () = &mut interrupted => {
                // Perhaps it was this call's worker, and then no answer will ever come: the emulator does not notice.
                // Perhaps not: so listen on, but let the new worker have other work meanwhile.
                drop(place);
                answer.await.unwrap_or_else(|_| Err(anyhow!("a worker crashed; no response within {seconds} s")))
            }
        }
    }

    fn tell(&self, count: usize, back: &[&Message], took: Duration) {
        let took = took.as_secs_f64();
        if back.is_empty() {
            return self.say(&format!("{} done in {took:.2} s", messages(count)));
        }
        let dead = back.iter().filter(|message| event::receives(message) >= MOST_RECEIVES).count();
        let come_back = back.len() - dead;
        let mut text = format!("{} of {} done in {took:.2} s", count - back.len(), messages(count));
        if come_back > 0 {
            text += &format!("; {} returned, redelivered within {} s", messages(come_back), self.visibility.as_secs());
        }
        if dead > 0 {
            text +=
                &format!("; {} returned for the {MOST_RECEIVES}th time, sent to the dead-letter queue", messages(dead));
        }
        self.say(&text);
    }

    fn say(&self, text: &str) {
        if !self.mapping.quiet {
            notice!("queue: {text}");
        }
    }
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}
