//! Short passes beside the comparison itself: more at once, more photos, and the way from the student project's client.

use serde::Serialize;

use super::statistics::{Difference, Estimate, difference, estimate, median};

/// Throughput with a number of photos at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rung {
    pub(crate) at_once: usize,
    /// The median of several rounds.
    pub(crate) photos_per_second: f64,
    /// With its interval, where there were enough rounds.
    pub(crate) interval: Option<Estimate>,
}

impl Rung {
    /// From what each round did per second; `None` where nothing was answered.
    pub(crate) fn new(at_once: usize, rounds: &[f64]) -> Option<Self> {
        let photos_per_second = median(rounds.iter().copied());
        let interval = estimate(rounds.iter().copied());
        (photos_per_second > 0.0).then_some(Self { at_once, photos_per_second, interval })
    }
}

/// A folder of the student project's table: so many photos through one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Folder {
    /// SMALL, MEDIUM, BIG; for other numbers of folders, the number of photos.
    pub(crate) name: String,
    pub(crate) photos: usize,
    pub(crate) target: String,
    pub(crate) failed: u64,
    pub(crate) inference_s: f64,
    /// Round trip less the function's own time.
    pub(crate) upload_s: f64,
    pub(crate) round_trip_s: f64,
    pub(crate) photos_per_second: f64,
}

impl Folder {
    /// What a folder is called, by its place among `count`.
    pub(crate) fn name(place: usize, count: usize, photos: usize) -> String {
        match (["SMALL", "MEDIUM", "BIG"].get(place), count) {
            (Some(name), 3) => (*name).to_owned(),
            _ => photos.to_string(),
        }
    }
}

/// One step from the student project's client to this one, as it was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepTimes {
    pub(crate) name: String,
    /// Wall time of each photo; `None` where it failed. The same photos in the same order in all steps.
    pub(crate) ms: Vec<Option<f64>>,
    /// Bytes that went out for each photo.
    pub(crate) sent_bytes: f64,
}

/// One step from the student project's client to this one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// Median wall time per photo.
    pub(crate) ms: f64,
    /// What it takes away from the step before.
    pub(crate) saves_ms: f64,
    /// With its interval, photo by photo.
    pub(crate) saves_interval_ms: Option<Estimate>,
    /// Whether that is more than chance.
    pub(crate) told: bool,
    /// Bytes that go out for each photo.
    pub(crate) sent_bytes: f64,
    pub(crate) failed: u64,
}

/// All steps at one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Waterfall {
    pub(crate) target: String,
    pub(crate) steps: Vec<Step>,
    /// From the first step to the last, how many times faster; `None` where that cannot be told.
    pub(crate) gain: Option<Estimate>,
}

impl Waterfall {
    /// Steps in their order.
    pub(crate) fn new(target: String, step_times: &[StepTimes]) -> Self {
        let ms = |step: &StepTimes| median(step.ms.iter().copied().flatten());
        let steps = step_times.iter().enumerate().map(|(place, step)| {
            let before = place.checked_sub(1).map(|before| &step_times[before]);
            let saved = before.and_then(|before| difference(&pairs(step, before)));
            Step {
                name: step.name.clone(),
                ms: ms(step),
                saves_ms: before.map_or(0.0, |before| ms(before) - ms(step)),
                saves_interval_ms: saved.filter(Difference::is_carried).map(|saved| saved.ms),
                told: saved.is_some_and(|saved| saved.is_told()),
                sent_bytes: step.sent_bytes,
                failed: step.ms.iter().filter(|ms| ms.is_none()).count() as u64,
            }
        });
        let ends = step_times.first().zip(step_times.last());
        let gain = ends.and_then(|(first, last)| difference(&pairs(last, first))).filter(Difference::is_told);
        Self { target, steps: steps.collect(), gain: gain.map(|gain| gain.ratio) }
    }
}

/// The times of the photos that were answered in both.
fn pairs(a: &StepTimes, b: &StepTimes) -> Vec<(f64, f64)> {
    a.ms.iter().zip(&b.ms).filter_map(|(a, b)| (*a).zip(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, ms: impl Fn(u32) -> f64) -> StepTimes {
        StepTimes { name: name.to_owned(), ms: (0..12).map(|n| Some(ms(n))).collect(), sent_bytes: 0.0 }
    }

    #[test]
    fn steps_save_against_the_one_before_and_the_gain_is_of_all() {
        let steady = |ms: f64| move |n: u32| ms + f64::from(n % 3);
        let steps = [step("a", steady(700.0)), step("b", steady(200.0)), step("c", steady(250.0))];
        let waterfall = Waterfall::new("x".to_owned(), &steps);
        let saved: Vec<f64> = waterfall.steps.iter().map(|step| step.saves_ms).collect();
        assert_eq!(saved, [0.0, 500.0, -50.0]);
        assert!(waterfall.steps[1].told && waterfall.steps[2].told);
        assert!((2.7..=2.9).contains(&waterfall.gain.unwrap().value), "{waterfall:?}");
    }

    #[test]
    fn a_step_that_saves_nothing_is_not_told_and_an_outlier_is_none() {
        let noisy = step("a", |n| 50.0 + f64::from(n * 7 % 5));
        let mut other = step("b", |n| 50.0 + f64::from(n * 3 % 5));
        other.ms[4] = Some(900.0);
        other.ms[5] = None;
        let waterfall = Waterfall::new("x".to_owned(), &[noisy, other]);
        assert!(!waterfall.steps[1].told && waterfall.gain.is_none(), "{waterfall:?}");
        assert!(waterfall.steps[1].ms < 54.0 && waterfall.steps[1].failed == 1);
    }

    #[test]
    fn a_rung_is_the_median_of_its_rounds() {
        let rung = Rung::new(4, &[30.0, 31.0, 29.0, 2.0, 30.0, 30.0]).unwrap();
        assert_eq!((rung.photos_per_second, rung.interval.unwrap().low), (30.0, 2.0));
        assert_eq!(Rung::new(4, &[]), None);
        assert_eq!(Rung::new(4, &[30.0; 5]).unwrap().interval, None);
    }

    #[test]
    fn three_folders_have_names() {
        assert_eq!(Folder::name(2, 3, 1500), "BIG");
        assert_eq!(Folder::name(0, 2, 7), "7");
    }
}
