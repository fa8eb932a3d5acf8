//! A run under way: photos arrive in the bucket, results come out of it, and each result goes to its photo.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep_until;
use wire::S3Uri;

use super::collector::{Collecting, CollectorEvent};
use super::result_tracker::{Delivery, ResultTracker, Since};
use super::result_writer::ResultWriter;
use super::selection::Photo;
use super::upload::{Arrival, Event, Uploads};
use crate::interruption::{Interruption, Signal};
use crate::photo::item_error;

/// Broken lines and retries that are told one by one.
const TOLD: u64 = 5;
/// Missing photos that are named.
const NAMED: usize = 5;

/// What a run has counted beside its photos' outcomes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) uploaded: u64,
    pub(crate) held: u64,
    pub(crate) broken_lines: u64,
    pub(crate) parts: u64,
    pub(crate) lines: u64,
    /// Photos without a result when time was up.
    pub(crate) missing: u64,
    retries: u64,
}

/// The run.
pub(crate) struct BulkRun {
    pub(crate) photos: Arc<Vec<Photo>>,
    pub(crate) tracker: ResultTracker,
    pub(crate) writer: ResultWriter,
    /// How long no news may come.
    pub(crate) timeout: Duration,
    /// From when the result of a photo that the bucket already held is counted; none is for photos it does not name.
    pub(crate) held_since: Vec<Since>,
    pub(crate) counts: Counts,
}

impl BulkRun {
    /// Until all photos have arrived and, where results are collected, every result is there or time is up; or until somebody
    /// asks to end, which is told.
    pub(crate) async fn run(
        &mut self,
        mut uploads: Option<Uploads>,
        mut collecting: Option<Collecting>,
        interruption: &Interruption,
    ) -> Result<Option<Signal>> {
        let worked = tokio::select! {
            worked = self.work(&mut uploads, &mut collecting) => worked.map(|()| None),
            signal = interruption.came() => Ok(Some(signal)),
        };
        let missed = if matches!(worked, Ok(None)) && collecting.is_some() { self.miss() } else { Ok(()) };
        // Whatever stopped the run, what has been written so far is to be complete.
        let ended = self.writer.end().await;
        let signal = worked?;
        missed.and(ended).map(|()| signal)
    }

    async fn work(&mut self, uploads: &mut Option<Uploads>, collecting: &mut Option<Collecting>) -> Result<()> {
        let everything = self.tracker.index().is_none();
        let mut caught = false;
        let mut last_news = Instant::now();
        loop {
            let settled = match collecting {
                None => true,
                Some(_) if everything => caught,
                Some(_) => self.tracker.open() == 0,
            };
            if uploads.is_none() && settled {
                return Ok(());
            }
            self.tell();
            tokio::select! {
                event = next_event(uploads) => {
                    last_news = Instant::now();
                    match event {
                        Some(event) => self.arrived(event?, collecting.is_some()).await?,
                        None => {
                            *uploads = None;
                            // Only photos that were not sent anew can have their results among what was there before.
                            if let (Some(collecting), 1..) = (&mut *collecting, self.counts.held) {
                                collecting.read_old();
                            }
                        }
                    }
                }
                event = next_collector_event(collecting) => match event {
                    Some(CollectorEvent::Line(arrived)) => {
                        self.counts.lines += 1;
                        // What lay there has an end, however long it takes to read; the lines of other runs have none.
                        if arrived.old || !caught {
                            last_news = Instant::now();
                        }
                        if let Some(delivery) = self.tracker.take(*arrived) {
                            last_news = Instant::now();
                            self.deliver(delivery).await?;
                        }
                    }
                    Some(CollectorEvent::Part(0)) => {}
                    Some(CollectorEvent::Part(_)) => self.counts.parts += 1,
                    Some(CollectorEvent::Broken(line)) => {
                        self.counts.broken_lines += 1;
                        if self.counts.broken_lines <= TOLD {
                            self.writer.notice(&line);
                        }
                    }
                    Some(CollectorEvent::Retry(reason)) => {
                        self.counts.retries += 1;
                        if self.counts.retries <= TOLD {
                            self.writer.notice(&format!("{reason} Retrying."));
                        }
                    }
                    Some(CollectorEvent::Caught) => caught = true,
                    Some(CollectorEvent::End(error)) => return Err(error),
                    None => bail!("reading the results stopped unexpectedly"),
                },
                () = sleep_until((last_news + self.timeout).into()), if uploads.is_none() => return Ok(()),
            }
        }
    }

    async fn arrived(&mut self, event: (usize, Arrival), collects: bool) -> Result<()> {
        let (index, arrival) = event;
        let (etag, since) = match arrival {
            Arrival::Uploaded { etag, at, took, size } => {
                self.counts.uploaded += 1;
                self.writer.tally.add_upload(size, took);
                (etag, Since::Here(at))
            }
            Arrival::Held { etag } => {
                self.counts.held += 1;
                (etag, self.held_since.get(index).copied().unwrap_or(Since::Unknown))
            }
            Arrival::Missing { .. } => {
                let message = "Not in the bucket, or a different version. Upload it with uploader bulk.";
                return self.fail(index, item_error("not_uploaded", message));
            }
            Arrival::Failed(error) => return self.fail(index, error),
        };
        if !collects {
            self.writer.progress.advance(1);
            return Ok(());
        }
        match self.tracker.is_there(index, &etag, since) {
            Some(delivery) => self.deliver(delivery).await,
            None => Ok(()),
        }
    }

    fn fail(&mut self, index: usize, error: wire::ItemError) -> Result<()> {
        self.tracker.gave_up(index);
        self.writer.failure(&self.photos[index].name, error)
    }

    async fn deliver(&mut self, delivery: Delivery) -> Result<()> {
        let Delivery { index, line, waited } = delivery;
        match index {
            Some(index) => self.writer.result(&self.photos[index], line, waited).await,
            None => {
                let key = line.source.key.clone();
                let photo = Photo { name: place(&line.source.bucket, &key), local: false, key: key.into() };
                self.writer.result(&photo, line, waited).await
            }
        }
    }

    /// Time is up for the photos that still have no result.
    fn miss(&mut self) -> Result<()> {
        let missing: Vec<usize> = self.tracker.missing().collect();
        self.counts.missing = missing.len() as u64;
        if missing.is_empty() {
            return Ok(());
        }
        let seconds = self.timeout.as_secs_f64();
        for &index in &missing {
            let message = format!("No result within {seconds} s of the last one.");
            self.fail(index, item_error("no_result", message))?;
        }
        let mut names: Vec<String> =
            missing.iter().take(NAMED).map(|&index| self.photos[index].name.display().to_string()).collect();
        if missing.len() > NAMED {
            names.push(format!("and {} more", missing.len() - NAMED));
        }
        let all = self.photos.len();
        let text = format!(
            "{} of {all} photos have no result, {seconds} s after the last news: {}",
            missing.len(),
            names.join(", ")
        );
        self.writer.notice(&text);
        Ok(())
    }

    fn tell(&self) {
        let failed = self.writer.tally.failed();
        let detected = self.writer.tally.answered();
        let there = self.counts.uploaded + self.counts.held;
        let uploaded = if there > 0 { format!("{there} uploaded, ") } else { String::new() };
        self.writer.progress.says(&format!("{uploaded}{detected} done, {failed} failed"));
    }
}

/// How an object is called in the output where no file of this machine is known.
pub(crate) fn place(bucket: &str, key: &str) -> PathBuf {
    format!("s3://{bucket}/{key}").into()
}

/// The places of a run, for people.
pub(crate) fn way(bucket: &S3Uri, results: &S3Uri) -> String {
    format!("{bucket} -> {results}")
}

async fn next_event(uploads: &mut Option<Uploads>) -> Option<Event> {
    match uploads {
        Some(uploads) => uploads.next().await,
        None => std::future::pending().await,
    }
}

async fn next_collector_event(collecting: &mut Option<Collecting>) -> Option<CollectorEvent> {
    match collecting {
        Some(collecting) => collecting.next().await,
        None => std::future::pending().await,
    }
}
