//! The photos of a run: prepared, sent, answered, and handed on in the order in which they were given.
//!
//! ```text
//! paths -> prepare (blocking threads, bounded, ahead of the network) -> slots (one connection each) -> in order -> caller
//! ```

mod order;
mod schedule;
mod slot_pool;

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use wire::Outcome;

use self::order::InOrder;
use self::schedule::Schedule;
pub(crate) use self::slot_pool::{Ready, SlotPool, prepare};
use crate::link::{Phases, RetryPolicy, Tls};
use crate::photo::{Found, PayloadOptions, Source};
use crate::record::Record;
use crate::target::{Slot, Target};

/// What a run is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The photos, and the entries that cannot be sent.
    pub(crate) photos: Vec<Found>,
    /// How each is made ready.
    pub(crate) payload_options: PayloadOptions,
    /// How many are under way at once.
    pub(crate) concurrency: usize,
    /// Photos per second, where they are sent by the clock.
    pub(crate) rate: Option<f64>,
    /// How hard each is tried.
    pub(crate) retry_policy: RetryPolicy,
    /// Whether each photo gets a connection of its own.
    pub(crate) fresh: bool,
}

type Queue = Arc<Mutex<mpsc::Receiver<Ready>>>;

/// A run under way.
pub(crate) struct Pipeline {
    records: mpsc::UnboundedReceiver<(usize, Record)>,
    order: InOrder<Record>,
    // Dropped, they end with the pipeline.
    _tasks: JoinSet<()>,
}

impl Pipeline {
    /// Starts it.
    pub(crate) fn begin(plan: Plan, target: &Arc<dyn Target>, tls: Option<Tls>) -> Self {
        let slots = plan.concurrency.min(target.most_at_once().unwrap_or(usize::MAX)).min(plan.photos.len()).max(1);
        let schedule = Arc::new(Schedule::new(plan.rate));
        let (to_slots, ready) = mpsc::channel(slots);
        let (to_caller, records) = mpsc::unbounded_channel();
        let queue: Queue = Arc::new(Mutex::new(ready));

        let mut tasks = JoinSet::new();
        for number in 0..slots {
            let (target, tls, queue) = (Arc::clone(target), tls.clone(), Arc::clone(&queue));
            let (schedule, to_caller) = (Arc::clone(&schedule), to_caller.clone());
            tasks.spawn(async move {
                let mut slot = Slot::new(target.as_ref(), number, tls.as_ref(), plan.retry_policy).fresh(plan.fresh);
                while let Some(ready) = next(&queue).await {
                    let index = ready.index;
                    let record = send(&mut slot, ready, &schedule).await;
                    if to_caller.send((index, record)).is_err() {
                        break;
                    }
                }
            });
        }
        tasks.spawn(prepare_all(plan.photos, plan.payload_options, slots, to_slots));
        Self { records, order: InOrder::default(), _tasks: tasks }
    }

    /// The next photo in the order given; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.order.next() {
                return Some(record);
            }
            let (index, record) = self.records.recv().await?;
            self.order.put(index, record);
        }
    }

    /// Ends the run here. Gives what has come and was not handed on yet, in the order given.
    pub(crate) fn stop(mut self) -> Vec<Record> {
        while let Ok((index, record)) = self.records.try_recv() {
            self.order.put(index, record);
        }
        self.order.into_rest().collect()
    }
}

async fn next(queue: &Queue) -> Option<Ready> {
    queue.lock().await.recv().await
}

/// Prepares ahead of the network: as many at once as there are cores, and never more than the slots soon need. Photos that
/// are fetched from S3 keep no core busy.
async fn prepare_all(photos: Vec<Found>, payload_options: PayloadOptions, slots: usize, to_slots: mpsc::Sender<Ready>) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let fetched = photos.iter().any(|photo| matches!(photo.source, Source::Object(_)));
    let at_once = if fetched { cores.max(slots) } else { cores };
    let payload_options = Arc::new(payload_options);
    let preparing = stream::iter(photos.into_iter().enumerate())
        .map(|(index, photo)| prepare(index, photo, Arc::clone(&payload_options)));
    let mut preparing = preparing.buffered(at_once);
    while let Some(ready) = preparing.next().await {
        if to_slots.send(ready).await.is_err() {
            return;
        }
    }
}

async fn send(slot: &mut Slot<'_>, ready: Ready, schedule: &Schedule) -> Record {
    let Ready { index, photo, prepared } = ready;
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            return Record::unsent(&photo, error);
        }
    };
    let start: Instant = schedule.turn_of(index).await;
    let late = start.elapsed();
    let sent = slot.send(&prepared.payload).await;
    let round_trip = start.elapsed();
    let outcome = match sent.outcome {
        Ok(mut answer) => {
            if let Some(shrunk) = &prepared.shrunk {
                shrunk.restore(&mut answer);
            }
            Outcome::Answer(answer)
        }
        Err(error) => Outcome::Error { error },
    };
    // What is made anew for each try (a signature, an event) is encoding, too.
    let phases = Phases {
        encode: prepared.encode + sent.phases.encode,
        queue: late + sent.phases.queue,
        total: prepared.encode + round_trip,
        ..sent.phases
    };
    let (tries, traffic, photo_bytes) = (sent.tries, sent.traffic, prepared.photo_bytes);
    Record { photo, outcome, phases, round_trip, tries, photo_bytes, traffic }
}
