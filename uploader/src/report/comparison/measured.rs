//! One target's numbers.

use std::collections::BTreeMap;

use serde::Serialize;
use wire::ModelRef;

use super::cost::{Cost, Rates};
use super::phase::{self, PHASES};
use super::{Rung, Sample, Turn};
use crate::args::Kind;
use crate::link::{Survey, Traffic, as_millis};
use crate::report::spread::Spread;
use crate::report::tally::Tally;

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

/// A mean phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct PhaseMean {
    pub(crate) name: &'static str,
    pub(crate) ms: f64,
}

/// One target's numbers.
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
    pub(crate) round_trip_ms: Distribution,
    pub(crate) inference_ms: f64,
    /// The function's own time, without what a photo waited for its turn.
    pub(crate) server_ms: f64,
    /// Round trip less the time in the function.
    pub(crate) upload_ms: f64,
    /// Means, in the order of a photo's way.
    pub(crate) phases_ms: Vec<PhaseMean>,
    pub(crate) cold: Option<Cold>,
    /// All bytes of the counted photos.
    pub(crate) wire_bytes: Traffic,
    /// Photo bytes, before base64, per photo.
    pub(crate) photo_bytes: f64,
    pub(crate) cost: Cost,
    /// What concurrency buys.
    pub(crate) ladder: Vec<Rung>,
}

impl Link {
    /// `floor` is what an empty request takes at a function of the same kind that is not far away, without the link.
    pub(crate) fn new(survey: &Survey, kind: Kind, floor: Option<f64>) -> Self {
        let [connect, tls, empty] = [survey.connect, survey.tls, survey.empty].map(|time| time.map(as_millis));
        // A proxy's handshake and its CONNECT are more than one round trip, or another's.
        let handshake = connect.filter(|_| !survey.proxied).unwrap_or(0.0);
        let round_trip = match (kind, tls, empty) {
            (Kind::Url, Some(tls), _) => handshake.max(tls),
            // A relay or a tunnel answers the TCP handshake itself; only an answer from behind it tells the distance.
            (Kind::Url, None, Some(empty)) => handshake.max(empty - floor.unwrap_or(0.0)),
            _ => handshake,
        };
        Self { connect, tls, empty, round_trip }
    }
}

impl From<&Spread> for Distribution {
    fn from(spread: &Spread) -> Self {
        let [p50, p90, p95, p99] = [50.0, 90.0, 95.0, 99.0].map(|p| spread.percentile(p));
        let (count, mean) = (spread.count(), spread.mean());
        Self { count, mean, p50, p90, p95, p99, min: spread.min(), max: spread.max() }
    }
}

/// What makes up a [`Measured`], beside its samples.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) link: Link,
    /// The memory that its price is reckoned with.
    pub(crate) memory_mb: u32,
}

impl Measured {
    /// Sums up one target: `samples` and `turns` are its own.
    pub(crate) fn new(
        origin: Origin,
        tally: &Tally,
        samples: &[&Sample],
        turns: &[Turn],
        ladder: Vec<Rung>,
        rates: &Rates,
    ) -> Self {
        let times = tally.times();
        let warm = samples.iter().any(|sample| sample.is_warm());
        let counted = || samples.iter().filter(|sample| sample.answer().is_some() && sample.is_warm() == warm);
        let mean_of = |value: &dyn Fn(&Sample) -> f64| mean(counted().map(|sample| value(sample)));
        let splits: Vec<_> = counted().filter_map(|sample| phase::split(sample, origin.link.round_trip)).collect();
        let phases_ms = PHASES
            .iter()
            .enumerate()
            .map(|(place, phase)| PhaseMean { name: phase.name, ms: mean(splits.iter().map(|split| split[place])) })
            .collect();
        let mut wire_bytes = Traffic::default();
        samples.iter().filter(|sample| sample.run > 0).for_each(|sample| wire_bytes += sample.record.traffic);
        let billed = mean(counted().map(|sample| sample.work_ms().ceil()));
        let photos_per_second = tally.throughput();
        let best = ladder.iter().map(|rung| rung.photos_per_second).fold(photos_per_second, f64::max);
        Self {
            name: origin.name,
            title: origin.title,
            kind: origin.kind,
            link_ms: origin.link,
            photos: tally.photos,
            answered: tally.answered(),
            failures: tally.failures.clone(),
            sent_again: tally.sent_again,
            detections: tally.detections,
            models: tally.models.clone(),
            photos_per_second,
            per_photo_ms: mean(turns.iter().filter(|turn| turn.clean).map(Turn::per_photo_ms)),
            round_trip_ms: (&times.round_trip).into(),
            inference_ms: times.inference().mean(),
            server_ms: mean_of(&Sample::work_ms),
            upload_ms: times.upload.mean(),
            phases_ms,
            cold: (tally.cold.round_trip.count() > 0).then(|| Cold {
                count: tally.cold.round_trip.count(),
                round_trip_ms: tally.cold.round_trip.mean(),
                init_ms: tally.cold_inits.mean(),
            }),
            wire_bytes,
            photo_bytes: mean_of(&|sample| sample.record.photo_bytes as f64),
            cost: Cost::new(origin.kind, rates, origin.memory_mb, billed, best),
            ladder,
        }
    }

    /// Whether it has answered at all.
    pub(crate) fn is_measured(&self) -> bool {
        self.round_trip_ms.count > 0
    }

    pub(crate) fn failed(&self) -> u64 {
        self.photos - self.answered
    }

    /// A phase's mean in milliseconds.
    pub(crate) fn phase(&self, name: &str) -> f64 {
        self.phases_ms.iter().find(|phase| phase.name == name).map_or(0.0, |phase| phase.ms)
    }

    /// Bytes that went out for each photo.
    pub(crate) fn sent_per_photo(&self) -> f64 {
        self.wire_bytes.sent as f64 / self.photos.max(1) as f64
    }

    /// The most photos per second seen, and how many were under way then.
    pub(crate) fn best_pace(&self, concurrency: usize) -> (f64, usize) {
        let measured = (self.photos_per_second, concurrency);
        self.ladder
            .iter()
            .map(|rung| (rung.photos_per_second, rung.at_once))
            .fold(measured, |best, rung| if rung.0 > best.0 { rung } else { best })
    }
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn survey(connect: u64, tls: Option<u64>, empty: u64) -> Survey {
        let ms = Duration::from_millis;
        Survey { connect: Some(ms(connect)), tls: tls.map(ms), empty: Some(ms(empty)), proxied: false }
    }

    #[test]
    fn a_link_is_as_long_as_its_longest_handshake() {
        assert_eq!(Link::new(&survey(30, Some(32), 60), Kind::Url, None).round_trip, 32.0);
        assert_eq!(Link::new(&survey(0, Some(110), 130), Kind::Url, None).round_trip, 110.0, "a tunnel");
    }

    #[test]
    fn behind_a_relay_only_answers_tell_the_distance() {
        assert_eq!(Link::new(&survey(0, None, 112), Kind::Url, Some(2.0)).round_trip, 110.0);
        assert_eq!(Link::new(&survey(0, None, 3), Kind::Local, None).round_trip, 0.0);
    }
}
