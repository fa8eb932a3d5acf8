//! From where on sending photos away pays. A small model, all of it here:
//!
//! ```text
//! near = its round trip, as measured
//! far  = function + platform + link's round trip + bytes / link's rate
//! ```
//!
//! Each threshold is solved for with everything else as measured, and only where the intervals of what was measured carry it.

use serde::Serialize;

use super::statistics::{Estimate, median};

/// What a photo's time at the far target is made of, in milliseconds. Together it is the median round trip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct LatencyParts {
    /// The function's own time, and waiting for it.
    pub(crate) function: f64,
    /// The platform around it.
    pub(crate) platform: f64,
    /// The link's round trip.
    pub(crate) round_trip: f64,
    /// The bytes' time on the link.
    pub(crate) transfer: f64,
    /// Opening connections, and earlier tries.
    pub(crate) other: f64,
    /// Bytes under way together: of as many photos as are sent at once.
    pub(crate) bytes: f64,
}

/// Where a target begins to win, or why it never does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "wins", rename_all = "snake_case")]
pub(crate) enum Threshold {
    /// From this value on.
    From { value: f64 },
    /// Up to this value.
    UpTo { value: f64 },
    /// At any value.
    Always,
    /// At no value.
    Never { because: String },
    /// What was measured does not tell.
    Unknown { because: String },
}

/// Milliseconds that the link takes for a byte: `rests` are the bytes that share the link and the milliseconds that are neither
/// the function's nor the link's round trip, turn by turn. What grows with the bytes is the link, what does not is the
/// platform. Where all photos weigh about the same, that cannot be told, and the platform is taken to be as slow as `platform`.
pub(crate) fn ms_per_byte(rests: &[(f64, f64)], platform: f64) -> f64 {
    let bytes = median(rests.iter().map(|rest| rest.0));
    let ms = median(rests.iter().map(|rest| rest.1));
    let apart = median(rests.iter().map(|rest| (rest.0 - bytes).abs()));
    // Weights that differ by less than a tenth say nothing about a rate.
    let slope = if rests.len() >= 8 && apart > 0.1 * bytes { slope(rests) } else { 0.0 };
    if slope > 0.0 { slope } else { (ms - platform).max(0.0) / bytes.max(1.0) }
}

/// Theil's and Sen's: the median over the slopes between two points, of which outliers among the points spoil few.
fn slope(points: &[(f64, f64)]) -> f64 {
    /// More points than this are thinned out.
    const MOST: usize = 400;
    let points: Vec<&(f64, f64)> = points.iter().step_by(points.len().div_ceil(MOST).max(1)).collect();
    let slopes = points.iter().enumerate().flat_map(|(place, a)| {
        let others = points[place + 1..].iter().filter(|b| b.0 != a.0);
        others.map(|b| (b.1 - a.1) / (b.0 - a.0))
    });
    median(slopes)
}

impl LatencyParts {
    /// The link's rate as these photos had it, in Mbit/s; `None` where it took no time that can be told.
    pub(crate) fn mbit(&self) -> Option<f64> {
        (self.transfer > 0.05).then(|| self.bytes * 8.0 / self.transfer / 1e3)
    }

    /// The bandwidth from which a photo is back sooner than `near`; `uncertain` is by how much less and more the far
    /// round trip may be than its median.
    pub(crate) fn link_for(&self, near: Estimate, uncertain: (f64, f64)) -> Threshold {
        let fixed = self.function + self.platform + self.other + self.round_trip;
        solved(fixed, near, uncertain, || {
            format!(
                "even with infinite bandwidth it takes {fixed:.0} ms (round trip {:.1}, platform {:.1}, function {:.1})",
                self.round_trip, self.platform, self.function
            )
        })
        .unwrap_or_else(|left| Threshold::From { value: self.bytes * 8.0 / left / 1e3 })
    }

    /// The round trip up to which a photo is back sooner than `near`.
    pub(crate) fn round_trip_for(&self, near: Estimate, uncertain: (f64, f64)) -> Threshold {
        let fixed = self.function + self.platform + self.other + self.transfer;
        solved(fixed, near, uncertain, || {
            format!(
                "even with no latency at all it takes {fixed:.0} ms (bytes {:.1}, platform {:.1}, function {:.1})",
                self.transfer, self.platform, self.function
            )
        })
        .unwrap_or_else(|left| Threshold::UpTo { value: left })
    }
}

/// What is left of `near` after what is fixed, as an error, or the reason why nothing can be solved for.
fn solved(
    fixed: f64,
    near: Estimate,
    (less, more): (f64, f64),
    because: impl FnOnce() -> String,
) -> Result<Threshold, f64> {
    if fixed - less >= near.high {
        return Ok(Threshold::Never { because: because() });
    }
    if fixed + more >= near.low {
        return Ok(Threshold::Unknown {
            because: format!("without it {fixed:.1} ms are too close to {:.1}", near.value),
        });
    }
    Err(near.value - fixed)
}

/// What one target needs for a number of photos: what its start adds, in milliseconds, and how many it does per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    pub(crate) start: f64,
    pub(crate) per_second: Estimate,
}

/// The number of photos from which the far target is done sooner.
pub(crate) fn photos(near: Pace, far: Pace) -> Threshold {
    let ahead = far.start - near.start;
    let [near_ms, far_ms] = [near, far].map(|pace| 1e3 / pace.per_second.value.max(1e-9));
    let gain = near_ms - far_ms;
    if near.per_second.is_below(&far.per_second) {
        let least = (ahead / gain).floor() + 1.0;
        return if least > 1.0 { Threshold::From { value: least } } else { Threshold::Always };
    }
    if !far.per_second.is_below(&near.per_second) {
        let because = format!(
            "{:.1} to {:.1} photos/s and {:.1} to {:.1} do not differ enough",
            near.per_second.low, near.per_second.high, far.per_second.low, far.per_second.high
        );
        return Threshold::Unknown { because };
    }
    // A quicker start is used up by slower photos.
    let most = if ahead < 0.0 { (ahead / gain).ceil() - 1.0 } else { 0.0 };
    if most >= 1.0 {
        return Threshold::UpTo { value: most };
    }
    Threshold::Never { because: format!("{far_ms:.1} ms per photo against {near_ms:.1}") }
}

/// The fewest photos at once with which the far target does more per second than the near one: as measured on its ladder,
/// else by Little's law up to what the link carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MinConcurrency {
    pub(crate) threshold: Threshold,
    /// Whether it was measured, not estimated.
    pub(crate) measured: bool,
}

/// `far` is its ladder: so many at once, so many per second.
pub(crate) fn min_concurrency(
    near: Estimate,
    far: &[(usize, Estimate)],
    far_round_trip_ms: f64,
    parts: &LatencyParts,
    at_once: usize,
) -> MinConcurrency {
    let seen = far.iter().filter(|(_, pace)| near.is_below(pace)).min_by_key(|(at_once, _)| *at_once);
    if let Some((at_once, _)) = seen {
        return MinConcurrency { threshold: Threshold::From { value: *at_once as f64 }, measured: true };
    }
    if let Some((most, _)) = far.iter().filter(|(_, pace)| !pace.is_below(&near)).max_by_key(|(at_once, _)| *at_once) {
        let because = format!("no difference can be told with {most} at once");
        return MinConcurrency { threshold: Threshold::Unknown { because }, measured: true };
    }
    let carried = parts.mbit().map_or(f64::INFINITY, |mbit| mbit * 1e6 / 8.0 / (parts.bytes / at_once.max(1) as f64));
    // The model is small; what was seen is true.
    let most = far.iter().map(|(_, pace)| pace.value).fold(carried, f64::max);
    if most <= near.value {
        let because = format!("the link carries at most {most:.1} such photos/s");
        return MinConcurrency { threshold: Threshold::Never { because }, measured: false };
    }
    let needed = (near.value * far_round_trip_ms / 1e3).floor() + 1.0;
    let tried = far.iter().map(|(at_once, _)| at_once + 1).max().unwrap_or(1);
    MinConcurrency { threshold: Threshold::From { value: needed.max(tried as f64) }, measured: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 kB over 20 Mbit/s (40 ms) and 110 ms of link, 8 ms of detection, 2 ms of platform.
    fn parts() -> LatencyParts {
        LatencyParts { function: 8.0, platform: 2.0, round_trip: 110.0, transfer: 40.0, other: 0.0, bytes: 100_000.0 }
    }

    /// Known to a twentieth.
    fn about(value: f64) -> Estimate {
        Estimate { value, low: value * 0.95, high: value * 1.05 }
    }

    fn value(threshold: &Threshold) -> f64 {
        match threshold {
            Threshold::From { value } | Threshold::UpTo { value } => *value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_rate_is_found_again_from_photos_of_different_weight_and_outliers_are_none_of_it() {
        let mut rests: Vec<(f64, f64)> = (1..=20).map(|n| (f64::from(n) * 1e4, 2.0 + f64::from(n) * 4.0)).collect();
        assert!((ms_per_byte(&rests, 99.0) - 4e-4).abs() < 1e-9);
        rests[3].1 = 900.0;
        rests[18].1 = 2000.0;
        let slope = ms_per_byte(&rests, 99.0);
        assert!((3.8e-4..=4.2e-4).contains(&slope), "{slope}");
    }

    #[test]
    fn photos_of_one_weight_leave_the_platform_to_the_near_one() {
        assert!((ms_per_byte(&[(1e5, 42.0); 10], 2.0) - 4e-4).abs() < 1e-9);
        assert_eq!(ms_per_byte(&[(1e5, 1.0); 10], 2.0), 0.0, "never less than nothing");
        assert_eq!(ms_per_byte(&[], 2.0), 0.0);
    }

    #[test]
    fn thresholds_solve_the_model() {
        // 200 ms here: 80 are left for the bytes, or 150 for the link.
        assert!((value(&parts().link_for(about(200.0), (5.0, 5.0))) - 10.0).abs() < 1e-9);
        assert!((value(&parts().round_trip_for(about(200.0), (5.0, 5.0))) - 150.0).abs() < 1e-9);
    }

    #[test]
    fn never_is_an_answer_and_has_a_reason_and_what_is_close_has_none() {
        let Threshold::Never { because } = parts().link_for(about(50.0), (5.0, 5.0)) else { panic!() };
        assert!(because.starts_with("even with infinite bandwidth it takes 120 ms"), "{because}");
        let Threshold::Never { because } = parts().round_trip_for(about(30.0), (5.0, 5.0)) else { panic!() };
        assert!(because.starts_with("even with no latency at all it takes 50 ms"), "{because}");
        for near in [117.0, 120.0, 123.0] {
            assert!(matches!(parts().link_for(about(near), (5.0, 5.0)), Threshold::Unknown { .. }), "{near}");
        }
    }

    #[test]
    fn a_start_is_paid_off_by_faster_photos() {
        let pace = |start, per_photo: f64| Pace { start, per_second: about(1e3 / per_photo) };
        assert_eq!(photos(pace(0.0, 20.0), pace(100.0, 10.0)), Threshold::From { value: 11.0 });
        assert_eq!(photos(pace(0.0, 20.0), pace(0.0, 10.0)), Threshold::Always);
        assert!(matches!(photos(pace(1.0, 10.0), pace(0.0, 20.0)), Threshold::Never { .. }), "not even one");
        assert!(matches!(photos(pace(0.0, 10.0), pace(100.0, 20.0)), Threshold::Never { .. }));
        assert_eq!(photos(pace(100.0, 10.0), pace(0.0, 20.0)), Threshold::UpTo { value: 9.0 });
    }

    #[test]
    fn where_paces_cannot_be_told_apart_nobody_wins_for_any_number() {
        let pace = |start, per_photo: f64| Pace { start, per_second: about(1e3 / per_photo) };
        for (near, far) in [(10.0, 10.0), (10.0, 10.5), (10.5, 10.0)] {
            let photos = photos(pace(0.0, near), pace(100.0, far));
            assert!(matches!(photos, Threshold::Unknown { .. }), "{near} {far}: {photos:?}");
        }
    }

    #[test]
    fn crowds_are_measured_or_estimated() {
        let ladder = [(1, 6.0), (2, 12.0), (4, 24.0)].map(|(at_once, pace)| (at_once, about(pace)));
        let min_concurrency = |near| super::min_concurrency(about(near), &ladder, 160.0, &parts(), 1);
        assert_eq!(min_concurrency(10.0), MinConcurrency { threshold: Threshold::From { value: 2.0 }, measured: true });
        assert!(matches!(
            min_concurrency(24.5),
            MinConcurrency { threshold: Threshold::Unknown { .. }, measured: true }
        ));
        assert!(matches!(min_concurrency(50.0).threshold, Threshold::Never { .. }), "25 fit the link");
        let wide = LatencyParts { transfer: 0.0, ..parts() };
        let estimated = super::min_concurrency(about(50.0), &ladder, 160.0, &wide, 1);
        assert!(!estimated.measured && value(&estimated.threshold) == 9.0, "{estimated:?}");
    }
}
