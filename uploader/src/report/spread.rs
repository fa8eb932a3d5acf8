//! A distribution of durations.

use std::time::Duration;

use hdrhistogram::Histogram;

/// In microseconds. What takes longer counts as this.
const AN_HOUR: u64 = 3_600_000_000;

/// Durations in microseconds, to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    histogram: Option<Histogram<u64>>,
    sum_ms: f64,
    count: u64,
}

impl Default for Spread {
    fn default() -> Self {
        // The bounds are valid; were they not, only the percentiles would be missing.
        Self { histogram: Histogram::new_with_bounds(1, AN_HOUR, 3).ok(), sum_ms: 0.0, count: 0 }
    }
}

impl Spread {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.add_ms(duration.as_secs_f64() * 1e3);
    }

    pub(crate) fn add_ms(&mut self, ms: f64) {
        let ms = if ms.is_finite() { ms.max(0.0) } else { 0.0 };
        self.sum_ms += ms;
        self.count += 1;
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record((ms * 1e3).round() as u64);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The mean, exact, in milliseconds.
    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_ms / self.count as f64 }
    }

    /// A percentile, 0 to 100, in milliseconds.
    pub(crate) fn percentile(&self, percentile: f64) -> f64 {
        self.histogram.as_ref().map_or(0.0, |histogram| histogram.value_at_percentile(percentile) as f64 / 1e3)
    }

    /// The least, in milliseconds.
    pub(crate) fn min(&self) -> f64 {
        self.histogram.as_ref().filter(|_| self.count > 0).map_or(0.0, |histogram| histogram.min() as f64 / 1e3)
    }

    /// The most, in milliseconds.
    pub(crate) fn max(&self) -> f64 {
        self.histogram.as_ref().map_or(0.0, |histogram| histogram.max() as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_thousandth() {
        let mut spread = Spread::default();
        for ms in 1..=1000 {
            spread.add(Duration::from_millis(ms));
        }
        assert!((spread.percentile(50.0) - 500.0).abs() <= 1.0, "{}", spread.percentile(50.0));
        assert!((spread.percentile(99.0) - 990.0).abs() <= 1.0, "{}", spread.percentile(99.0));
        assert_eq!(spread.mean(), 500.5);
    }

    #[test]
    fn nothing_is_zero() {
        let spread = Spread::default();
        assert_eq!((spread.mean(), spread.percentile(99.0), spread.max(), spread.min()), (0.0, 0.0, 0.0, 0.0));
    }
}
