//! Two targets against each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bootstrap::{Difference, difference};
use super::boxes::Agreement;
use super::break_even::{Crowd, Pace, Threshold, Way, crowd, photos};
use super::{Measured, Sample, Turn};
use crate::args::Kind;

/// A target against the first.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) first: String,
    pub(crate) second: String,
    /// Wall time per photo, turn by turn; with a rate, round trips, since then the clock decides on the turns.
    pub(crate) time: Option<Difference>,
    /// Round trips, photo by photo.
    pub(crate) round_trip: Option<Difference>,
    /// Whether both run the same model file.
    pub(crate) same_model: bool,
    pub(crate) boxes: Agreement,
    /// `None` where both run here, or one was never measured.
    pub(crate) offload: Option<Offload>,
}

/// Whether it pays to send photos away from the nearer target to the farther one.
#[derive(Debug, Serialize)]
pub(crate) struct Offload {
    pub(crate) near: String,
    pub(crate) far: String,
    pub(crate) near_ms: f64,
    pub(crate) far_ms: f64,
    pub(crate) way_ms: Way,
    /// The link's rate as the photos felt it.
    pub(crate) mbit: Option<f64>,
    /// How much of the far target's round trip is network.
    pub(crate) network_share: f64,
    pub(crate) link_mbit: Threshold,
    pub(crate) round_trip_ms: Threshold,
    pub(crate) photos: Threshold,
    /// With how many at once each does `photos` best.
    pub(crate) near_at_once: usize,
    pub(crate) far_at_once: usize,
    pub(crate) at_once: Crowd,
}

impl Pair {
    /// Compares the targets at places `first` and `second` of `targets`.
    pub(crate) fn new(
        targets: &[Measured],
        (first, second): (usize, usize),
        samples: &[Sample],
        turns: &[Turn],
        concurrency: usize,
        by_the_clock: bool,
    ) -> Self {
        let round_trips = round_trips(samples, first, second);
        let round_trip = difference(&round_trips);
        let time = if by_the_clock { round_trip } else { difference(&turn_times(turns, first, second)) };
        let mut boxes = Agreement::default();
        for (a, b) in together(samples, first, second).filter(|(a, _)| a.run == 1) {
            if let (Some(first), Some(second)) = (a.answer(), b.answer()) {
                boxes.add(&a.photo(), first, second);
            }
        }
        let (a, b) = (&targets[first], &targets[second]);
        Self {
            first: a.name.clone(),
            second: b.name.clone(),
            time,
            round_trip,
            same_model: digests(a) == digests(b),
            boxes,
            offload: Offload::new(targets, (first, second), samples, concurrency, by_the_clock),
        }
    }
}

impl Offload {
    fn new(
        targets: &[Measured],
        (a, b): (usize, usize),
        samples: &[Sample],
        concurrency: usize,
        by_the_clock: bool,
    ) -> Option<Self> {
        let (near, far) = if is_farther(&targets[a], &targets[b]) { (b, a) } else { (a, b) };
        let (near, far, far_place) = (&targets[near], &targets[far], far);
        // Between two that run here, nothing is sent away.
        if far.kind != Kind::Url || !near.is_measured() || !far.is_measured() {
            return None;
        }
        let rests = rests(samples, far_place, far.link_ms.round_trip, by_the_clock);
        let near_platform = near.phase("overhead");
        let way = Way::new(far.phase("queue") + far.server_ms, far.link_ms.round_trip, &rests, near_platform);
        let (near_ms, far_ms) = (near.round_trip_ms.mean, far.round_trip_ms.mean);
        let ((near_best, near_at_once), (far_best, far_at_once)) =
            (near.best_pace(concurrency), far.best_pace(concurrency));
        let pace = |target: &Measured, best: f64| Pace {
            start: target.cold.map_or(0.0, |cold| (cold.round_trip_ms - target.round_trip_ms.mean).max(0.0)),
            per_photo: 1e3 / best.max(1e-9),
        };
        let sharing = if by_the_clock { 1 } else { concurrency };
        let mut paces: Vec<(usize, f64)> =
            far.ladder.iter().map(|rung| (rung.at_once, rung.photos_per_second)).collect();
        paces.push((concurrency, far.photos_per_second));
        Some(Self {
            near: near.name.clone(),
            far: far.name.clone(),
            near_ms,
            far_ms,
            mbit: way.mbit(),
            network_share: ((far_ms - way.function - way.platform) / far_ms).clamp(0.0, 1.0),
            link_mbit: way.link_for(near_ms),
            round_trip_ms: way.round_trip_for(near_ms),
            photos: photos(pace(near, near_best), pace(far, far_best)),
            near_at_once,
            far_at_once,
            at_once: crowd(near_best, &paces, far_ms, &way, sharing),
            way_ms: way,
        })
    }
}

/// The bytes that share the link, and the milliseconds which neither the function nor the link's round trip explains, on
/// average: turn by turn, or photo by photo where the clock decides what is under way together.
fn rests(samples: &[Sample], target: usize, round_trip_ms: f64, by_the_clock: bool) -> Vec<(f64, f64)> {
    let mut turns: BTreeMap<(usize, usize), (f64, f64, f64)> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.target == target && sample.run > 0 && sample.is_warm()) {
        let sum = turns.entry((sample.turn, if by_the_clock { sample.place } else { 0 })).or_default();
        let rest = sample.round_trip_ms() - sample.there_ms() - round_trip_ms;
        *sum = (sum.0 + sample.record.traffic.sent as f64, sum.1 + rest, sum.2 + 1.0);
    }
    turns.into_values().map(|(bytes, rest, photos)| (bytes, rest / photos)).collect()
}

/// A URL is farther than what runs here; of two of a kind, the one with the longer link.
fn is_farther(a: &Measured, b: &Measured) -> bool {
    match (a.kind == Kind::Url, b.kind == Kind::Url) {
        (true, false) => true,
        (false, true) => false,
        _ => a.link_ms.round_trip > b.link_ms.round_trip,
    }
}

fn digests(target: &Measured) -> Vec<&str> {
    let mut digests: Vec<&str> = target.models.iter().map(|model| model.sha256.as_str()).collect();
    digests.sort_unstable();
    digests
}

/// The same photo in the same turn at both.
fn together(samples: &[Sample], first: usize, second: usize) -> impl Iterator<Item = (&Sample, &Sample)> {
    let key = |sample: &Sample| (sample.run, sample.turn, sample.place);
    let seconds: BTreeMap<_, &Sample> = samples
        .iter()
        .filter(|sample| sample.target == second && sample.run > 0)
        .map(|sample| (key(sample), sample))
        .collect();
    samples
        .iter()
        .filter(move |sample| sample.target == first && sample.run > 0)
        .filter_map(move |sample| Some((sample, *seconds.get(&key(sample))?)))
}

fn round_trips(samples: &[Sample], first: usize, second: usize) -> Vec<(f64, f64)> {
    together(samples, first, second)
        .filter(|(a, b)| a.is_warm() && b.is_warm())
        .map(|(a, b)| (a.round_trip_ms(), b.round_trip_ms()))
        .collect()
}

fn turn_times(turns: &[Turn], first: usize, second: usize) -> Vec<(f64, f64)> {
    let of = |target: usize| {
        let own = turns.iter().filter(move |turn| turn.target == target && turn.clean);
        own.map(|turn| (turn.turn, turn.per_photo_ms())).collect::<BTreeMap<_, _>>()
    };
    let seconds = of(second);
    of(first).into_iter().filter_map(|(turn, ms)| Some((ms, *seconds.get(&turn)?))).collect()
}
