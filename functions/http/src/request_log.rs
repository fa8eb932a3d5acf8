//! What is told of a request that was answered: sizes, counts and times, never what is in a photo.

use std::collections::BTreeMap;
use std::time::Instant;

use http::{Method, StatusCode};
use telemetry::{Document, RequestId};
use wire::Code;

use crate::engine::Engine;
use crate::work::Done;

/// What a request is called.
pub(crate) struct Ids {
    /// By its caller, else by Lambda, else by us.
    pub(crate) request: RequestId,
    /// By Lambda, where that is where we are.
    pub(crate) lambdas: Option<RequestId>,
}

impl Ids {
    /// What Lambda's own log lines have, where that is another.
    pub(crate) fn other(&self) -> Option<&RequestId> {
        self.lambdas.as_ref().filter(|id| **id != self.request)
    }
}

/// A request that was answered.
pub(crate) struct Entry<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) done: &'a Done,
    pub(crate) start: Instant,
}

impl Entry<'_> {
    /// As a line of the log.
    pub(crate) fn log(&self) {
        let done = self.done;
        tracing::info!(
            method = self.method.as_str(),
            path = self.path(),
            status = self.status.as_u16(),
            code = done.code.map(tracing::field::display),
            bytes = done.bytes,
            photos = done.photos,
            failed = done.failures.len(),
            pixels = done.pixels,
            detections = done.detections,
            queue_ms = done.timings.queue,
            decode_ms = done.timings.decode,
            preprocess_ms = done.timings.preprocess,
            inference_ms = done.timings.inference,
            postprocess_ms = done.timings.postprocess,
            total_ms = self.elapsed_ms(),
            cold_start = done.cold_start,
            "request"
        );
    }

    /// As a line of the log that CloudWatch makes metrics of; `engine` tells what starting took, once.
    pub(crate) fn document(&self, engine: Option<&Engine>) -> Document {
        let done = self.done;
        let mut document = Document::new("request");
        document.property("request_id", self.ids.request.as_str());
        if let Some(id) = self.ids.other() {
            document.property("lambda_request_id", id.as_str());
        }
        document.property("method", self.method.as_str());
        document.property("path", self.path());
        document.property("status", self.status.as_u16());
        if let Some(code) = done.code {
            document.property("code", code.to_string());
        }
        document.property("pixels", done.pixels);
        document.property("queue_ms", done.timings.queue);
        document.property("request_ms", self.elapsed_ms());
        if let Some(engine) = engine.filter(|engine| engine.is_first_request()) {
            document.count("ColdStart", 1);
            document.times("InitTime", vec![engine.init_ms]);
        }
        let failures = self.failures();
        // Requests without photos are no photos of any kind.
        if done.photos == 0 && failures.is_empty() {
            return document;
        }
        document.count("Photos", done.photos);
        document.count("Failures", failures.values().sum());
        for (code, count) in failures {
            document.failures(&code, count);
        }
        document.count("Detections", done.detections);
        document.bytes("PhotoBytes", done.bytes as u64);
        document.stages(&done.times);
        document
    }

    /// Photos that failed, and requests that were refused with whatever photos they had. Wrong paths are no photos.
    fn failures(&self) -> BTreeMap<String, usize> {
        let refused = self.done.code.filter(|code| !matches!(code, Code::NotFound | Code::MethodNotAllowed));
        let of_photos = &self.done.failures;
        // A problem of a single photo is its request's.
        let codes = refused.iter().chain(of_photos.iter().filter(|_| refused.is_none()));
        let mut failures = BTreeMap::new();
        for code in codes {
            *failures.entry(code.to_string()).or_default() += 1;
        }
        failures
    }

    fn path(&self) -> String {
        self.path.chars().take(80).collect()
    }

    fn elapsed_ms(&self) -> f64 {
        (self.start.elapsed().as_secs_f64() * 1e6).round() / 1e3
    }
}
