//! Photo bytes in, detections out. Knows no HTTP, no AWS, no JSON.
//!
//! The way of a photo: [`Photo`] (sniffed, bounded, decoded, upright) → `letterbox` (resized and packed into the input
//! tensor) → `session` (ONNX Runtime) → `head` (outputs to boxes) → `nms` (thresholds) → [`Findings`].

pub mod annotate;
pub mod card;
pub mod catalog;
mod detection;
mod detector;
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod head;
mod infer;
pub mod labels;
mod letterbox;
mod model;
mod nms;
mod opening;
mod outputs;
mod photo;
mod plan;
pub mod prepared;
pub mod redact;
pub mod runtime;
mod session;
pub mod slices;

pub use card::{Card, CardError};
pub use detection::{BBox, Detection, Findings, MULTI_LABEL_CANDIDATES, Thresholds, Timings};
pub use detector::{DetectError, Detector, DetectorOptions};
pub use model::ModelError;
pub use photo::{Limits, Photo, PhotoError, PhotoFormat, UnsupportedType};
pub use slices::{Slicing, TooManySlices};
