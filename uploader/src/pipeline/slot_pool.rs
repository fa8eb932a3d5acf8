//! A target's connections, fed turn by turn: between the turns they stay open and idle.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use wire::ItemError;

use super::schedule::Schedule;
use super::send;
use crate::link::{RetryPolicy, Tls};
use crate::photo::{Found, PayloadOptions, Prepared, item_error};
use crate::record::Record;
use crate::target::{Slot, Target};

/// A photo on its way from preparing to sending.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) index: usize,
    pub(crate) photo: PathBuf,
    pub(crate) prepared: Result<Prepared, ItemError>,
}

/// Makes a photo ready, on a thread of its own that starts at once.
pub(crate) fn prepare(index: usize, found: Found, payload_options: Arc<PayloadOptions>) -> impl Future<Output = Ready> {
    let photo = found.path.clone();
    let work = tokio::task::spawn_blocking(move || payload_options.prepare(&found));
    async move {
        let prepared = work
            .await
            .unwrap_or_else(|error| Err(item_error("internal", format!("Cannot prepare the photo: {error}."))));
        Ready { index, photo, prepared }
    }
}

/// The slots of one target.
pub(crate) struct SlotPool<'a> {
    slots: Vec<Slot<'a>>,
}

impl<'a> SlotPool<'a> {
    /// As many slots as photos are to be under way at once and the target bears.
    pub(crate) fn new(
        target: &'a dyn Target,
        tls: Option<&'a Tls>,
        retry_policy: RetryPolicy,
        concurrency: usize,
    ) -> Self {
        let slots = concurrency.min(target.most_at_once().unwrap_or(usize::MAX)).max(1);
        Self { slots: (0..slots).map(|number| Slot::new(target, number, tls, retry_policy)).collect() }
    }

    /// Sends photos, through all slots at once; the records come in the order of the photos.
    pub(crate) async fn turn(&mut self, photos: &[Ready], rate: Option<f64>) -> Vec<Record> {
        let schedule = Schedule::new(rate);
        let next = AtomicUsize::new(0);
        let work = self.slots.iter_mut().map(|slot| async {
            let mut records = Vec::new();
            while let Some((place, ready)) = following(&next, photos) {
                // The schedule counts from the turn's first photo, whatever its place in the run.
                let ready = Ready { index: place, ..ready.clone() };
                records.push((place, send(slot, ready, &schedule).await));
            }
            records
        });
        let mut records: Vec<(usize, Record)> = join_all(work).await.into_iter().flatten().collect();
        records.sort_by_key(|(place, _)| *place);
        records.into_iter().map(|(_, record)| record).collect()
    }
}

fn following<'r>(next: &AtomicUsize, photos: &'r [Ready]) -> Option<(usize, &'r Ready)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    Some((place, photos.get(place)?))
}
