//! What the functions tell of their work: log lines, request ids, CloudWatch metrics.
//!
//! Everything is a line on one [`Stream`]: text, or JSON where `AWS_LAMBDA_LOG_FORMAT` is `JSON`, as Lambda sets it.

mod json;
mod log;
mod metrics;
mod request_id;
mod stream;

pub use log::{fatal, init};
pub use metrics::{Document, Metrics};
pub use request_id::RequestId;
pub use stream::Stream;
