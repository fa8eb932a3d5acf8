//! The function's state, and the way of an invocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;
use telemetry::{Document, Metrics};
use tokio::sync::Semaphore;
use tracing::Instrument;
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
use crate::tally::{self, Tally};
use crate::worker::Worker;

/// Photos run ahead of each worker by this many bytes: a second's work or more.
const RUN_AHEAD_BYTES: u64 = 32 << 20;

/// A loaded function.
#[derive(Debug)]
pub struct App {
    pipeline: Arc<Pipeline>,
    settings: Settings,
    metrics: Option<Metrics>,
    init_ms: f64,
    /// True until the first invocation ended.
    first: AtomicBool,
}

impl App {
    /// Loads and warms the model, one session per vCPU, and meanwhile opens connections to S3; `start` is when the
    /// process began.
    ///
    /// # Errors
    /// [`model_source::Error`]. S3 is not needed to start, unless the model is there.
    pub async fn load(
        settings: Settings,
        store: Store,
        metrics: Option<Metrics>,
        start: Instant,
    ) -> Result<Self, model_source::Error> {
        let workers = settings.function.threads.max(1);
        // In AWS every bucket is a host of its own. This may well outlast the model: it then goes on beside the photos.
        for place in settings.input.iter().chain([&settings.results]) {
            let (store, bucket) = (store.clone(), place.bucket.clone());
            tokio::spawn(async move { store.warm(&bucket).await });
        }
        let function = settings.function.clone();
        let loaded = tokio::task::spawn_blocking(move || model_source::load(&function, workers, 1)).await;
        let detector = loaded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let model = ModelRef {
            name: detector.card().name.clone(),
            sha256: detector.sha256().to_owned(),
            note: detector.note().map(str::to_owned),
        };
        let init_ms = (start.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        tracing::info!(
            model = model.name,
            sha256 = model.sha256,
            note = model.note,
            workers,
            results = %settings.results,
            layout = ?settings.layout,
            init_ms,
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
            worker: Arc::new(Worker {
                detector,
                thresholds,
                model,
                slicing: settings.function.options.slicing(),
                redaction: settings.function.options.redaction(),
                annotate: settings.annotate,
            }),
            results,
        };
        Ok(Self { pipeline: Arc::new(pipeline), settings, metrics, init_ms, first: AtomicBool::new(true) })
    }

    /// Works through an event. Results are stored before this answers.
    ///
    /// # Errors
    /// [`HandedBack`]: the whole event is to be delivered again.
    pub async fn handle(&self, payload: Value, request_id: &str, deadline: Deadline) -> Result<Value, HandedBack> {
        // At the highest level, so that whatever is logged has it.
        let span = tracing::error_span!("invocation", request_id);
        self.work(payload, request_id, deadline).instrument(span).await
    }

    async fn work(&self, payload: Value, request_id: &str, deadline: Deadline) -> Result<Value, HandedBack> {
        let start = Instant::now();
        let Event { kind, deliveries } = Event::read(payload).map_err(|reason| {
            tracing::error!(reason, "cannot read the event");
            if let Some(metrics) = &self.metrics {
                let mut document = self.document(request_id);
                document.count("Unreadable", 1);
                metrics.emit(document);
            }
            HandedBack(format!("cannot read the event: {reason}"))
        })?;
        let mut plan = Plan::of(deliveries, &self.settings.results);
        for (id, reason) in
            plan.deliveries.iter().filter_map(|planned| Some((&planned.id, planned.jobs.as_ref().err()?)))
        {
            tracing::error!(id, reason, "cannot read a delivery");
        }
        let mut outcomes = self.pipeline.run(std::mem::take(&mut plan.jobs), request_id, deadline).await;
        let worked = Instant::now();
        if self.settings.layout == Layout::Part {
            self.store_part(request_id, &mut outcomes, deadline).await;
        }
        let tally = Tally::of(&plan, &outcomes);
        let times = tally::Times { work: worked - start, store: worked.elapsed() };
        tally.warn();
        match &self.metrics {
            Some(metrics) => metrics.emit(tally.document(kind.name(), times, self.document(request_id))),
            None => tally.log(kind.name(), times),
        }
        reply(&kind, &plan.deliveries, &outcomes)
    }

    /// What is told of an invocation, whatever it did.
    fn document(&self, request_id: &str) -> Document {
        let mut document = Document::new("invocation");
        document.property("request_id", request_id);
        if self.first.swap(false, Ordering::Relaxed) {
            document.count("ColdStart", 1);
            document.times("InitTime", vec![self.init_ms]);
        }
        document
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
