//! One photo at one target, and one turn.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use wire::{Answer, Outcome};

use crate::link::as_millis;
use crate::record::Record;
use crate::report::tally::upload_ms;

/// One photo at one target.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The target's place in the comparison.
    pub(crate) target: usize,
    /// Its name.
    pub(crate) name: String,
    /// Which of the runs, counted from 1; 0 for warm-up turns.
    pub(crate) run: u32,
    /// The turn of all targets in which it was sent.
    pub(crate) turn: usize,
    /// Its place in the turn.
    pub(crate) place: usize,
    pub(crate) record: Record,
}

impl Sample {
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match &self.record.outcome {
            Outcome::Answer(answer) => Some(answer),
            Outcome::Error { .. } => None,
        }
    }

    /// Answered, and not by a function that had just been started.
    pub(crate) fn is_warm(&self) -> bool {
        self.answer().is_some_and(|answer| !answer.cold_start)
    }

    pub(crate) fn round_trip_ms(&self) -> f64 {
        self.record.round_trip.as_secs_f64() * 1e3
    }

    /// The way there and back on an open connection: no waiting, no work, no other tries.
    pub(crate) fn way_ms(&self) -> f64 {
        let phases = &self.record.phases;
        let way = as_millis(phases.send + phases.wait + phases.receive);
        self.answer().map_or(0.0, |answer| (way - answer.timings_ms.total).max(0.0))
    }

    /// Time in which the function worked on it: what Lambda, where nobody waits inside, would bill.
    pub(crate) fn work_ms(&self) -> f64 {
        self.answer().map_or(0.0, |answer| (answer.timings_ms.total - answer.timings_ms.queue).max(0.0))
    }

    pub(crate) fn inference_ms(&self) -> f64 {
        self.answer().map_or(0.0, |answer| answer.timings_ms.inference)
    }

    /// The round trip without waiting for a worker and the function's own time.
    pub(crate) fn upload_ms(&self) -> f64 {
        self.answer().map_or(0.0, |answer| upload_ms(&self.record, answer))
    }

    pub(crate) fn photo(&self) -> String {
        self.record.photo.display().to_string()
    }
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = &self.record;
        let mut fields = serializer.serialize_struct("Sample", 11)?;
        fields.serialize_field("photo", &self.photo())?;
        fields.serialize_field("target", &self.name)?;
        fields.serialize_field("run", &self.run)?;
        fields.serialize_field("turn", &self.turn)?;
        fields.serialize_field("place", &self.place)?;
        fields.serialize_field("round_trip_ms", &as_millis(record.round_trip))?;
        fields.serialize_field("client_ms", &record.phases)?;
        fields.serialize_field("tries", &record.tries)?;
        fields.serialize_field("photo_bytes", &record.photo_bytes)?;
        fields.serialize_field("wire_bytes", &record.traffic)?;
        match &record.outcome {
            Outcome::Answer(answer) => fields.serialize_field("answer", answer)?,
            Outcome::Error { error } => fields.serialize_field("error", error)?,
        }
        fields.end()
    }
}

/// What one target took for the photos of one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) target: usize,
    pub(crate) turn: usize,
    pub(crate) photos: usize,
    pub(crate) wall: Duration,
    /// Whether all of its photos were answered warm; others say nothing about speed.
    pub(crate) clean: bool,
}

impl Turn {
    /// Wall time for each of its photos, in milliseconds.
    pub(crate) fn per_photo_ms(&self) -> f64 {
        self.wall.as_secs_f64() * 1e3 / self.photos.max(1) as f64
    }
}
