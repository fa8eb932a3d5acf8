//! What a compaction is to do, and what it has done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

use crate::store::Store;

/// What is to be done.
pub struct Job<'a> {
    /// Where results lie.
    pub results: Arc<dyn Store>,
    /// Where tables lie.
    pub tables: Arc<dyn Store>,
    /// Only looks what there is to do.
    pub dry_run: bool,
    /// Becomes true when the work is to end.
    pub stop: &'a AtomicBool,
    /// Told of what is worth knowing.
    pub notice: &'a (dyn Fn(&str) + Sync),
    /// Told now and then how many files were read, and how many results they had.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({} -> {})", self.results.place(), self.tables.place())
    }
}

/// What was done.
#[derive(Debug, Default, Clone, Copy)]
pub struct Summary {
    pub(crate) listed: ListingSummary,
    /// Days whose file was written, or would be.
    pub days_written: u64,
    /// Rows that were added.
    pub rows_added: u64,
    /// Rows in the files that were written.
    pub rows: u64,
    /// Results that were there already.
    pub repeats: u64,
    /// Lines that are no results.
    pub other_lines: u64,
    /// Files of results that could not be read.
    pub failed: u64,
}

impl Summary {
    /// Files of results.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.listed.files
    }

    /// Files of results that no table held, and their bytes.
    #[must_use]
    pub fn new_files(&self) -> (u64, u64) {
        (self.listed.new, self.listed.new_bytes)
    }
}

/// What a listing brought.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ListingSummary {
    pub(crate) files: u64,
    pub(crate) new: u64,
    pub(crate) new_bytes: u64,
}

impl Job<'_> {
    /// An error once the work is to end.
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) { bail!("interrupted") } else { Ok(()) }
    }
}
