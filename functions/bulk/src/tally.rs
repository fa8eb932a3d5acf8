//! What an invocation did, in one line of the log: counts, bytes and times, never what is in a photo.

use std::time::Instant;

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
    failed: usize,
    handed_back: usize,
    /// Why the first was handed back.
    reason: Option<String>,
    bytes: u64,
    pixels: u64,
    detections: usize,
    timings: TimingsMs,
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
                Verdict::Found(_) => {}
                Verdict::Never(_) => tally.failed += 1,
                Verdict::Later(reason) => {
                    tally.handed_back += 1;
                    tally.reason.get_or_insert_with(|| reason.clone());
                }
            }
            tally.bytes += outcome.bytes;
            tally.pixels += outcome.seen.pixels;
            tally.detections += outcome.seen.detections;
            tally.timings += outcome.seen.timings;
        }
        tally
    }

    /// The stages' times are sums over photos; `work_ms` and `store_ms` are the clock's.
    pub(crate) fn log(&self, kind: &str, request_id: &str, start: Instant, worked: Instant) {
        if let Some(reason) = &self.reason {
            tracing::warn!(request_id, handed_back = self.handed_back, reason, "photos returned to the queue");
        }
        tracing::info!(
            kind,
            request_id,
            deliveries = self.deliveries,
            unreadable = self.unreadable,
            skipped = self.skipped,
            repeats = self.repeats,
            photos = self.photos,
            failed = self.failed,
            handed_back = self.handed_back,
            bytes = self.bytes,
            pixels = self.pixels,
            detections = self.detections,
            decode_ms = self.timings.decode,
            preprocess_ms = self.timings.preprocess,
            inference_ms = self.timings.inference,
            postprocess_ms = self.timings.postprocess,
            work_ms = (worked - start).as_secs_f64() * 1e3,
            store_ms = worked.elapsed().as_secs_f64() * 1e3,
            "invocation"
        );
    }
}
