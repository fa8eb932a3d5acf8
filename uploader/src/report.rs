//! What a run amounts to: numbers, and whether they are good enough.

mod condition;
mod dataset;
mod spread;
mod summary;
mod tally;

pub(crate) use condition::Condition;
pub(crate) use dataset::{Cost, DatasetSummary};
pub(crate) use summary::Summary;
pub(crate) use tally::Tally;
