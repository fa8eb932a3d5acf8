//! Photos that are in a bucket already, put on the queue of detect-bulk.
//!
//! The way of a photo: `listing` or `inventory` finds it → `object_filter` and `sample` decide whether it takes part → `message`
//! packs its record with others → the `journal` notes that it is about to be sent → `queue` sends it → the `journal` notes
//! that it was. `run` is all of this; `estimate` says beforehand what it costs.
//! `paths` finds photos of S3 for verbs that fetch them.

mod estimate;
pub(crate) mod inventory;
pub(crate) mod journal;
mod listing;
pub(crate) mod message;
mod object_filter;
mod paths;
mod queue;
mod run;
mod sample;

pub(crate) use estimate::Estimate;
pub(crate) use inventory::Inventory;
pub(crate) use journal::{Places, QueueJournal, photos};
pub(crate) use listing::{Bucket, list};
pub(crate) use message::Packer;
pub(crate) use object_filter::ObjectFilter;
pub(crate) use paths::resolve;
pub(crate) use queue::Queue;
pub(crate) use run::{Found, Run};
pub(crate) use sample::Sample;
