//! One target's numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use wire::ModelRef;

use super::break_even::ms_per_byte;
use super::cost::{Cost, Rates};
use super::phase::{self, Family, PHASES, Split};
use super::statistics::{Estimate, estimate, median, quantile, sorted};
use super::{Rung, Sample, Turn};
use crate::link::{LinkMeasurement, Traffic, as_millis};
use crate::report::tally::Tally;
use crate::target_kind::Kind;

/// How far away a target is, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Link {
    /// TCP handshake.
    pub(crate) connect: Option<f64>,
    /// TLS handshake.
    pub(crate) tls: Option<f64>,
    /// A request without a photo.
    pub(crate) empty: Option<f64>,
    /// The link's round trip, by the best of these.
    pub(crate) round_trip: f64,
}

/// A distribution of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub(crate) struct Distribution {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Answers by functions that had just been started.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Cold {
    pub(crate) count: u64,
    pub(crate) round_trip_ms: f64,
    pub(crate) init_ms: f64,
}

/// A phase of the typical photo.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct PhaseTime {
    pub(crate) name: &'static str,
    pub(crate) ms: f64,
}

/// One target's numbers. Where nothing else is said, they are medians.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) link_ms: Link,
    pub(crate) photos: u64,
    pub(crate) answered: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) sent_again: u64,
    pub(crate) detections: u64,
    pub(crate) models: Vec<ModelRef>,
    /// Photos per second while it was its turn.
    pub(crate) photos_per_second: f64,
    /// Wall time per photo, of turns without cold starts and failures.
    pub(crate) per_photo_ms: f64,
    /// With its interval, where there are enough turns.
    pub(crate) per_photo_interval_ms: Option<Estimate>,
    pub(crate) round_trip_ms: Distribution,
    pub(crate) round_trip_interval_ms: Option<Estimate>,
    pub(crate) inference_ms: f64,
    /// The function's own time, without what a photo waited for its turn.
    pub(crate) server_ms: f64,
    /// Network and platform: the round trip less waiting for a worker and the function's own time.
    pub(crate) upload_ms: f64,
    /// The phases of the typical photo, in the order of its way.
    pub(crate) phases_ms: Vec<PhaseTime>,
    pub(crate) cold: Option<Cold>,
    /// All bytes of the counted photos.
    pub(crate) wire_bytes: Traffic,
    /// Photo bytes, before base64, per photo.
    pub(crate) photo_bytes: f64,
    pub(crate) cost: Cost,
    /// What concurrency buys.
    pub(crate) ladder: Vec<Rung>,
    /// Bytes that are under way together.
    #[serde(skip)]
    pub(crate) together_bytes: f64,
}

impl Link {
    /// `floor` is what an empty request takes at a function of the same kind that is not far away, without the link.
    pub(crate) fn new(measurement: &LinkMeasurement, kind: Kind, floor: Option<f64>) -> Self {
        let [connect, tls, empty] =
            [measurement.connect, measurement.tls, measurement.empty].map(|time| time.map(as_millis));
        // A proxy's handshake and its CONNECT are more than one round trip, or another's.
        let handshake = connect.filter(|_| !measurement.proxied).unwrap_or(0.0);
        let round_trip = match (kind, tls, empty) {
            (Kind::Url, Some(tls), _) => handshake.max(tls),
            // A relay or a tunnel answers the TCP handshake itself; only an answer from behind it tells the distance.
            (Kind::Url, None, Some(empty)) => handshake.max(empty - floor.unwrap_or(0.0)),
            _ => handshake,
        };
        Self { connect, tls, empty, round_trip }
    }
}

impl Distribution {
    pub(crate) fn of(values: &[f64]) -> Self {
        let sorted = sorted(values.iter().copied());
        let [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map(|share| quantile(&sorted, share));
        let mean = sorted.iter().sum::<f64>() / sorted.len().max(1) as f64;
        let (min, max) = (quantile(&sorted, 0.0), quantile(&sorted, 1.0));
        Self { count: sorted.len() as u64, mean, p50, p90, p95, p99, min, max }
    }
}

/// What makes up a [`Measured`], beside its samples and turns.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) link: Link,
    /// The memory that its price is reckoned with.
    pub(crate) memory_mb: u32,
    pub(crate) tally: Tally,
    pub(crate) ladder: Vec<Rung>,
}

/// Sums up all targets, in their order. By the clock, every photo has the link to itself, and turns say nothing about speed.
pub(crate) fn measure(
    origins: Vec<Origin>,
    samples: &[Sample],
    turns: &[Turn],
    rates: &Rates,
    by_the_clock: bool,
) -> Vec<Measured> {
    let mut origins: Vec<(usize, Origin)> = origins.into_iter().enumerate().collect();
    // Those without a link first: their platform is what the others' is taken for where theirs cannot be told.
    origins.sort_by_key(|(_, origin)| origin.kind == Kind::Url);
    let mut measured: Vec<(usize, Measured)> = Vec::with_capacity(origins.len());
    for (place, origin) in origins {
        let own: Vec<&Sample> = samples.iter().filter(|sample| sample.target == place).collect();
        let turns: Vec<f64> = turns
            .iter()
            .filter(|turn| turn.target == place && turn.clean && !by_the_clock)
            .map(Turn::per_photo_ms)
            .collect();
        let here = measured.iter().filter(|(_, other)| other.kind != Kind::Url && other.is_measured());
        let platform = here.map(|(_, other)| other.phase("overhead")).min_by(f64::total_cmp);
        measured.push((place, Measured::new(origin, &own, &turns, rates, platform, by_the_clock)));
    }
    measured.sort_by_key(|(place, _)| *place);
    measured.into_iter().map(|(_, measured)| measured).collect()
}

impl Measured {
    fn new(
        origin: Origin,
        samples: &[&Sample],
        turns: &[f64],
        rates: &Rates,
        platform: Option<f64>,
        by_the_clock: bool,
    ) -> Self {
        let tally = &origin.tally;
        let warm = samples.iter().any(|sample| sample.is_warm());
        let counted: Vec<&Sample> =
            samples.iter().copied().filter(|sample| sample.answer().is_some() && sample.is_warm() == warm).collect();
        let together = Together::of(samples, by_the_clock);
        let link = origin.link;
        let ms_per_byte = if origin.kind == Kind::Url {
            let empty = link.empty.map_or(0.0, |empty| (empty - link.round_trip).max(0.0));
            ms_per_byte(&together.rests(&counted, link.round_trip), platform.unwrap_or(empty))
        } else {
            0.0
        };
        // What runs here has no link; the microseconds of its handshake are the platform's.
        let link_ms = if origin.kind == Kind::Url { link.round_trip } else { 0.0 };
        let splits: Vec<Split> = counted
            .iter()
            .filter_map(|sample| phase::split(sample, link_ms, ms_per_byte * together.bytes(sample)))
            .collect();
        let typical = phase::typical(&splits);
        let sum = |families: &[Family]| {
            let phases = PHASES.iter().zip(typical).skip(1).filter(|(phase, _)| families.contains(&phase.family));
            phases.map(|(_, ms)| ms).sum::<f64>()
        };
        let round_trips: Vec<f64> = counted.iter().map(|sample| sample.round_trip_ms()).collect();
        let mut wire_bytes = Traffic::default();
        samples.iter().filter(|sample| sample.run > 0).for_each(|sample| wire_bytes += sample.record.traffic);
        let per_photo_ms = median(turns.iter().copied());
        let photos_per_second = if per_photo_ms > 0.0 { 1e3 / per_photo_ms } else { tally.throughput() };
        let best = origin.ladder.iter().map(|rung| rung.photos_per_second).fold(photos_per_second, f64::max);
        let billed = median(counted.iter().map(|sample| sample.work_ms().ceil()));
        let mut measured = Self {
            photos: tally.photos,
            answered: tally.answered(),
            failures: tally.failures.clone(),
            sent_again: tally.sent_again,
            detections: tally.detections,
            models: tally.models.clone(),
            photos_per_second,
            per_photo_ms,
            per_photo_interval_ms: estimate(turns.iter().copied()),
            round_trip_ms: Distribution::of(&round_trips),
            round_trip_interval_ms: estimate(round_trips),
            inference_ms: 0.0,
            server_ms: sum(&[Family::Function]),
            upload_ms: sum(&[Family::Network, Family::Platform]),
            phases_ms: PHASES.iter().zip(typical).map(|(phase, ms)| PhaseTime { name: phase.name, ms }).collect(),
            cold: (tally.cold.round_trip.count() > 0).then(|| Cold {
                count: tally.cold.round_trip.count(),
                round_trip_ms: tally.cold.round_trip.percentile(50.0),
                init_ms: tally.cold_inits.percentile(50.0),
            }),
            wire_bytes,
            photo_bytes: median(counted.iter().map(|sample| sample.record.photo_bytes as f64)),
            cost: Cost::new(origin.kind, rates, origin.memory_mb, billed, best),
            together_bytes: median(counted.iter().map(|sample| together.bytes(sample))),
            name: origin.name,
            title: origin.title,
            kind: origin.kind,
            link_ms: link,
            ladder: origin.ladder,
        };
        measured.inference_ms = measured.phase("inference");
        measured
    }

    /// Whether it has answered at all.
    pub(crate) fn is_measured(&self) -> bool {
        self.round_trip_ms.count > 0
    }

    pub(crate) fn failed(&self) -> u64 {
        self.photos - self.answered
    }

    /// A phase in milliseconds.
    pub(crate) fn phase(&self, name: &str) -> f64 {
        self.phases_ms.iter().find(|phase| phase.name == name).map_or(0.0, |phase| phase.ms)
    }

    /// Bytes that went out for each photo.
    pub(crate) fn sent_per_photo(&self) -> f64 {
        self.wire_bytes.sent as f64 / self.photos.max(1) as f64
    }

    /// What was measured of its photos per second: with so many at once, so many, and the interval where there is one.
    pub(crate) fn paces(&self, concurrency: usize) -> Vec<(usize, f64, Option<Estimate>)> {
        let own = self.per_photo_interval_ms.map(|ms| ms.inverse_of(1e3));
        let ladder = self.ladder.iter().map(|rung| (rung.at_once, rung.photos_per_second, rung.interval));
        std::iter::once((concurrency, self.photos_per_second, own)).chain(ladder).collect()
    }

    /// The most photos per second seen, how many were under way then, and the interval.
    pub(crate) fn best_pace(&self, concurrency: usize) -> (f64, usize, Option<Estimate>) {
        let best = self.paces(concurrency).into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or((0.0, concurrency, None), |(at_once, pace, interval)| (pace, at_once, interval))
    }
}

/// The bytes that share the link: those of a turn, or each photo's own where the clock decides what is under way together.
struct Together {
    bytes: BTreeMap<(usize, usize), f64>,
    by_the_clock: bool,
}

impl Together {
    fn of(samples: &[&Sample], by_the_clock: bool) -> Self {
        let mut together = Self { bytes: BTreeMap::new(), by_the_clock };
        for sample in samples.iter().filter(|sample| sample.run > 0) {
            *together.bytes.entry(together.key(sample)).or_default() += sample.record.traffic.sent as f64;
        }
        together
    }

    fn key(&self, sample: &Sample) -> (usize, usize) {
        (sample.turn, if self.by_the_clock { sample.place } else { 0 })
    }

    fn bytes(&self, sample: &Sample) -> f64 {
        self.bytes.get(&self.key(sample)).copied().unwrap_or_default()
    }

    /// The bytes that share the link, and the milliseconds which neither the function nor the link's round trip explains.
    fn rests(&self, samples: &[&Sample], link_ms: f64) -> Vec<(f64, f64)> {
        let rest = |sample: &&Sample| (self.bytes(sample), (sample.way_ms() - link_ms).max(0.0));
        samples.iter().filter(|sample| sample.run > 0).map(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn measurement(connect: u64, tls: Option<u64>, empty: u64) -> LinkMeasurement {
        let ms = Duration::from_millis;
        LinkMeasurement { connect: Some(ms(connect)), tls: tls.map(ms), empty: Some(ms(empty)), proxied: false }
    }

    #[test]
    fn a_link_is_as_long_as_its_longest_handshake() {
        assert_eq!(Link::new(&measurement(30, Some(32), 60), Kind::Url, None).round_trip, 32.0);
        assert_eq!(Link::new(&measurement(0, Some(110), 130), Kind::Url, None).round_trip, 110.0, "a tunnel");
    }

    #[test]
    fn behind_a_relay_only_answers_tell_the_distance() {
        assert_eq!(Link::new(&measurement(0, None, 112), Kind::Url, Some(2.0)).round_trip, 110.0);
        assert_eq!(Link::new(&measurement(0, None, 3), Kind::Local, None).round_trip, 0.0);
    }
}
