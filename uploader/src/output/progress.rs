//! A bar for people who wait: on a terminal, and nowhere else.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar, or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar over so many photos.
    pub(crate) fn photos(count: usize, quiet: bool) -> Self {
        Self::new(count as u64, quiet, "{bar:30} {pos}/{len} photos {per_sec:.1}, {eta} left {msg}")
    }

    /// A bar over photos whose results are awaited.
    pub(crate) fn dataset(count: usize, quiet: bool) -> Self {
        Self::new(count as u64, quiet, "{bar:30} {pos}/{len} photos {msg}, {per_sec:.1}, {eta} left")
    }

    /// A bar over so many bytes.
    pub(crate) fn bytes(count: u64, quiet: bool) -> Self {
        Self::new(count, quiet, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left {msg}")
    }

    fn new(length: u64, quiet: bool, template: &str) -> Self {
        if quiet || !io::stderr().is_terminal() {
            return Self(ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()));
        }
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        Self(bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    pub(crate) fn stands_at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Tells more than a number.
    pub(crate) fn says(&self, message: String) {
        self.0.set_message(message);
    }

    /// Makes room for other output.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
