//! The comparison itself: turn by turn, so that whatever makes the machine or the link slower for a while makes it so for
//! all targets; and one target at a time, since they may share the machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::open_target::OpenTarget;
use super::pass_progress::PassProgress;
use crate::link::RetryPolicy;
use crate::photo::{Found, PayloadOptions};
use crate::pipeline::{Ready, SlotPool, prepare};
use crate::record::Record;
use crate::report::Tally;
use crate::report::comparison::{Sample, Turn};

/// How photos are sent.
#[derive(Debug, Clone)]
pub(in crate::verb) struct SendSettings {
    pub(in crate::verb) payload_options: PayloadOptions,
    pub(in crate::verb) concurrency: usize,
    pub(in crate::verb) rate: Option<f64>,
    pub(in crate::verb) retry_policy: RetryPolicy,
}

impl SendSettings {
    /// Photos of a turn: as many as are under way at once; by the clock, a second's worth, so that those which come too
    /// late can pile up as they would.
    fn turn(&self) -> usize {
        let by_the_clock = self.rate.map_or(0, |rate| rate.ceil() as usize);
        self.concurrency.max(by_the_clock)
    }

    /// How many at once show what concurrency does.
    pub(super) fn concurrency_or(&self, least: usize) -> usize {
        if self.concurrency > 1 { self.concurrency } else { least }
    }
}

/// Turns, and what came of them.
pub(super) struct Measurement<'a> {
    open_targets: &'a [OpenTarget],
    send_settings: &'a SendSettings,
    pools: Vec<SlotPool<'a>>,
    progress: &'a PassProgress,
    samples: Vec<Sample>,
    turns: Vec<Turn>,
    tallies: Vec<Tally>,
    busy: Vec<Duration>,
    next_turn: usize,
}

impl<'a> Measurement<'a> {
    pub(super) fn new(
        open_targets: &'a [OpenTarget],
        send_settings: &'a SendSettings,
        progress: &'a PassProgress,
    ) -> Self {
        let pool = |open_target: &'a OpenTarget| {
            SlotPool::new(
                open_target.target.as_ref(),
                open_target.tls.as_ref(),
                send_settings.retry_policy,
                send_settings.concurrency,
            )
        };
        Self {
            open_targets,
            send_settings,
            pools: open_targets.iter().map(pool).collect(),
            progress,
            samples: Vec::new(),
            turns: Vec::new(),
            tallies: open_targets.iter().map(|_| Tally::begin()).collect(),
            busy: vec![Duration::ZERO; open_targets.len()],
            next_turn: 0,
        }
    }

    /// Opens connections and wakes functions. Only their starts are kept.
    pub(super) async fn warm_up(&mut self, photos: &[Found], turns: u32) {
        let mut endless = photos.iter().cycle();
        for turn in 0..turns {
            let photos: Vec<&Found> = endless.by_ref().take(self.send_settings.concurrency).collect();
            let ready = readable(prepared(&photos, &self.send_settings.payload_options).await);
            for place in self.order(turn as usize) {
                let records = self.pools[place].turn(&ready, None).await;
                self.progress.advance(records.len());
                for record in records {
                    let sample = self.sample(place, 0, turn as usize, 0, record);
                    if let Some(answer) = sample.answer().filter(|answer| answer.cold_start) {
                        self.tallies[place].add_start(&sample.record, answer);
                        self.samples.push(sample);
                    }
                }
            }
        }
    }

    /// All photos once through every target. Dropped in the middle of a turn, nothing of that turn is kept: what is compared
    /// has been to all targets.
    pub(super) async fn run(&mut self, photos: &[Found], run: u32) {
        let size = self.send_settings.turn();
        for photos in photos.chunks(size) {
            let turn = self.next_turn;
            self.next_turn += 1;
            let photos: Vec<&Found> = photos.iter().collect();
            // Made ready between the turns: the processor belongs to the target whose turn it is.
            let (ready, bad): (Vec<Ready>, Vec<Ready>) = prepared(&photos, &self.send_settings.payload_options)
                .await
                .into_iter()
                .partition(|ready| ready.prepared.is_ok());
            let mut taken = Vec::with_capacity(self.open_targets.len());
            for target in self.order(turn).filter(|_| !ready.is_empty()) {
                let start = Instant::now();
                let records = self.pools[target].turn(&ready, self.send_settings.rate).await;
                let wall = match (records.as_slice(), self.send_settings.rate) {
                    // One photo after the other is its round trip.
                    ([only], None) => only.round_trip,
                    _ => start.elapsed(),
                };
                taken.push((target, wall, records));
                self.progress.advance(ready.len());
            }
            for (target, wall, records) in taken {
                self.busy[target] += wall;
                let (photos, before) = (records.len(), self.samples.len());
                self.take(target, run, turn, 0, records);
                let clean = self.samples[before..].iter().all(Sample::is_warm);
                self.turns.push(Turn { target, turn, photos, wall, clean });
            }
            // What cannot be read is sent to nobody, and everybody's failure.
            for target in 0..self.open_targets.len() {
                let records = bad
                    .iter()
                    .filter_map(|bad| Some(Record::unsent(&bad.photo, bad.prepared.as_ref().err()?.clone())))
                    .collect();
                self.take(target, run, turn, ready.len(), records);
                self.progress.advance(bad.len());
            }
        }
    }

    /// Counts records of one target and turn, from a place in it on.
    fn take(&mut self, target: usize, run: u32, turn: usize, first: usize, records: Vec<Record>) {
        for (place, record) in records.into_iter().enumerate() {
            self.tallies[target].add(&record);
            let sample = self.sample(target, run, turn, first + place, record);
            self.samples.push(sample);
        }
    }

    /// What was measured: samples, turns, and a tally for each target.
    pub(super) fn finish(mut self) -> (Vec<Sample>, Vec<Turn>, Vec<Tally>) {
        for (tally, busy) in self.tallies.iter_mut().zip(&self.busy) {
            // The clock stood still while it was another's turn.
            tally.elapsed = *busy;
        }
        (self.samples, self.turns, self.tallies)
    }

    /// Everybody goes first once in a while.
    fn order(&self, turn: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.open_targets.len();
        (0..count).map(move |place| (turn + place) % count)
    }

    fn sample(&self, target: usize, run: u32, turn: usize, place: usize, record: Record) -> Sample {
        Sample { target, name: self.open_targets[target].name.clone(), run, turn, place, record }
    }
}

/// Photos made ready, all at once.
pub(super) async fn prepared(photos: &[&Found], payload_options: &PayloadOptions) -> Vec<Ready> {
    let payload_options = Arc::new(payload_options.clone());
    let work =
        photos.iter().enumerate().map(|(index, photo)| prepare(index, (*photo).clone(), Arc::clone(&payload_options)));
    join_all(work).await
}

/// Those that could be made ready.
pub(super) fn readable(mut ready: Vec<Ready>) -> Vec<Ready> {
    ready.retain(|ready| ready.prepared.is_ok());
    ready
}
