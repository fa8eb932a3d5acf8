//! Two targets against each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::boxes::Agreement;
use super::break_even::{LatencyParts, MinConcurrency, Pace, Threshold, min_concurrency, photos};
use super::statistics::{Difference, Estimate, difference};
use super::{Measured, Sample, Turn};
use crate::target_kind::Kind;

/// Why there is no threshold.
pub(super) const UNTOLD: &str = "no difference can be told";

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
    /// Median round trips.
    pub(crate) near_ms: f64,
    pub(crate) far_ms: f64,
    pub(crate) way_ms: LatencyParts,
    /// The link's rate as the photos had it.
    pub(crate) mbit: Option<f64>,
    /// How much of the far target's round trip is network.
    pub(crate) network_share: f64,
    pub(crate) link_mbit: Threshold,
    pub(crate) round_trip_ms: Threshold,
    pub(crate) photos: Threshold,
    /// With how many at once each does `photos` best.
    pub(crate) near_at_once: usize,
    pub(crate) far_at_once: usize,
    pub(crate) at_once: MinConcurrency,
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
        let round_trip = difference(&round_trips(samples, first, second));
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
            // Of what cannot be compared, nothing follows.
            offload: time.and_then(|time| Offload::new((a, b), &time, concurrency)),
        }
    }
}

impl Offload {
    fn new((a, b): (&Measured, &Measured), time: &Difference, concurrency: usize) -> Option<Self> {
        let (near, far) = if is_farther(a, b) { (b, a) } else { (a, b) };
        // Between two that run here, nothing is sent away.
        if far.kind != Kind::Url || !near.is_measured() || !far.is_measured() {
            return None;
        }
        let sum = |names: &[&str]| names.iter().map(|name| far.phase(name)).sum::<f64>();
        let parts = LatencyParts {
            function: sum(&["queue", "decode", "preprocess", "inference", "postprocess"]),
            platform: sum(&["overhead"]),
            round_trip: sum(&["link"]),
            transfer: sum(&["send", "bytes", "receive"]),
            other: sum(&["dns", "connect", "tls", "other"]),
            bytes: far.together_bytes,
        };
        let (near_ms, far_ms) = (near.round_trip_ms.p50, far.round_trip_ms.p50);
        let (near_best, near_at_once, near_interval) = near.best_pace(concurrency);
        let (far_best, far_at_once, far_interval) = far.best_pace(concurrency);
        let unknown = |because: &str| Threshold::Unknown { because: because.to_owned() };
        // Who is not told to be faster is not told to be so from some number on.
        let told = time.is_told();
        let (link_mbit, round_trip_ms) = match (near.round_trip_interval_ms, far.round_trip_interval_ms) {
            (Some(near), Some(interval)) if told => {
                let uncertain = (far_ms - interval.low, interval.high - far_ms);
                (parts.link_for(near, uncertain), parts.round_trip_for(near, uncertain))
            }
            _ => (unknown(UNTOLD), unknown(UNTOLD)),
        };
        let pace = |target: &Measured, per_second: Estimate| Pace {
            start: target.cold.map_or(0.0, |cold| (cold.round_trip_ms - target.round_trip_ms.p50).max(0.0)),
            per_second,
        };
        let paces: Vec<(usize, Estimate)> = far
            .paces(concurrency)
            .into_iter()
            .filter_map(|(at_once, _, interval)| Some((at_once, interval?)))
            .collect();
        let (photos, at_once) = match (near_interval, far_interval) {
            (Some(near_pace), Some(far_pace)) => (
                if told { photos(pace(near, near_pace), pace(far, far_pace)) } else { unknown(UNTOLD) },
                min_concurrency(near_pace, &paces, far_ms, &parts, concurrency),
            ),
            _ => (unknown(UNTOLD), MinConcurrency { threshold: unknown(UNTOLD), measured: near_best + far_best > 0.0 }),
        };
        Some(Self {
            near: near.name.clone(),
            far: far.name.clone(),
            near_ms,
            far_ms,
            mbit: parts.mbit(),
            network_share: ((far_ms - parts.function - parts.platform) / far_ms).clamp(0.0, 1.0),
            link_mbit,
            round_trip_ms,
            photos,
            near_at_once,
            far_at_once,
            at_once,
            way_ms: parts,
        })
    }
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
