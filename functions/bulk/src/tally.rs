//! What an invocation did, in one line of the log and in metrics: counts, bytes and times, never what is in a photo.

use std::collections::BTreeMap;
use std::time::Duration;

use telemetry::Document;
use wire::TimingsMs;

use crate::outcome::{Outcome, Verdict};
use crate::plan::Plan;

/// Counts over an invocation's photos.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    deliveries: usize,
    unreadable: usize,
    skipped: usize,
    repeats: usize,
    photos: usize,
    /// Photos that never will have an answer, by code. The codes are this function's own, a closed set.
    failures: BTreeMap<String, usize>,
    handed_back: usize,
    /// Why the first was handed back.
    reason: Option<String>,
    bytes: u64,
    pixels: u64,
    detections: usize,
    /// Of each photo that was looked at.
    times: Vec<TimingsMs>,
}

/// What the clock says of an invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Until every photo had its outcome.
    pub(crate) work: Duration,
    /// Storing the part.
    pub(crate) store: Duration,
}

impl Tally {
    pub(crate) fn of(plan: &Plan, outcomes: &[Outcome]) -> Self {
        let mut tally = Self {
            deliveries: plan.deliveries.len(),
            unreadable: plan.deliveries.iter().filter(|planned| planned.jobs.is_err()).count(),
            skipped: plan.skipped,
            repeats: plan.repeats,
            photos: outcomes.len(),
            ..Self::default()
        };
        for outcome in outcomes {
            match &outcome.verdict {
                Verdict::Found(_) => tally.times.push(outcome.seen.timings),
                Verdict::Never(error) => *tally.failures.entry(error.code.clone()).or_default() += 1,
                Verdict::Later(reason) => {
                    tally.handed_back += 1;
                    tally.reason.get_or_insert_with(|| reason.clone());
                }
            }
            tally.bytes += outcome.bytes;
            tally.pixels += outcome.seen.pixels;
            tally.detections += outcome.seen.detections;
        }
        tally
    }

    fn failed(&self) -> usize {
        self.failures.values().sum()
    }

    /// Says why photos were handed back, where any were.
    pub(crate) fn warn(&self) {
        if let Some(reason) = &self.reason {
            tracing::warn!(handed_back = self.handed_back, reason, "photos returned to the queue");
        }
    }

    /// The stages' times are sums over photos; `work_ms` and `store_ms` are the clock's.
    pub(crate) fn log(&self, kind: &str, times: Times) {
        let mut stages = TimingsMs::default();
        self.times.iter().for_each(|photo| stages += *photo);
        tracing::info!(
            kind,
            deliveries = self.deliveries,
            unreadable = self.unreadable,
            skipped = self.skipped,
            repeats = self.repeats,
            photos = self.photos,
            failed = self.failed(),
            handed_back = self.handed_back,
            bytes = self.bytes,
            pixels = self.pixels,
            detections = self.detections,
            decode_ms = stages.decode,
            preprocess_ms = stages.preprocess,
            inference_ms = stages.inference,
            postprocess_ms = stages.postprocess,
            work_ms = milliseconds(times.work),
            store_ms = milliseconds(times.store),
            "invocation"
        );
    }

    /// The same in a line that CloudWatch makes metrics of.
    pub(crate) fn document(&self, kind: &'static str, times: Times, mut document: Document) -> Document {
        document.property("kind", kind);
        document.property("deliveries", self.deliveries);
        document.property("skipped", self.skipped);
        document.property("repeats", self.repeats);
        document.property("pixels", self.pixels);
        document.property("work_ms", milliseconds(times.work));
        document.property("store_ms", milliseconds(times.store));
        document.count("Photos", self.photos);
        document.count("Failures", self.failed());
        for (code, count) in &self.failures {
            document.failures(code, *count);
        }
        document.count("HandedBack", self.handed_back);
        document.count("Unreadable", self.unreadable);
        document.count("Detections", self.detections);
        document.bytes("PhotoBytes", self.bytes);
        document.stages(&self.times);
        document
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
