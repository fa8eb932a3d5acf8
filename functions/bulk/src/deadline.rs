//! How much time an invocation has, and what of it is left for storing results.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, timeout_at};

/// This share of the time is kept for storing results and answering, within bounds.
const KEPT_SHARE: u32 = 5;
const LEAST_KEPT: Duration = Duration::from_millis(300);
const MOST_KEPT: Duration = Duration::from_secs(6);

/// The instants at which an invocation changes its ways; none of them where the deadline is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Marks>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    /// No photo is begun any more.
    stop: Instant,
    /// Photos that are still being worked on are given up.
    give_up: Instant,
    /// The invocation ends.
    end: Instant,
}

impl Deadline {
    /// No limit is known.
    pub const UNKNOWN: Self = Self(None);

    /// Lambda's deadline, in milliseconds since 1970. One that is past means that nobody set it: emulators send 1970.
    #[must_use]
    pub fn at_epoch_ms(milliseconds: u64) -> Self {
        let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
        match end.and_then(|end| end.duration_since(SystemTime::now()).ok()) {
            Some(left) => Self::within(left),
            None => Self::UNKNOWN,
        }
    }

    /// The invocation ends after `left`.
    #[must_use]
    pub fn within(left: Duration) -> Self {
        let kept = (left / KEPT_SHARE).clamp(LEAST_KEPT, MOST_KEPT);
        let now = Instant::now();
        let marks = now.checked_add(left).map(|end| Marks {
            stop: now + left.saturating_sub(kept),
            give_up: now + left.saturating_sub(kept / 2),
            end,
        });
        Self(marks)
    }

    /// The work's result, unless the time for beginning photos ends before it.
    pub(crate) async fn before_stop<F: Future>(self, work: F) -> Option<F::Output> {
        limited(self.0.map(|marks| marks.stop), work).await
    }

    /// The work's result, unless the time for photos that were begun ends before it.
    pub(crate) async fn before_give_up<F: Future>(self, work: F) -> Option<F::Output> {
        limited(self.0.map(|marks| marks.give_up), work).await
    }

    /// The work's result, unless the invocation ends before it.
    pub(crate) async fn before_end<F: Future>(self, work: F) -> Option<F::Output> {
        // A little earlier: the answer needs time too.
        limited(self.0.map(|marks| marks.end - LEAST_KEPT / 3), work).await
    }

    /// Whether photos may still be begun.
    pub(crate) fn allows_more(self) -> bool {
        self.0.is_none_or(|marks| Instant::now() < marks.stop)
    }
}

async fn limited<F: Future>(until: Option<Instant>, work: F) -> Option<F::Output> {
    match until {
        Some(until) => timeout_at(until, work).await.ok(),
        None => Some(work.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_is_unknown() {
        for milliseconds in [0, 1, 1_000_000_000_000] {
            assert_eq!(Deadline::at_epoch_ms(milliseconds), Deadline::UNKNOWN, "{milliseconds}");
        }
    }

    #[test]
    fn some_time_is_kept_for_storing() {
        let now = Instant::now();
        for (left, kept) in [(900, 6), (20, 4), (30, 6)] {
            let Deadline(Some(marks)) = Deadline::within(Duration::from_secs(left)) else { panic!("{left}") };
            let found = (marks.end - marks.stop).as_secs();
            assert_eq!(found, kept, "{left}");
            assert!(marks.stop < marks.give_up && marks.give_up < marks.end && marks.end > now);
        }
        assert!(!Deadline::within(Duration::from_millis(100)).allows_more());
        assert!(Deadline::UNKNOWN.allows_more());
    }
}
