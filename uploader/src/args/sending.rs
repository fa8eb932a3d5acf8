//! How photos are sent.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

/// How a photo travels in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BodyKind {
    /// JSON with the photo as base64, as the student project sent it: a third more bytes.
    Base64,
    /// The file's bytes.
    Binary,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sending")]
pub(crate) struct SendArgs {
    /// Photos under way at once, each on its own kept-alive connection.
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,

    /// How a photo travels.
    #[arg(long, value_enum, default_value_t = BodyKind::Binary)]
    pub(crate) body: BodyKind,

    /// Shrink the longest side to this many pixels before sending; boxes still come back in the original's pixels.
    #[arg(long, value_name = "PX")]
    pub(crate) resize: Option<NonZeroU32>,

    /// Send this many photos per second whether or not answers arrive; latency counts from the scheduled instant.
    #[arg(long, value_name = "R", value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// Longest wait for one answer, in seconds.
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// How often a photo is sent again after 429, 5xx or a broken connection.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) retries: u16,

    #[command(flatten)]
    pub(crate) detection: DetectionArgs,
}

impl SendArgs {
    /// One after the other, as base64: the student project's client. Its connections are not kept, either.
    pub(crate) fn like_2023(&mut self) {
        self.body = BodyKind::Base64;
        self.concurrency = 1;
        self.resize = None;
    }
}

/// The options of a request, as `wire` names them. What is not given is decided by the function.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Detection")]
pub(crate) struct DetectionArgs {
    /// Least score, 0 to 1 [function's default: 0.25].
    #[arg(long, value_name = "SCORE")]
    confidence: Option<String>,

    /// Overlap from which the weaker of two boxes is dropped, 0 to 1 [function's default: 0.45].
    #[arg(long, value_name = "IOU")]
    iou: Option<String>,

    /// At most this many detections per photo [function's default: 100].
    #[arg(long, value_name = "N", visible_alias = "max_detections")]
    max_detections: Option<String>,

    /// Only these labels, separated by commas.
    #[arg(long, value_name = "LABELS")]
    classes: Option<String>,

    /// Drop overlapping boxes of different labels, too.
    #[arg(long, visible_alias = "class_agnostic")]
    class_agnostic: bool,
}

impl DetectionArgs {
    /// The options of each request, checked by the same code as the function's.
    pub(crate) fn options(&self) -> Result<wire::Options, wire::Problem> {
        let members = [
            ("confidence", self.confidence.clone()),
            ("iou", self.iou.clone()),
            ("max_detections", self.max_detections.clone()),
            ("classes", self.classes.clone()),
            ("class_agnostic", self.class_agnostic.then(|| "true".to_owned())),
        ];
        let members: Map<String, Value> =
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect();
        wire::Options::from_json(&members)
    }
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| *rate > 0.0 && rate.is_finite())
        .ok_or_else(|| "give photos per second, more than 0".to_owned())
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds: &f64| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "give seconds, more than 0".to_owned())
}
