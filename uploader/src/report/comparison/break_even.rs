//! From where on sending photos away pays. A small model, all of it here:
//!
//! ```text
//! near = its round trip, as measured
//! far  = function + platform + link's round trip + bytes / link's rate
//! ```
//!
//! Each threshold is solved for with everything else as measured.

use serde::Serialize;

/// What a photo's time at the far target is made of, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Way {
    /// The function's own time.
    pub(crate) function: f64,
    /// The platform around it.
    pub(crate) platform: f64,
    /// The link's round trip.
    pub(crate) round_trip: f64,
    /// The bytes' time on the link.
    pub(crate) transfer: f64,
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
}

impl Way {
    /// Takes apart what is neither function nor link: `rests` are the bytes that share the
    /// link and the milliseconds left, turn by turn.
    /// What grows with the bytes is transfer, what does not is the platform. Where all photos weigh about the same,
    /// that cannot be told, and the platform is taken to be as slow as `near_platform`.
    pub(crate) fn new(function: f64, round_trip: f64, rests: &[(f64, f64)], near_platform: f64) -> Self {
        let count = rests.len().max(1) as f64;
        let sum = rests.iter().fold((0.0, 0.0), |sum, (bytes, rest)| (sum.0 + bytes, sum.1 + rest));
        let (bytes, rest) = (sum.0 / count, sum.1 / count);
        let spread: f64 = rests.iter().map(|(b, _)| (b - bytes).powi(2)).sum();
        let common: f64 = rests.iter().map(|(b, r)| (b - bytes) * (r - rest)).sum();
        // Weights that differ by less than a tenth say nothing about a rate.
        let told = rests.len() >= 8 && (spread / count).sqrt() > 0.1 * bytes && common > 0.0;
        let platform = if told { rest - common / spread * bytes } else { near_platform };
        let platform = platform.clamp(0.0, rest.max(0.0));
        Self { function, platform, round_trip, transfer: rest.max(0.0) - platform, bytes }
    }

    /// The link's rate as these photos felt it, in Mbit/s; `None` where it took no time that can be told.
    pub(crate) fn mbit(&self) -> Option<f64> {
        (self.transfer > 0.05).then(|| self.bytes * 8.0 / self.transfer / 1e3)
    }

    /// The link's rate from which a photo is back sooner than `near` milliseconds.
    pub(crate) fn link_for(&self, near: f64) -> Threshold {
        let fixed = self.function + self.platform + self.round_trip;
        if fixed >= near {
            return Threshold::Never {
                because: format!(
                    "even at an endless rate it takes {fixed:.1} ms (round trip {:.1}, platform {:.1}, detection {:.1}), \
                     not {near:.1}",
                    self.round_trip, self.platform, self.function
                ),
            };
        }
        Threshold::From { value: self.bytes * 8.0 / (near - fixed) / 1e3 }
    }

    /// The round trip up to which a photo is back sooner than `near` milliseconds.
    pub(crate) fn round_trip_for(&self, near: f64) -> Threshold {
        let fixed = self.function + self.platform + self.transfer;
        if fixed >= near {
            return Threshold::Never {
                because: format!(
                    "even with no distance at all it takes {fixed:.1} ms (bytes {:.1}, platform {:.1}, detection {:.1}), \
                     not {near:.1}",
                    self.transfer, self.platform, self.function
                ),
            };
        }
        Threshold::UpTo { value: near - fixed }
    }
}

/// What one target needs for a number of photos: what its start adds, and each photo, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    pub(crate) start: f64,
    pub(crate) per_photo: f64,
}

/// The number of photos from which the far target is done sooner.
pub(crate) fn photos(near: Pace, far: Pace) -> Threshold {
    let (ahead, gain) = (far.start - near.start, near.per_photo - far.per_photo);
    if gain > 0.0 {
        let least = (ahead / gain).floor() + 1.0;
        return if least > 1.0 { Threshold::From { value: least } } else { Threshold::Always };
    }
    // A quicker start is used up by slower photos.
    let most = if ahead < 0.0 { (ahead / gain).ceil() - 1.0 } else { 0.0 };
    if most >= 1.0 {
        return Threshold::UpTo { value: most };
    }
    let because = format!("each photo takes {:.1} ms there, not {:.1}", far.per_photo, near.per_photo);
    Threshold::Never { because }
}

/// The fewest photos at once with which the far target does more per second than `near`: as measured on its ladder,
/// else by Little's law up to what the link carries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Crowd {
    pub(crate) threshold: Threshold,
    /// Whether it was seen, not reckoned.
    pub(crate) measured: bool,
}

pub(crate) fn crowd(near: f64, far: &[(usize, f64)], far_round_trip_ms: f64, way: &Way, at_once: usize) -> Crowd {
    let seen = far.iter().filter(|(_, pace)| *pace > near).min_by_key(|(at_once, _)| *at_once);
    if let Some((at_once, _)) = seen {
        return Crowd { threshold: Threshold::From { value: *at_once as f64 }, measured: true };
    }
    let carried = way.mbit().map_or(f64::INFINITY, |mbit| mbit * 1e6 / 8.0 / (way.bytes / at_once.max(1) as f64));
    // The model is small; what was seen is true.
    let most = far.iter().map(|(_, pace)| *pace).fold(carried, f64::max);
    if most <= near {
        let because = format!("the link carries {most:.1} such photos/s at most");
        return Crowd { threshold: Threshold::Never { because }, measured: false };
    }
    let needed = (near * far_round_trip_ms / 1e3).floor() + 1.0;
    Crowd { threshold: Threshold::From { value: needed }, measured: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 kB over 20 Mbit/s (40 ms) and 110 ms of way, 8 ms of detection, 2 ms of platform.
    fn way() -> Way {
        Way { function: 8.0, platform: 2.0, round_trip: 110.0, transfer: 40.0, bytes: 100_000.0 }
    }

    fn value(threshold: &Threshold) -> f64 {
        match threshold {
            Threshold::From { value } | Threshold::UpTo { value } => *value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_way_is_found_again_from_photos_of_different_weight() {
        let rests: Vec<(f64, f64)> = (1..=20).map(|n| (f64::from(n) * 1e4, 2.0 + f64::from(n) * 4.0)).collect();
        let way = Way::new(8.0, 110.0, &rests, 99.0);
        assert!((way.platform - 2.0).abs() < 1e-6 && (way.transfer - 42.0).abs() < 1e-6, "{way:?}");
        assert!((way.mbit().unwrap() - 20.0).abs() < 1e-6);
    }

    #[test]
    fn photos_of_one_weight_leave_the_platform_to_the_near_one() {
        let way = Way::new(8.0, 110.0, &[(1e5, 42.0); 10], 2.0);
        assert!(way.platform == 2.0 && (way.transfer - 40.0).abs() < 1e-9, "{way:?}");
        assert_eq!(Way::new(8.0, 110.0, &[(1e5, 1.0); 10], 2.0).platform, 1.0, "never more than there is");
    }

    #[test]
    fn thresholds_solve_the_model() {
        // 200 ms here: 80 are left for the bytes, or 150 for the way.
        assert!((value(&way().link_for(200.0)) - 10.0).abs() < 1e-9);
        assert!((value(&way().round_trip_for(200.0)) - 150.0).abs() < 1e-9);
    }

    #[test]
    fn never_is_an_answer_and_has_a_reason() {
        for threshold in [way().link_for(50.0), way().round_trip_for(50.0)] {
            let Threshold::Never { because } = threshold else { panic!("{threshold:?}") };
            assert!(because.ends_with("not 50.0"), "{because}");
        }
    }

    #[test]
    fn a_start_is_paid_off_by_faster_photos() {
        let pace = |start, per_photo| Pace { start, per_photo };
        assert_eq!(photos(pace(0.0, 20.0), pace(100.0, 10.0)), Threshold::From { value: 11.0 });
        assert_eq!(photos(pace(0.0, 20.0), pace(0.0, 10.0)), Threshold::Always);
        assert!(matches!(photos(pace(1.0, 10.0), pace(0.0, 20.0)), Threshold::Never { .. }), "not even one");
        assert!(matches!(photos(pace(0.0, 10.0), pace(100.0, 20.0)), Threshold::Never { .. }));
        assert_eq!(photos(pace(100.0, 10.0), pace(0.0, 20.0)), Threshold::UpTo { value: 9.0 });
    }

    #[test]
    fn crowds_are_seen_or_reckoned() {
        let ladder = [(1, 6.0), (2, 12.0), (4, 24.0)];
        assert_eq!(
            crowd(10.0, &ladder, 160.0, &way(), 1),
            Crowd { threshold: Threshold::From { value: 2.0 }, measured: true }
        );
        let reckoned = crowd(24.5, &ladder, 160.0, &way(), 1);
        assert!(!reckoned.measured && value(&reckoned.threshold) == 4.0, "{reckoned:?}");
        assert!(matches!(crowd(50.0, &ladder, 160.0, &way(), 1).threshold, Threshold::Never { .. }), "25 fit the link");
    }
}
