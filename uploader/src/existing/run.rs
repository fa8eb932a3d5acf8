//! A run: what is found is chosen, packed and sent, and noted before and after.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::journal::QueueJournal;
use super::listing::ListingEvent;
use super::message::{Message, Packer};
use super::object_filter::{Left, ObjectFilter};
use super::queue::Queue;
use super::sample::Sample;
use crate::bulk::Stored;
use crate::interruption::{Interruption, Signal};
use crate::progress::Progress;

/// Requests to the queue at once: a thousand photos a second and more each. A kill leaves as many in doubt.
const AT_ONCE: usize = 4;
/// Unreadable rows that are told one by one.
const TOLD: usize = 5;

/// What is done with what is found.
pub(crate) struct Run {
    pub(crate) filter: ObjectFilter,
    pub(crate) sample: Option<Sample>,
    pub(crate) packer: Packer,
    /// `None`: nothing is sent.
    pub(crate) queue: Option<Queue>,
    pub(crate) journal: Arc<Mutex<QueueJournal>>,
    /// Whether the photos are remembered.
    pub(crate) remember: bool,
    pub(crate) progress: Progress,
}

/// What a run has counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Objects found.
    pub(crate) listed: u64,
    /// Photos that could be chosen: with a sample more than `chosen`.
    pub(crate) eligible: u64,
    /// Photos that take part.
    pub(crate) chosen: u64,
    /// Their bytes, as far as they are told.
    pub(crate) bytes: u64,
    /// Of these, queued by an earlier run.
    pub(crate) before: u64,
    /// Photos to be queued, or queued.
    pub(crate) queued: u64,
    /// Of these, sent so far.
    pub(crate) sent: u64,
    /// Of these, perhaps queued before.
    pub(crate) again: u64,
    pub(crate) messages: u64,
    pub(crate) requests: u64,
    /// Rows of an inventory that nobody can read.
    pub(crate) unreadable: u64,
    /// Requests that finding them took.
    pub(crate) list_requests: u64,
}

/// What came of it.
pub(crate) struct Found {
    pub(crate) counts: Counts,
    pub(crate) left: Left,
    /// The keys of the photos, where they are remembered.
    pub(crate) keys: Vec<String>,
    /// Why rows are unreadable, of the first few.
    pub(crate) told: Vec<String>,
    pub(crate) took: Duration,
    /// What ended it before its end.
    pub(crate) signal: Option<Signal>,
}

/// A run under way.
struct Work {
    run: Run,
    sending: JoinSet<Result<()>>,
    found: Found,
}

impl Run {
    /// Goes through all that is `listed`. Whatever ends it, requests under way are answered and noted.
    pub(crate) async fn go(
        self,
        mut listed: mpsc::Receiver<ListingEvent>,
        interruption: &Interruption,
    ) -> Result<Found> {
        let start = Instant::now();
        let found = Found {
            counts: Counts::default(),
            left: Left::default(),
            keys: Vec::new(),
            told: Vec::new(),
            took: Duration::ZERO,
            signal: None,
        };
        let mut work = Work { run: self, sending: JoinSet::new(), found };
        let worked = tokio::select! {
            worked = work.all(&mut listed) => worked.map(|()| None),
            signal = interruption.came() => Ok(Some(signal)),
        };
        let answered = work.answered(0).await;
        work.run.progress.finish();
        let signal = worked?;
        answered?;
        let Work { run, mut found, .. } = work;
        (found.left, found.signal, found.took) = (run.filter.left, signal, start.elapsed());
        Ok(found)
    }
}

impl Work {
    async fn all(&mut self, listed: &mut mpsc::Receiver<ListingEvent>) -> Result<()> {
        while let Some(news) = listed.recv().await {
            match news {
                ListingEvent::Objects(objects) => {
                    for object in objects {
                        self.object(object).await?;
                    }
                    self.tell();
                }
                ListingEvent::OldVersion => self.run.filter.left.old_versions += 1,
                ListingEvent::DeleteMarker => self.run.filter.left.delete_markers += 1,
                ListingEvent::Unreadable(reason) => {
                    self.found.counts.unreadable += 1;
                    if self.found.told.len() < TOLD {
                        self.found.told.push(reason);
                    }
                }
                ListingEvent::Requests(count) => self.found.counts.list_requests += count,
                ListingEvent::Failed(error) => return Err(error),
            }
        }
        for photo in self.run.sample.take().map(Sample::finish).unwrap_or_default() {
            self.photo(photo).await?;
        }
        for request in self.run.packer.finish() {
            self.send(request).await?;
        }
        self.answered(0).await
    }

    async fn object(&mut self, object: Stored) -> Result<()> {
        self.found.counts.listed += 1;
        if !self.run.filter.takes(&object) {
            return Ok(());
        }
        self.found.counts.eligible += 1;
        match &mut self.run.sample {
            Some(sample) => {
                sample.offer(object);
                Ok(())
            }
            None => self.photo(object).await,
        }
    }

    async fn photo(&mut self, photo: Stored) -> Result<()> {
        let counts = &mut self.found.counts;
        counts.chosen += 1;
        counts.bytes += photo.size.unwrap_or(0);
        if self.run.remember {
            self.found.keys.push(photo.key.clone());
        }
        let (sent, uncertain) = {
            let journal = guard(&self.run.journal);
            (journal.has_sent(&photo), journal.is_uncertain(&photo))
        };
        if sent {
            counts.before += 1;
            return Ok(());
        }
        counts.queued += 1;
        counts.again += u64::from(uncertain);
        match self.run.packer.add(photo) {
            Some(request) => self.send(request).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<()> {
        self.found.counts.messages += messages.len() as u64;
        self.found.counts.requests += 1;
        let Some(queue) = self.run.queue.clone() else { return Ok(()) };
        self.answered(AT_ONCE - 1).await?;
        let journal = Arc::clone(&self.run.journal);
        let request = guard(&journal).intends(&messages)?;
        self.found.counts.sent += messages.iter().map(|message| message.photos.len() as u64).sum::<u64>();
        self.sending.spawn(async move {
            let noted = |taken| guard(&journal).sent(request, taken);
            queue.send(&messages, noted).await
        });
        Ok(())
    }

    /// Waits until no more than `most` requests are under way.
    async fn answered(&mut self, most: usize) -> Result<()> {
        let mut all = Ok(());
        while self.sending.len() > most {
            let Some(ended) = self.sending.join_next().await else { break };
            let ended = ended.unwrap_or_else(|error| Err(anyhow!("sending failed: {error}")));
            all = all.and(ended);
        }
        all
    }

    fn tell(&self) {
        let Counts { listed, queued, before, .. } = self.found.counts;
        self.run.progress.reports(format!("{listed} objects listed, {} photos queued", queued + before));
    }
}

fn guard(journal: &Mutex<QueueJournal>) -> MutexGuard<'_, QueueJournal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}
