//! What a run amounts to: numbers, and whether they are good enough.

pub(crate) mod comparison;
mod condition;
mod dataset;
mod export;
mod spread;
mod summary;
mod tally;
pub(crate) mod terminal;

pub(crate) use condition::Condition;
pub(crate) use dataset::{Cost, DatasetSummary};
pub(crate) use export::Export;
pub(crate) use summary::Summary;
pub(crate) use tally::Tally;
