//! What the service tells of itself: `GET /health` and `GET /model`.

use detector::card::Fit;
use detector::catalog::Origin;
use detector::{Card, annotate};
use serde::Serialize;
use wire::{ModelRef, Options, ThresholdsUsed};

use crate::engine::Engine;
use crate::platform::Platform;

/// The answer to `GET /health`.
#[derive(Serialize)]
pub(crate) struct Health<'a> {
    status: &'static str,
    model: &'a ModelRef,
    init_ms: f64,
    version: &'static str,
}

impl<'a> Health<'a> {
    pub(crate) fn of(engine: &'a Engine) -> Self {
        Self { status: "ok", model: &engine.model, init_ms: engine.init_ms, version: env!("CARGO_PKG_VERSION") }
    }
}

/// The answer to `GET /model`.
#[derive(Serialize)]
pub(crate) struct Model<'a> {
    name: &'a str,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    input_size: Option<[u32; 2]>,
    /// `shape` where photos are looked at in their own shape within `input_size`.
    fit: Fit,
    /// Whether what runs was prepared of the file with that digest.
    prepared: bool,
    thresholds: ThresholdsUsed,
    /// What a request that says nothing else is given.
    options: Options,
    needs_nms: bool,
    limits: Limits,
    labels: &'a [String],
    /// The colour of each label, as annotated photos have it.
    colors: Vec<Color>,
    card: &'a Card,
    /// Where that card is from: `built-in`, a file's name, or the graph.
    card_origin: String,
}

/// The largest photo that is taken.
#[derive(Serialize)]
struct Limits {
    bytes: usize,
    pixels: u64,
}

/// A colour and the one that text on it has, as CSS writes them.
#[derive(Serialize)]
struct Color {
    fill: String,
    ink: String,
}

impl Color {
    fn of(class_id: usize) -> Self {
        let css = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        let fill = annotate::color(class_id);
        Self { fill: css(fill), ink: css(annotate::ink(fill)) }
    }
}

/// Where a card is from. Whoever asks learns a file's name and not where it lies on the server.
fn origin(origin: &Origin) -> String {
    match origin {
        Origin::File(path) => path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        other => other.to_string(),
    }
}

impl<'a> Model<'a> {
    pub(crate) fn of(engine: &'a Engine, platform: Platform) -> Self {
        let detector = &engine.detector;
        let limits = detector.limits();
        Self {
            name: &engine.model.name,
            sha256: &engine.model.sha256,
            note: engine.model.note.as_deref(),
            input_size: detector.input_size().map(|(width, height)| [width, height]),
            fit: if detector.fits_shape() { Fit::Shape } else { Fit::Square },
            prepared: detector.is_prepared(),
            thresholds: (&engine.defaults).into(),
            options: engine.options.clone().or(Options::general()),
            needs_nms: detector.needs_nms(),
            limits: Limits {
                bytes: platform.max_photo_bytes().map_or(limits.max_bytes, |most| most.min(limits.max_bytes)),
                pixels: limits.max_pixels,
            },
            labels: detector.labels(),
            colors: (0..detector.labels().len()).map(Color::of).collect(),
            card: detector.card(),
            card_origin: origin(detector.card_origin()),
        }
    }
}
