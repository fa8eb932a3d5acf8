//! The function's state, and the way of an invocation.

use std::sync::Arc;
use std::time::Instant;

use detector::ModelError;
use serde_json::Value;
use tokio::sync::Semaphore;
use wire::ModelRef;

use crate::deadline::Deadline;
use crate::event::Event;
use crate::fetch::Fetcher;
use crate::outcome::{Outcome, Verdict};
use crate::pipeline::Pipeline;
use crate::plan::Plan;
use crate::reply::{HandedBack, reply};
use crate::results::Results;
use crate::settings::{Layout, Settings};
use crate::store::Store;
use crate::tally::Tally;
use crate::work::Looker;

/// Photos run ahead of each worker by this many bytes: a second's work or more.
const RUN_AHEAD_BYTES: u64 = 32 << 20;

/// A loaded function.
#[derive(Debug)]
pub struct App {
    pipeline: Arc<Pipeline>,
    settings: Settings,
}

impl App {
    /// Loads and warms the model, one session per vCPU, and meanwhile opens connections to S3; `start` is when the
    /// process began.
    ///
    /// # Errors
    /// [`ModelError`]. S3 is not needed to start.
    pub async fn load(settings: Settings, store: Store, start: Instant) -> Result<Self, ModelError> {
        let workers = settings.function.threads.max(1);
        // In AWS every bucket is a host of its own. This may well outlast the model: it then goes on beside the photos.
        for place in settings.input.iter().chain([&settings.results]) {
            let (store, bucket) = (store.clone(), place.bucket.clone());
            tokio::spawn(async move { store.warm(&bucket).await });
        }
        let function = settings.function.clone();
        let loaded = tokio::task::spawn_blocking(move || function.load(workers, 1)).await;
        let detector = loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let model = ModelRef {
            name: detector.card().name.clone(),
            sha256: detector.sha256().to_owned(),
            note: detector.note().map(str::to_owned),
        };
        tracing::info!(
            model = model.name,
            sha256 = model.sha256,
            note = model.note,
            workers,
            results = %settings.results,
            layout = ?settings.layout,
            init_ms = start.elapsed().as_secs_f64() * 1e3,
            "ready"
        );
        let thresholds = settings.function.thresholds(&detector);
        let max_bytes = detector.limits().max_bytes;
        let run_ahead = RUN_AHEAD_BYTES * workers as u64;
        let results = Results {
            store: store.clone(),
            at: settings.results.clone(),
            layout: settings.layout,
            model: model.clone(),
        };
        let pipeline = Pipeline {
            fetcher: Fetcher::new(store, max_bytes, run_ahead),
            workers: Arc::new(Semaphore::new(workers)),
            looker: Arc::new(Looker {
                detector,
                thresholds,
                model,
                slicing: settings.function.options.slicing(),
                redaction: settings.function.options.redaction(),
                annotate: settings.annotate,
            }),
            results,
        };
        Ok(Self { pipeline: Arc::new(pipeline), settings })
    }

    /// Works through an event. Results are stored before this answers.
    ///
    /// # Errors
    /// [`HandedBack`]: the whole event is to be delivered again.
    pub async fn handle(&self, payload: Value, request_id: &str, deadline: Deadline) -> Result<Value, HandedBack> {
        let start = Instant::now();
        let Event { kind, deliveries } = Event::read(payload).map_err(|reason| {
            tracing::error!(request_id, reason, "cannot read the event");
            HandedBack(format!("cannot read the event: {reason}"))
        })?;
        let mut plan = Plan::of(deliveries, &self.settings.results);
        for (id, reason) in
            plan.deliveries.iter().filter_map(|planned| Some((&planned.id, planned.jobs.as_ref().err()?)))
        {
            tracing::error!(request_id, id, reason, "cannot read a delivery");
        }
        let mut outcomes = self.pipeline.run(std::mem::take(&mut plan.jobs), deadline).await;
        let worked = Instant::now();
        if self.settings.layout == Layout::Part {
            self.store_part(request_id, &mut outcomes, deadline).await;
        }
        Tally::of(&plan, &outcomes).log(kind.name(), request_id, start, worked);
        reply(&kind, &plan.deliveries, &outcomes)
    }

    /// Stores the lines of all photos, or has all photos handed back.
    async fn store_part(&self, request_id: &str, outcomes: &mut [Outcome], deadline: Deadline) {
        let mut lines = Vec::with_capacity(outcomes.iter().filter_map(|o| Some(o.line.as_ref()?.len() + 1)).sum());
        for line in outcomes.iter_mut().filter_map(|outcome| outcome.line.take()) {
            lines.extend_from_slice(&line);
            lines.push(b'\n');
        }
        let stored = deadline.before_end(self.pipeline.results.part(request_id, lines)).await;
        let stored = stored.unwrap_or_else(|| Err("timed out while storing results".to_owned()));
        if let Err(reason) = stored {
            for outcome in outcomes {
                outcome.verdict = Verdict::Later(reason.clone());
            }
        }
    }
}
