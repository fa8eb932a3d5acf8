//! How sure a difference is: the paired bootstrap.

use serde::Serialize;

/// So many resamples: the interval's ends then move by less than a tenth of its width from seed to seed.
const RESAMPLES: usize = 4000;
/// The same data gives the same words.
const SEED: u64 = 2023;

/// A value and the interval that holds it with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// How one target's times differ from another's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// Pairs of times.
    pub(crate) pairs: usize,
    /// Mean of the second's less mean of the first's, in milliseconds.
    pub(crate) ms: Estimate,
    /// Mean of the second's over mean of the first's.
    pub(crate) ratio: Estimate,
}

impl Difference {
    /// Whether more than chance is seen.
    pub(crate) fn is_told(&self) -> bool {
        self.ms.low > 0.0 || self.ms.high < 0.0
    }
}

/// Compares times that belong together pair by pair, so that what slows both at once drops out. `None` for less than
/// two pairs, of which nothing can be told.
pub(crate) fn difference(pairs: &[(f64, f64)]) -> Option<Difference> {
    if pairs.len() < 2 {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let (mut ms, mut ratios) = (Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let (mut first, mut second) = (0.0, 0.0);
        for _ in 0..pairs.len() {
            let (a, b) = pairs[random.usize(..pairs.len())];
            first += a;
            second += b;
        }
        ms.push((second - first) / pairs.len() as f64);
        ratios.push(second / first);
    }
    let (first, second) = pairs.iter().fold((0.0, 0.0), |(first, second), (a, b)| (first + a, second + b));
    Some(Difference {
        pairs: pairs.len(),
        ms: estimate((second - first) / pairs.len() as f64, ms),
        ratio: estimate(second / first, ratios),
    })
}

fn estimate(value: f64, mut resampled: Vec<f64>) -> Estimate {
    resampled.sort_by(f64::total_cmp);
    let at = |share: f64| resampled[(share * (resampled.len() - 1) as f64).round() as usize];
    Estimate { value, low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_told_with_its_size() {
        let pairs: Vec<(f64, f64)> = (0..40).map(|n| (10.0 + f64::from(n % 3), 30.0 + f64::from(n % 5))).collect();
        let difference = difference(&pairs).unwrap();
        assert!(difference.is_told());
        assert!(difference.ms.low < 21.0 && 21.0 < difference.ms.high, "{difference:?}");
        assert!(difference.ratio.low > 2.5 && difference.ratio.high < 3.2, "{difference:?}");
    }

    #[test]
    fn chance_is_not_told() {
        let pairs: Vec<(f64, f64)> = (0..20).map(|n| if n % 2 == 0 { (10.0, 12.0) } else { (12.0, 10.0) }).collect();
        let difference = difference(&pairs).unwrap();
        assert!(!difference.is_told(), "{difference:?}");
    }

    #[test]
    fn what_slows_both_drops_out() {
        let pairs: Vec<(f64, f64)> = (0..30).map(|n| (f64::from(n) * 100.0, f64::from(n) * 100.0 + 1.0)).collect();
        let difference = difference(&pairs).unwrap();
        assert!(difference.is_told(), "1 ms more, whatever the load: {difference:?}");
    }

    #[test]
    fn the_same_data_gives_the_same_interval() {
        let pairs: Vec<(f64, f64)> = (0..9).map(|n| (f64::from(n), f64::from(n * n))).collect();
        assert_eq!(difference(&pairs), difference(&pairs));
        assert_eq!(difference(&pairs[..1]), None);
    }
}
