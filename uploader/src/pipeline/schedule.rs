//! When a photo's turn is.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// As soon as a slot is free, or by the clock.
#[derive(Debug)]
pub(crate) struct Schedule {
    rate: Option<f64>,
    start: OnceLock<Instant>,
}

impl Schedule {
    pub(crate) fn new(rate: Option<f64>) -> Self {
        Self { rate, start: OnceLock::new() }
    }

    /// Waits for a photo's turn and tells from when its latency counts. By the clock that is the instant at which it
    /// should have left, even where no slot was free: otherwise a slow answer would hide the wait of all behind it.
    pub(crate) async fn turn_of(&self, index: usize) -> Instant {
        let start = *self.start.get_or_init(Instant::now);
        let Some(rate) = self.rate else {
            return Instant::now();
        };
        let turn = start + offset(index, rate);
        tokio::time::sleep_until(turn.into()).await;
        turn
    }
}

fn offset(index: usize, rate: f64) -> Duration {
    Duration::try_from_secs_f64(index as f64 / rate).unwrap_or(Duration::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_evenly_spaced() {
        assert_eq!(offset(0, 8.0), Duration::ZERO);
        assert_eq!(offset(12, 8.0), Duration::from_millis(1500));
    }
}
