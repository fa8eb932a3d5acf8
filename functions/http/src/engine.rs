//! The loaded model and what is known about it: all that looking at photos needs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use detector::{Detector, Thresholds};
use wire::{ModelRef, Options, Settings};

/// A loaded model with the function's defaults.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) detector: Detector,
    pub(crate) defaults: Thresholds,
    /// What a request that says nothing else is given.
    pub(crate) options: Options,
    pub(crate) model: ModelRef,
    /// Process start to ready, in milliseconds.
    pub(crate) init_ms: f64,
    /// True until the first photo was answered.
    cold: AtomicBool,
    /// True until the first request was answered, whatever it asked.
    first: AtomicBool,
}

impl Engine {
    /// Loads and warms `sessions` sessions of `threads` threads each; `start` is when the process began.
    pub(crate) fn load(
        settings: &Settings,
        sessions: usize,
        threads: usize,
        start: Instant,
    ) -> Result<Self, model_source::Error> {
        let detector = model_source::load(settings, sessions, threads)?;
        let defaults = settings.thresholds(&detector);
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
            prepared = detector.is_prepared(),
            sessions,
            threads,
            init_ms,
            "ready"
        );
        let (options, cold, first) = (settings.options.clone(), AtomicBool::new(true), AtomicBool::new(true));
        Ok(Self { detector, defaults, options, model, init_ms, cold, first })
    }

    /// True for the first request that has photos, and for no other.
    pub(crate) fn is_cold_start(&self) -> bool {
        self.cold.swap(false, Ordering::Relaxed)
    }

    /// True for the first request, and for no other.
    pub(crate) fn is_first_request(&self) -> bool {
        self.first.swap(false, Ordering::Relaxed)
    }
}
