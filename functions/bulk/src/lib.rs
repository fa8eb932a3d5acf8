//! The S3 trigger: whole datasets in, one result per photo out.
//!
//! The way of an invocation: `event` reads what asks for photos → `plan` makes every photo one job → `pipeline` runs
//! them (`fetch` ahead, `work` on worker threads) → `results` are stored → `reply` acknowledges what is stored and
//! hands the rest back. Photos are delivered at least once, so lines may repeat; readers drop repeats
//! ([`wire::Line::identity`]).

mod app;
mod budget;
mod deadline;
pub mod event;
mod fetch;
mod outcome;
mod pipeline;
mod plan;
mod program;
mod reply;
mod results;
mod settings;
mod store;
mod tally;
mod worker;

pub use app::App;
pub use deadline::Deadline;
pub use model_source::s3::http_client;
pub use program::start;
pub use reply::HandedBack;
pub use settings::{Layout, Settings, SettingsError};
pub use store::{RetryPolicy, Store};
pub use wire::S3Uri;
