//! Short passes beside the comparison itself: more at once, more photos, and the way from the student project's client.

use serde::Serialize;

/// Throughput with a number of photos at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Rung {
    pub(crate) at_once: usize,
    pub(crate) photos_per_second: f64,
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

/// One step from the student project's client to this one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// Wall time per photo.
    pub(crate) ms: f64,
    /// What it takes away from the step before.
    pub(crate) saves_ms: f64,
    /// Bytes that go out for each photo.
    pub(crate) sent_bytes: f64,
    pub(crate) failed: u64,
}

/// All steps at one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Waterfall {
    pub(crate) target: String,
    pub(crate) steps: Vec<Step>,
}

impl Waterfall {
    /// Steps in their order: name, milliseconds and bytes sent per photo, failures.
    pub(crate) fn new(target: String, measured: Vec<(String, f64, f64, u64)>) -> Self {
        let mut before = None;
        let steps = measured.into_iter().map(|(name, ms, sent_bytes, failed)| {
            let saves_ms = before.replace(ms).map_or(0.0, |before: f64| before - ms);
            Step { name, ms, saves_ms, sent_bytes, failed }
        });
        Self { target, steps: steps.collect() }
    }

    /// From the first step to the last, how many times faster.
    pub(crate) fn gain(&self) -> Option<f64> {
        let (first, last) = (self.steps.first()?.ms, self.steps.last()?.ms);
        (first > 0.0 && last > 0.0).then(|| first / last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_save_against_the_one_before() {
        let step = |name: &str, ms| (name.to_owned(), ms, 0.0, 0);
        let waterfall = Waterfall::new("x".to_owned(), vec![step("a", 700.0), step("b", 200.0), step("c", 250.0)]);
        let saved: Vec<f64> = waterfall.steps.iter().map(|step| step.saves_ms).collect();
        assert_eq!(saved, [0.0, 500.0, -50.0]);
        assert_eq!(waterfall.gain(), Some(2.8));
    }

    #[test]
    fn three_folders_have_names() {
        assert_eq!(Folder::name(2, 3, 1500), "BIG");
        assert_eq!(Folder::name(0, 2, 7), "7");
    }
}
