//! The same photos through several targets, side by side: what was measured, and what follows from it.
//!
//! ```text
//! samples, turns -> Measured (one per target) -> Pair (each target against the first) -> headlines, tables, verdict -> exporters
//! ```

mod boxes;
mod break_even;
mod cost;
mod environment;
mod headline;
mod marked;
mod measured;
mod pair;
mod phase;
mod sample;
mod statistics;
mod steps;
mod table;
mod verdict;

use serde::Serialize;

pub(crate) use boxes::Disagreement;
pub(crate) use cost::Rates;
pub(crate) use environment::Environment;
pub(crate) use headline::Headline;
use headline::headlines;
pub(crate) use marked::Marked;
pub(crate) use measured::{Link, Measured, Origin, measure};
pub(crate) use pair::Pair;
pub(crate) use phase::{Family, PHASES, SEEN_MS};
pub(crate) use sample::{Sample, Turn};
pub(crate) use statistics::median;
pub(crate) use steps::{Folder, Rung, StepTimes, Waterfall};
pub(crate) use table::{Table, dollars, number, tables, waterfall_tables};
pub(crate) use verdict::Finding;
use verdict::verdict;

/// How it was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Settings {
    pub(crate) photos: usize,
    pub(crate) runs: u32,
    pub(crate) warmup: u32,
    pub(crate) concurrency: usize,
    pub(crate) rate: Option<f64>,
    pub(crate) body: &'static str,
    pub(crate) resize: Option<u32>,
}

/// Everything that a report tells.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) environment: Environment,
    pub(crate) settings: Settings,
    pub(crate) targets: Vec<Measured>,
    /// Each target against the first.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) rates: Rates,
    /// The student project's table.
    pub(crate) folders: Vec<Folder>,
    /// From the student project's client to this one.
    pub(crate) waterfalls: Vec<Waterfall>,
    /// What it begins with.
    pub(crate) summary: Vec<Headline>,
    /// The verdict in words.
    pub(crate) verdict: Vec<Finding>,
    /// In the order in which they were sent; warm-up turns are not among them, unless they were cold.
    pub(crate) samples: Vec<Sample>,
}

impl Comparison {
    /// The memory, or memories, that prices are reckoned with.
    fn memories(&self) -> String {
        let mut memories: Vec<u32> = self.targets.iter().map(|target| target.cost.memory_mb).collect();
        memories.sort_unstable();
        memories.dedup();
        let memories: Vec<String> = memories.iter().map(u32::to_string).collect();
        format!("{} MB", memories.join(" and "))
    }

    /// A target by its name.
    pub(crate) fn target(&self, name: &str) -> Option<&Measured> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// Draws the conclusions.
    pub(crate) fn conclude(mut self) -> Self {
        self.summary = headlines(&self);
        self.verdict = verdict(&self);
        self
    }

    /// The samples of one target that count: warm ones, unless there were only cold ones.
    pub(crate) fn counted(&self, target: usize) -> impl Iterator<Item = &Sample> {
        let warm = self.samples.iter().any(|sample| sample.target == target && sample.is_warm());
        self.samples
            .iter()
            .filter(move |sample| sample.target == target && sample.answer().is_some() && sample.is_warm() == warm)
    }
}

#[cfg(test)]
pub(crate) mod tests;
