//! A bar for people who wait: on a terminal, and nowhere else.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// The length of a bar that is no number of things.
const SHARES: u64 = 1000;

/// The bar, or nothing.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar over so many photos.
    pub(crate) fn photos(count: usize, quiet: bool) -> Self {
        Self::new(count as u64, quiet, "{bar:30} {pos}/{len} photos {rate}, {eta} left {msg}")
    }

    /// A bar over photos whose results come in bursts: its message tells the rate.
    pub(crate) fn dataset(count: usize, quiet: bool) -> Self {
        Self::new(count as u64, quiet, "{bar:30} {pos}/{len} photos: {msg}")
    }

    /// A bar over so many bytes.
    pub(crate) fn bytes(count: u64, quiet: bool) -> Self {
        Self::new(count, quiet, "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left {msg}")
    }

    /// A bar over something that comes in named parts, of which it tells.
    pub(crate) fn passes(quiet: bool) -> Self {
        Self::new(SHARES, quiet, "{bar:30} {msg}")
    }

    /// Something whose length nobody knows.
    pub(crate) fn endless(quiet: bool) -> Self {
        Self::new(0, quiet, "{spinner} {msg}")
    }

    /// Tells how far it is.
    pub(crate) fn reports(&self, text: String) {
        self.0.set_message(text);
        self.0.tick();
    }

    /// Stands at a share of the whole, 0 to 1, and tells which part it is.
    pub(crate) fn shows(&self, share: f64, text: String) {
        self.0.set_position((share.clamp(0.0, 1.0) * SHARES as f64) as u64);
        self.0.set_message(text);
    }

    fn new(length: u64, quiet: bool, template: &str) -> Self {
        if quiet || !io::stderr().is_terminal() || may_share_terminal() {
            return Self(ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden()));
        }
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        Self(bar.with_style(style(template)))
    }

    pub(crate) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    pub(crate) fn stands_at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Tells more than a number, and the rate and the time left by the average since the bar began.
    pub(crate) fn says(&self, counts: &str) {
        if self.0.is_hidden() {
            return;
        }
        let (done, all) = (self.0.position(), self.0.length().unwrap_or(0));
        let rate = done as f64 / self.0.elapsed().as_secs_f64().max(1e-3);
        let left = match Duration::try_from_secs_f64(all.saturating_sub(done) as f64 / rate) {
            Ok(left) => format!("{:#}", HumanDuration(left)),
            Err(_) => "?".to_owned(),
        };
        self.0.set_message(format!("{counts}; {rate:.1}/s, {left} left"));
    }

    /// Makes room for other output.
    pub(crate) fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Whether standard output is a pipe, whose other end may write on the same terminal (`| tee`), between the bar's lines.
#[cfg(unix)]
fn may_share_terminal() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    stdout.and_then(|stdout| stdout.metadata()).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn may_share_terminal() -> bool {
    false
}

/// The template's style. `{rate}` is photos per second: what follows a colon in a template is a colour, not a precision, and
/// indicatif's own rate has four decimals.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, to: &mut dyn std::fmt::Write| {
        // A bar that cannot be written is no reason to end.
        let _ = write!(to, "{:.1}/s", state.per_sec());
    })
}
