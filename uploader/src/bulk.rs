//! Datasets through S3.
//!
//! The way of a photo: `selection` gives it a key → `inventory` sees what lies there → `upload` compares and sends, and
//! the `journal` notes it → detect-bulk looks at it → `collector` finds its line → `result_tracker` knows whose it
//! is → `result_writer` writes it. All of it happens in a `run`;
//! `earlier_results` tells results of earlier runs apart.

mod collector;
mod content;
mod earlier_results;
pub(crate) mod inventory;
pub(crate) mod journal;
mod result_tracker;
mod result_writer;
mod run;
mod s3_error;
#[cfg(feature = "tables")]
mod s3_folder;
mod selection;
mod store;
pub(crate) mod stored;
mod upload;

pub(crate) use collector::Collector;
pub(crate) use earlier_results::EarlierResults;
pub(crate) use journal::Journal;
pub(crate) use result_tracker::{ResultTracker, Since};
pub(crate) use result_writer::ResultWriter;
pub(crate) use run::{BulkRun, Counts, place, way};
pub(crate) use s3_error::{S3Error, describe};
#[cfg(feature = "tables")]
pub(crate) use s3_folder::S3Folder;
pub(crate) use selection::{Photo, Selection, is_wanted};
pub(crate) use store::Store;
pub(crate) use stored::{Page, Stored};
pub(crate) use upload::{Arrival, Plan, Uploads};
