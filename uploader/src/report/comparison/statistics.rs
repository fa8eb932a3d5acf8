//! Medians, and how sure they are: by order statistics for one target, by the paired bootstrap for two.

use serde::Serialize;

/// With fewer values than this no interval holds a median with 95 % confidence: six of one side come by chance once in 32 times.
pub(crate) const LEAST: usize = 6;
/// So many resamples: the interval's ends then move by less than a tenth of its width from seed to seed.
const RESAMPLES: usize = 4000;
/// The same data gives the same words.
const SEED: u64 = 2023;

/// A median and the interval that holds it with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Estimate {
    /// The same quantity the other way round: of a ratio, or of a time for each as a number in each time.
    pub(crate) fn inverse_of(self, unit: f64) -> Self {
        Self { value: unit / self.value, low: unit / self.high, high: unit / self.low }
    }

    /// Whether all of it lies below all of another's.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.high < other.low
    }
}

/// A value with its fraction `share` of `sorted` below it, between two of them where it falls between.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The value in the middle; 0 of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// A median with its interval by order statistics; `None` for fewer than [`LEAST`] values.
pub(crate) fn estimate(values: impl IntoIterator<Item = f64>) -> Option<Estimate> {
    let sorted = sorted(values);
    let outside = outside(sorted.len())?;
    let (low, high) = (sorted[outside], sorted[sorted.len() - 1 - outside]);
    Some(Estimate { value: quantile(&sorted, 0.5), low, high })
}

pub(crate) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// How many of `count` values lie outside on each side: the most for which the median lies outside, too, in at most 2.5 % of
/// all cases on each side. Each value is below the median as often as a coin shows heads.
fn outside(count: usize) -> Option<usize> {
    if count < LEAST {
        return None;
    }
    // Where 2^-count is no number any more, the coins are as good as normal.
    if count > 1000 {
        let count = count as f64;
        return Some(((count - 1.96 * count.sqrt()) / 2.0 - 1.0).floor() as usize);
    }
    let mut chance = 0.5_f64.powi(i32::try_from(count).ok()?);
    let (mut tail, mut outside) = (chance, 0);
    loop {
        chance *= (count - outside) as f64 / (outside + 1) as f64;
        tail += chance;
        if tail > 0.025 {
            return Some(outside);
        }
        outside += 1;
    }
}

/// How one target's times differ from another's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// Pairs of times.
    pub(crate) pairs: usize,
    /// The medians, in milliseconds.
    pub(crate) first_ms: f64,
    pub(crate) second_ms: f64,
    /// Median of the second's less median of the first's, in milliseconds.
    pub(crate) ms: Estimate,
    /// Median of the second's over median of the first's.
    pub(crate) ratio: Estimate,
}

impl Difference {
    /// Whether there are enough pairs to conclude anything from.
    pub(crate) fn is_carried(&self) -> bool {
        self.pairs >= LEAST
    }

    /// Whether more than chance is seen.
    pub(crate) fn is_told(&self) -> bool {
        self.is_carried() && (self.ms.low > 0.0 || self.ms.high < 0.0)
    }
}

/// Compares times that belong together pair by pair, so that what slows both at once drops out. `None` for fewer than two
/// pairs, of which nothing can be told.
pub(crate) fn difference(pairs: &[(f64, f64)]) -> Option<Difference> {
    if pairs.len() < 2 {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let (mut ms, mut ratios) = (Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES));
    let (mut firsts, mut seconds) = (vec![0.0; pairs.len()], vec![0.0; pairs.len()]);
    for _ in 0..RESAMPLES {
        for place in 0..pairs.len() {
            (firsts[place], seconds[place]) = pairs[random.usize(..pairs.len())];
        }
        let (first, second) = (middle(&mut firsts), middle(&mut seconds));
        ms.push(second - first);
        ratios.push(ratio(first, second));
    }
    let first_ms = median(pairs.iter().map(|pair| pair.0));
    let second_ms = median(pairs.iter().map(|pair| pair.1));
    Some(Difference {
        pairs: pairs.len(),
        first_ms,
        second_ms,
        ms: percentiles(second_ms - first_ms, ms),
        ratio: percentiles(ratio(first_ms, second_ms), ratios),
    })
}

fn ratio(first: f64, second: f64) -> f64 {
    second / first.max(1e-9)
}

/// The median, leaving the values in another order: selecting is quicker than sorting.
fn middle(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    let upper = *upper;
    if even { (below.iter().copied().fold(f64::MIN, f64::max) + upper) / 2.0 } else { upper }
}

fn percentiles(value: f64, resampled: Vec<f64>) -> Estimate {
    let sorted = sorted(resampled);
    Estimate { value, low: quantile(&sorted, 0.025), high: quantile(&sorted, 0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_told_with_its_size() {
        let pairs: Vec<(f64, f64)> = (0..40).map(|n| (10.0 + f64::from(n % 3), 30.0 + f64::from(n % 5))).collect();
        let difference = difference(&pairs).unwrap();
        assert!(difference.is_told());
        assert_eq!((difference.first_ms, difference.second_ms, difference.ms.value), (11.0, 32.0, 21.0));
        assert!(difference.ms.low >= 19.0 && difference.ms.high <= 23.0, "{difference:?}");
        assert!(difference.ratio.low > 2.5 && difference.ratio.high < 3.3, "{difference:?}");
    }

    #[test]
    fn chance_is_not_told() {
        let pairs: Vec<(f64, f64)> = (0..20).map(|n| if n % 2 == 0 { (10.0, 12.0) } else { (12.0, 10.0) }).collect();
        assert!(!difference(&pairs).unwrap().is_told());
    }

    #[test]
    fn one_outlier_of_twelve_makes_no_difference() {
        let mut pairs: Vec<(f64, f64)> =
            (0..12).map(|n| (20.0 + f64::from(n % 4), 20.5 + f64::from((n + 2) % 4))).collect();
        let without = difference(&pairs).unwrap();
        pairs[7].1 = 322.0;
        let with = difference(&pairs).unwrap();
        assert!(!with.is_told() && with.ratio.high < 1.2, "{with:?}");
        assert!((with.ms.value - without.ms.value).abs() <= 0.5, "{with:?} {without:?}");
    }

    #[test]
    fn what_slows_both_drops_out() {
        let pairs: Vec<(f64, f64)> = (0..30).map(|n| (f64::from(n) * 100.0, f64::from(n) * 100.0 + 1.0)).collect();
        let difference = difference(&pairs).unwrap();
        assert!(difference.is_told(), "1 ms more, whatever the load: {difference:?}");
    }

    #[test]
    fn five_pairs_carry_nothing_and_one_is_none() {
        let pairs = [(10.0, 30.0); 6];
        assert!(difference(&pairs).unwrap().is_told());
        assert!(!difference(&pairs[..5]).unwrap().is_told(), "all five on one side come by chance once in 16 times");
        assert_eq!(difference(&pairs[..1]), None);
    }

    #[test]
    fn the_same_data_gives_the_same_interval() {
        let pairs: Vec<(f64, f64)> = (0..9).map(|n| (f64::from(n), f64::from(n * n))).collect();
        assert_eq!(difference(&pairs), difference(&pairs));
    }

    #[test]
    fn medians_have_the_intervals_of_the_tables() {
        let ranks = |count: u32| estimate((1..=count).map(f64::from)).map(|e| (e.low, e.value, e.high));
        assert_eq!(ranks(5), None);
        // The usual tables of order statistics: 1 and 6 of 6, 3 and 10 of 12, 10 and 21 of 30, 40 and 61 of 100.
        assert_eq!(ranks(6), Some((1.0, 3.5, 6.0)));
        assert_eq!(ranks(12), Some((3.0, 6.5, 10.0)));
        assert_eq!(ranks(30), Some((10.0, 15.5, 21.0)));
        assert_eq!(ranks(100), Some((40.0, 50.5, 61.0)));
        let (low, _, high) = ranks(2000).unwrap();
        assert!((955.0..=958.0).contains(&low) && (1043.0..=1046.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn both_ways_to_the_median_agree() {
        let values = [3.0, 1.0, 2.0, 10.0];
        assert_eq!((median(values), middle(&mut values.clone())), (2.5, 2.5));
        assert_eq!((median([3.0, 1.0, 2.0]), middle(&mut [3.0, 1.0, 2.0])), (2.0, 2.0));
        assert_eq!(median([]), 0.0);
    }
}
