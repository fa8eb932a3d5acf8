//! The passes of a comparison: what they are called, how far they are, and how long all of it will still take.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::HumanDuration;

use crate::progress::Progress;

/// A pass.
#[derive(Debug, Clone, PartialEq)]
struct Pass {
    name: String,
    /// Photos to be sent, to all targets together.
    photos: usize,
    /// How long a photo is thought to take in it, in photos that are sent one after the other.
    weight: f64,
    done: usize,
    spent: Duration,
}

impl Pass {
    fn left(&self) -> usize {
        self.photos.saturating_sub(self.done)
    }
}

/// All passes, in their order.
#[derive(Debug, Default)]
struct Passes {
    passes: Vec<Pass>,
    current: usize,
}

impl Passes {
    /// How long the rest takes: a pass goes on as it went, and one that has not begun goes like all before it.
    fn left(&self) -> Option<Duration> {
        let begun = || self.passes.iter().filter(|pass| pass.done > 0);
        let weighed: f64 = begun().map(|pass| pass.done as f64 * pass.weight).sum();
        let spent: f64 = begun().map(|pass| pass.spent.as_secs_f64()).sum();
        let pace = (weighed > 0.0).then(|| spent / weighed)?;
        let left = self.passes.iter().map(|pass| {
            let each = match pass.done {
                0 => pass.weight * pace,
                done => pass.spent.as_secs_f64() / done as f64,
            };
            pass.left() as f64 * each
        });
        Duration::try_from_secs_f64(left.sum()).ok()
    }

    fn text(&self) -> String {
        let Some(pass) = self.passes.get(self.current) else { return String::new() };
        // Rounded up: none is left only when nothing is.
        let whole = |left: Duration| Duration::from_secs(left.as_secs_f64().ceil() as u64);
        let left = self.left().map_or_else(String::new, |left| format!(", {:#} left", HumanDuration(whole(left))));
        format!("{} {}/{}{left}", pass.name, pass.done, pass.photos)
    }

    fn share(&self) -> f64 {
        let spent: f64 = self.passes.iter().map(|pass| pass.spent.as_secs_f64()).sum();
        self.left().map_or(0.0, |left| spent / (spent + left.as_secs_f64()).max(1e-9))
    }
}

/// The passes on a bar.
#[derive(Debug)]
pub(super) struct PassProgress {
    progress: Progress,
    state: Mutex<(Passes, Instant)>,
}

impl PassProgress {
    pub(super) fn new(quiet: bool) -> Self {
        Self { progress: Progress::passes(quiet), state: Mutex::new((Passes::default(), Instant::now())) }
    }

    /// Puts a pass behind those that are there, and tells its number.
    pub(super) fn add(&self, name: impl Into<String>, photos: usize, weight: f64) -> usize {
        let mut state = self.state();
        let (done, spent) = (0, Duration::ZERO);
        state.0.passes.push(Pass { name: name.into(), photos, weight, done, spent });
        state.0.passes.len() - 1
    }

    /// Begins a pass. Whatever was not sent in the one before it will not be sent any more.
    pub(super) fn begin(&self, number: usize) {
        let mut state = self.state();
        let (passes, since) = &mut *state;
        for pass in passes.passes.iter_mut().take(number) {
            pass.photos = pass.done;
        }
        passes.current = number;
        *since = Instant::now();
        self.show(passes);
    }

    /// So many photos more have been sent in the current pass.
    pub(super) fn advance(&self, photos: usize) {
        let mut state = self.state();
        let (passes, since) = &mut *state;
        let current = passes.current;
        if let Some(pass) = passes.passes.get_mut(current) {
            pass.done += photos;
            pass.photos = pass.photos.max(pass.done);
            pass.spent += since.elapsed();
            *since = Instant::now();
        }
        self.show(passes);
    }

    pub(super) fn finish(&self) {
        self.progress.finish();
    }

    fn show(&self, passes: &Passes) {
        self.progress.shows(passes.share(), passes.text());
    }

    /// Numbers stay numbers, whoever panicked with them.
    fn state(&self) -> MutexGuard<'_, (Passes, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(passes: &[(usize, usize, f64, u64)]) -> Passes {
        let pass = |&(photos, done, weight, spent): &(usize, usize, f64, u64)| Pass {
            name: "concurrency 4".to_owned(),
            photos,
            weight,
            done,
            spent: Duration::from_secs(spent),
        };
        Passes { passes: passes.iter().map(pass).collect(), current: 1 }
    }

    #[test]
    fn the_time_left_is_that_of_all_passes() {
        // 10 photos took 5 s; 10 more of them, and 20 photos that take half as long each.
        let passes = passes(&[(20, 10, 1.0, 5), (20, 0, 0.5, 0)]);
        assert_eq!(passes.left(), Some(Duration::from_secs(10)));
        assert_eq!(passes.text(), "concurrency 4 0/20, 10s left");
        assert!((passes.share() - 1.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_pass_that_has_begun_goes_on_at_its_own_pace() {
        let passes = passes(&[(20, 20, 1.0, 10), (20, 5, 0.5, 10)]);
        assert_eq!(passes.left(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn nothing_is_said_before_anything_was_done_and_nothing_is_left_only_at_the_end() {
        assert_eq!(passes(&[(20, 0, 1.0, 0), (20, 0, 1.0, 0)]).left(), None);
        assert_eq!(passes(&[(20, 20, 1.0, 10), (20, 20, 1.0, 10)]).left(), Some(Duration::ZERO));
    }
}
