//! The function's state and its routes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use detector::{Detector, ModelError, Thresholds};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request, Response};
use wire::{Code, Format, ModelRef, Problem, Settings};

use crate::intake::Intake;
use crate::page;
use crate::reply;
use crate::work::{self, Done};

/// A loaded function.
#[derive(Debug)]
pub struct App {
    pub(crate) detector: Detector,
    pub(crate) defaults: Thresholds,
    pub(crate) model: ModelRef,
    pub(crate) init_ms: f64,
    /// True until the first photo was answered.
    cold: AtomicBool,
}

impl App {
    /// Loads and warms the model; `start` is when the process began.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn load(settings: &Settings, start: Instant) -> Result<Self, ModelError> {
        let detector = settings.load(1, settings.threads)?;
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
            threads = settings.threads,
            init_ms,
            "ready"
        );
        Ok(Self { detector, defaults, model, init_ms, cold: AtomicBool::new(true) })
    }

    /// Answers one request. Whatever a caller sends, this is an answer.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let start = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let bytes = request.body().len();
        let mut done = Done::default();
        let response = match (&method, path.as_str()) {
            (&Method::POST, "" | "/detect") => self.detect(request, Format::Spotter, &mut done).await,
            (&Method::POST, "/api/detect") => self.detect(request, Format::Seed, &mut done).await,
            (&Method::GET | &Method::HEAD, "") => Ok(page::answer(request.headers())),
            (&Method::GET | &Method::HEAD, "/health") => Ok(reply::json(&reply::Health::of(self))),
            (&Method::GET | &Method::HEAD, "/model") => Ok(reply::json(&reply::Model::of(self))),
            (_, "" | "/detect" | "/api/detect" | "/health" | "/model") => {
                Err(Problem::new(Code::MethodNotAllowed, format!("{method} is not answered here; {}", allowed(&path))))
            }
            _ => Err(Problem::new(
                Code::NotFound,
                "There is POST /detect, GET /model, GET /health and, for a browser, GET /.",
            )),
        };
        let response = response.unwrap_or_else(|problem| {
            done.code = Some(problem.code);
            reply::problem(&problem, allowed_methods(&path))
        });
        let response = reply::with_cold_start(response, done.cold_start);
        log(&method, &path, bytes, response.status(), &done, start);
        response
    }

    async fn detect(&self, request: Request, format: Format, done: &mut Done) -> Result<Response<Body>, Problem> {
        let intake = Intake::read(request, self.detector.limits().max_bytes).await?;
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        // Decoding and inference hold the thread; the runtime's other work moves elsewhere meanwhile.
        tokio::task::block_in_place(|| work::answer(self, intake, format, cold_start, done))
    }
}

fn allowed_methods(path: &str) -> &'static str {
    match path {
        "/detect" | "/api/detect" => "POST",
        "" => "GET, HEAD, POST",
        _ => "GET, HEAD",
    }
}

fn allowed(path: &str) -> String {
    format!("use {}.", allowed_methods(path))
}

/// One line per request: sizes, counts and times, never what is in a photo.
fn log(method: &Method, path: &str, bytes: usize, status: StatusCode, done: &Done, start: Instant) {
    let path: String = path.chars().take(80).collect();
    tracing::info!(
        method = method.as_str(),
        path,
        status = status.as_u16(),
        code = done.code.map(tracing::field::display),
        bytes,
        photos = done.photos,
        failed = done.failed,
        pixels = done.pixels,
        detections = done.detections,
        decode_ms = done.timings.decode,
        preprocess_ms = done.timings.preprocess,
        inference_ms = done.timings.inference,
        postprocess_ms = done.timings.postprocess,
        total_ms = (start.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        cold_start = done.cold_start,
        "request"
    );
}
