//! The photos of an invocation, as a pipeline: fetched ahead, looked at by one worker per vCPU, their results stored.
//!
//! Memory is bounded whatever the photos: bytes by the [`Fetcher`]'s budget, decoded pixels by the number of workers,
//! since each decodes a photo and infers it before the next. With as many workers as vCPUs nothing is gained by giving
//! the two to different threads.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{Instrument, Span};

use crate::budget::Held;
use crate::deadline::Deadline;
use crate::fetch::{FetchError, Fetched, Fetcher};
use crate::outcome::{Outcome, Verdict};
use crate::plan::Job;
use crate::results::Results;
use crate::store::failure::Failure;
use crate::worker::Worker;

const OUT_OF_TIME: &str = "timed out before this photo was processed";

/// The stages, and what they share.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) fetcher: Fetcher,
    pub(crate) workers: Arc<Semaphore>,
    pub(crate) worker: Arc<Worker>,
    pub(crate) results: Results,
}

impl Pipeline {
    /// Works through `jobs`; the outcomes come in their order.
    pub(crate) async fn run(self: &Arc<Self>, jobs: Vec<Job>, request_id: &str, deadline: Deadline) -> Vec<Outcome> {
        let request_id: Arc<str> = request_id.into();
        let mut outcomes: Vec<Option<Outcome>> = jobs.iter().map(|_| None).collect();
        let mut tasks = JoinSet::new();
        for (index, job) in jobs.into_iter().enumerate() {
            let (pipeline, request_id) = (Arc::clone(self), Arc::clone(&request_id));
            let work = async move { (index, pipeline.one(job, &request_id, deadline).await) };
            tasks.spawn(work.instrument(Span::current()));
        }
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((index, outcome)) => outcomes[index] = Some(outcome),
                Err(error) => tracing::error!(%error, "a photo's task failed"),
            }
        }
        let crashed = || Outcome::later("this photo's task failed".to_owned());
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(crashed)).collect()
    }

    /// The way of one photo.
    async fn one(&self, job: Job, request_id: &Arc<str>, deadline: Deadline) -> Outcome {
        // What a photo may take of memory is given back when its results are stored, not before.
        let (key, (outcome, _held)) = match job {
            Job::Refused(source, error) => (source.key.clone(), (self.worker.never(source, request_id, error), None)),
            Job::Photo(_) if !deadline.allows_more() => return Outcome::later(OUT_OF_TIME.to_owned()),
            Job::Photo(photo) => match deadline.before_stop(self.fetcher.fetch(&photo)).await {
                None => return Outcome::later(OUT_OF_TIME.to_owned()),
                Some(Ok(fetched)) => (fetched.source.key.clone(), self.look(fetched, request_id, deadline).await),
                Some(Err(fetch_error)) => {
                    (fetch_error.source.key.clone(), (self.fetch_error(fetch_error, request_id), None))
                }
            },
        };
        self.keep(&key, outcome, deadline).await
    }

    /// Waits for a worker, and lets it look.
    async fn look(&self, fetched: Fetched, request_id: &Arc<str>, deadline: Deadline) -> (Outcome, Option<Held>) {
        let Some(Ok(permit)) = deadline.before_stop(Arc::clone(&self.workers).acquire_owned()).await else {
            return (Outcome::later(OUT_OF_TIME.to_owned()), None);
        };
        let (worker, request_id, span) = (Arc::clone(&self.worker), Arc::clone(request_id), Span::current());
        let work = spawn_blocking(move || {
            let _in_span = span.enter();
            let Fetched { source, bytes, held } = fetched;
            let outcome = worker.process(source, &request_id, &bytes);
            drop((bytes, permit));
            (outcome, Some(held))
        });
        match deadline.before_give_up(work).await {
            Some(Ok(looked)) => looked,
            Some(Err(error)) => (Outcome::later(format!("the worker failed: {error}")), None),
            None => (Outcome::later("timed out while processing this photo".to_owned()), None),
        }
    }

    fn fetch_error(&self, FetchError { source, failure }: FetchError, request_id: &str) -> Outcome {
        match failure {
            Failure::Never(error) => self.worker.never(source, request_id, error),
            Failure::Later(reason) | Failure::Broken(reason) => Outcome::later(reason),
        }
    }

    /// Stores what a photo has of its own. What could not be stored is as if it had not been looked at.
    async fn keep(&self, key: &str, mut outcome: Outcome, deadline: Deadline) -> Outcome {
        if matches!(outcome.verdict, Verdict::Later(_)) {
            return outcome;
        }
        let pictures = std::mem::take(&mut outcome.pictures);
        match deadline.before_end(self.results.photo(key, outcome.line.as_deref(), pictures)).await {
            Some(Ok(())) => outcome,
            Some(Err(reason)) => Outcome::later(reason),
            None => Outcome::later("timed out while storing the result".to_owned()),
        }
    }
}
