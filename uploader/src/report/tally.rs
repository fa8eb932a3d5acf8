//! Counts photos as they come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::{Answer, ModelRef, Outcome};

use super::spread::Spread;
use crate::link::Phases;
use crate::record::Record;

type Phase = (&'static str, fn(&Phases) -> Duration);
type Stage = (&'static str, fn(&Answer) -> f64);

/// The client's phases, in their order.
pub(crate) const CLIENT: [Phase; 7] = [
    ("encode", |phases| phases.encode),
    ("dns", |phases| phases.dns),
    ("connect", |phases| phases.connect),
    ("tls", |phases| phases.tls),
    ("send", |phases| phases.send),
    ("wait", |phases| phases.wait),
    ("receive", |phases| phases.receive),
];

/// The function's stages, in their order, in milliseconds.
pub(crate) const SERVER: [Stage; 5] = [
    ("queue", |answer| answer.timings_ms.queue),
    ("decode", |answer| answer.timings_ms.decode),
    ("preprocess", |answer| answer.timings_ms.preprocess),
    ("inference", |answer| answer.timings_ms.inference),
    ("postprocess", |answer| answer.timings_ms.postprocess),
];

/// The times of a number of answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    pub(crate) round_trip: Spread,
    /// The way there and back: the round trip without waiting for a worker, here or there, without the function's own
    /// time, and without tries that failed.
    pub(crate) upload: Spread,
    pub(crate) client: [Spread; CLIENT.len()],
    pub(crate) server: [Spread; SERVER.len()],
}

impl Times {
    fn add(&mut self, record: &Record, answer: &Answer) {
        self.round_trip.add(record.round_trip);
        self.upload.add_ms(upload_ms(record, answer));
        for (spread, (_, phase)) in self.client.iter_mut().zip(CLIENT) {
            spread.add(phase(&record.phases));
        }
        for (spread, (name, stage)) in self.server.iter_mut().zip(SERVER) {
            // Where the photo stood while it waited for a worker makes no difference to it.
            let here = if name == "queue" { record.phases.queue.as_secs_f64() * 1e3 } else { 0.0 };
            spread.add_ms(stage(answer) + here);
        }
    }

    /// A phase of the client or a stage of the function by its name.
    pub(crate) fn phase(&self, name: &str) -> Option<&Spread> {
        let client = CLIENT.iter().map(|(name, _)| *name).zip(&self.client);
        let server = SERVER.iter().map(|(name, _)| *name).zip(&self.server);
        client.chain(server).find(|(known, _)| *known == name).map(|(_, spread)| spread)
    }

    /// The function's inference.
    pub(crate) fn inference(&self) -> &Spread {
        &self.server[3]
    }
}

/// What of a photo's time is the way there and back, in milliseconds.
pub(crate) fn upload_ms(record: &Record, answer: &Answer) -> f64 {
    let Phases { queue, dns, connect, tls, send, wait, receive, .. } = record.phases;
    // Of several tries, the last one's way is the photo's.
    let way = if record.tries > 1 {
        dns + connect + tls + send + wait + receive
    } else {
        record.round_trip.saturating_sub(queue)
    };
    (way.as_secs_f64() * 1e3 - answer.timings_ms.total).max(0.0)
}

/// A run's numbers.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(super) start: Instant,
    pub(crate) elapsed: Duration,
    pub(crate) photos: u64,
    pub(crate) detections: u64,
    pub(crate) photo_bytes: u64,
    /// Photos that were sent more than once.
    pub(crate) sent_again: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) models: Vec<ModelRef>,
    pub(crate) cold_inits: Spread,
    pub(crate) warm: Times,
    pub(crate) cold: Times,
}

impl Tally {
    /// Starts the clock.
    pub(crate) fn begin() -> Self {
        Self {
            start: Instant::now(),
            elapsed: Duration::ZERO,
            photos: 0,
            detections: 0,
            photo_bytes: 0,
            sent_again: 0,
            failures: BTreeMap::new(),
            models: Vec::new(),
            cold_inits: Spread::default(),
            warm: Times::default(),
            cold: Times::default(),
        }
    }

    /// Counts one photo.
    pub(crate) fn add(&mut self, record: &Record) {
        self.elapsed = self.start.elapsed();
        self.photos += 1;
        self.photo_bytes += record.photo_bytes as u64;
        self.sent_again += u64::from(record.tries > 1);
        match &record.outcome {
            Outcome::Error { error } => *self.failures.entry(error.code.clone()).or_default() += 1,
            Outcome::Answer(answer) => {
                self.detections += answer.detections.len() as u64;
                if !self.models.contains(&answer.model) {
                    self.models.push(answer.model.clone());
                }
                if answer.cold_start {
                    self.add_start(record, answer);
                } else {
                    self.warm.add(record, answer);
                }
            }
        }
    }

    /// Counts a cold start, and nothing else of the photo.
    pub(crate) fn add_start(&mut self, record: &Record, answer: &Answer) {
        self.cold_inits.add_ms(answer.init_ms);
        self.cold.add(record, answer);
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(crate) fn answered(&self) -> u64 {
        self.photos - self.failed()
    }

    /// The times that averages are made of: those of warm answers, unless there were only cold ones.
    pub(crate) fn times(&self) -> &Times {
        if self.warm.round_trip.count().max(self.warm.inference().count()) > 0 { &self.warm } else { &self.cold }
    }

    /// Photos answered per second.
    pub(crate) fn throughput(&self) -> f64 {
        if self.elapsed.is_zero() { 0.0 } else { self.answered() as f64 / self.elapsed.as_secs_f64() }
    }
}
