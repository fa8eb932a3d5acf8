//! How photos are sent.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use super::number::{positive, whole};
use crate::photo::BodyKind;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sending")]
pub(crate) struct SendArgs {
    /// Photos in flight, each on its own keep-alive connection.
    #[arg(long, short, value_name = "N", default_value_t = 4, value_parser = whole(1_u16, 1000), allow_negative_numbers = true)]
    pub(crate) concurrency: u16,

    /// Request body.
    #[arg(long, value_enum, default_value_t = BodyKind::Binary)]
    pub(crate) body: BodyKind,

    /// Resize photos to at most this many pixels on the longest side before sending; boxes are still in pixels of the
    /// original.
    #[arg(long, value_name = "PX", value_parser = whole(1_u32, u32::MAX), allow_negative_numbers = true)]
    pub(crate) resize: Option<u32>,

    /// Send this many photos per second, on schedule; latency is measured from the scheduled send time.
    #[arg(long, value_name = "R", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,

    /// Seconds to wait for a response.
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// Retries per photo after 429, 5xx or a lost connection.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = whole(0_u16, 1000), allow_negative_numbers = true)]
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
    /// Minimum score, 0 to 1 [default: the function's, 0.25].
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    confidence: Option<String>,

    /// IoU above which the lower-scoring of two boxes is dropped, 0 to 1 [default: the function's, 0.45].
    #[arg(long, value_name = "IOU", allow_negative_numbers = true)]
    iou: Option<String>,

    /// Maximum number of objects per photo [default: the function's, 100].
    #[arg(long, value_name = "N", visible_alias = "max_detections", allow_negative_numbers = true)]
    max_detections: Option<String>,

    /// Only these labels, comma-separated.
    #[arg(long, value_name = "LABELS")]
    classes: Option<String>,

    /// Also look at overlapping slices of this many pixels, for small objects in large photos; 0 for none [default: the
    /// function's, 0].
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    slice: Option<String>,

    /// Share of a slice's side that lies in its neighbour, 0 to 0.9 [default: the function's, 0.2].
    #[arg(long, value_name = "SHARE", visible_alias = "slice_overlap", allow_negative_numbers = true)]
    slice_overlap: Option<String>,

    /// Maximum number of slices per photo, 1 to 1024 [default: the function's, 64].
    #[arg(long, value_name = "N", visible_alias = "max_slices", allow_negative_numbers = true)]
    max_slices: Option<String>,

    /// Also drop overlapping boxes of different labels.
    #[arg(long, visible_alias = "class_agnostic")]
    class_agnostic: bool,

    /// Print a box once for every label that reaches --confidence, not only for its best one, as published COCO figures
    /// count.
    #[arg(long, visible_alias = "multi_label")]
    multi_label: bool,
}

impl DetectionArgs {
    /// The options of each request, checked by the same code as the function's.
    pub(crate) fn options(&self) -> Result<wire::Options, wire::Problem> {
        let members = [
            ("confidence", self.confidence.clone()),
            ("iou", self.iou.clone()),
            ("max_detections", self.max_detections.clone()),
            ("classes", self.classes.clone()),
            ("slice", self.slice.clone()),
            ("slice_overlap", self.slice_overlap.clone()),
            ("max_slices", self.max_slices.clone()),
            ("class_agnostic", self.class_agnostic.then(|| "true".to_owned())),
            ("multi_label", self.multi_label.then(|| "true".to_owned())),
        ];
        let members: Map<String, Value> =
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))).collect();
        wire::Options::from_json(&members)
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = positive(text)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "is too long".to_owned())
}
