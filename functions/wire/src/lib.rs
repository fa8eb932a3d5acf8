//! What travels between the functions and their callers: requests with their options, answers, problems,
//! and the result formats. `detect-http`, `detect-bulk` and `uploader` share these types, so they cannot drift apart.

mod answer;
mod error_line;
mod format;
mod line;
mod names;
mod options;
pub mod partition;
mod problem;
mod request;
pub mod schema;
mod settings;
mod shape;
mod uri;

pub use answer::{Answer, FoundObject, ImageSize, ItemError, ModelRef, Outcome, ThresholdsUsed, TimingsMs};
pub use error_line::error_line;
pub use format::Format;
pub use line::{Line, LineOutcome, Source};
pub use names::Unknown;
pub use options::{MAX_DETECTIONS_LIMIT, Options};
pub use problem::{Code, Problem};
pub use request::{MAX_IMAGES, RequestBody, check_values, decode_base64};
pub use settings::{Settings, SettingsError};
pub use shape::{coco, rekognition, roboflow, seed};
pub use uri::S3Uri;
