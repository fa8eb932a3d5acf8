//! What a run amounts to: numbers, and whether they are good enough.

pub(crate) mod comparison;
mod condition;
#[cfg(feature = "aws")]
mod dataset;
#[cfg(feature = "evaluate")]
pub(crate) mod evaluation;
mod export;
mod spread;
mod summary;
mod tally;
pub(crate) mod terminal;

pub(crate) use condition::Condition;
#[cfg(feature = "aws")]
pub(crate) use dataset::{Clock, Cost, DatasetSummary};
pub(crate) use export::Export;
pub(crate) use summary::{Stop, Summary, counted};
pub(crate) use tally::Tally;
