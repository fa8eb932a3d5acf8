//! Short passes beside the comparison: more at once, whole folders, and the way from the student project's client.

use std::time::{Duration, Instant};

use wire::Outcome;

use super::measurement::{Measurement, SendSettings, prepared, readable};
use super::open_target::OpenTarget;
use super::pass_progress::PassProgress;
use crate::photo::{BodyKind, Found, PayloadOptions};
use crate::pipeline::{Pipeline, Plan, SlotPool};
use crate::record::Record;
use crate::report::Tally;
use crate::report::comparison::{Folder, Rung, Sample, StepTimes, Waterfall, median};
use crate::target_kind::Kind;

/// Photos for each place of a rung, in each of its rounds.
const EACH: usize = 2;
/// So many rounds give a median an interval.
pub(super) const ROUNDS: usize = 6;
/// The side to which photos are shrunk where the function does not tell its model's.
const SIDE: u32 = 416;
/// So many steps separate the student project's client from this one.
pub(super) const STEPS: usize = 5;

/// Photos that a rung sends to each target, the first ones to open connections included.
pub(super) fn of_rung(at_once: usize) -> usize {
    at_once * (EACH * ROUNDS + 1)
}

/// Throughput of each target with so many photos at once. In each round all targets take their turn, so that what slows the
/// machine for a while slows all.
pub(super) async fn ladder(
    open_targets: &[OpenTarget],
    send_settings: &SendSettings,
    photos: &[Found],
    at_once: usize,
    progress: &PassProgress,
) -> Vec<Option<Rung>> {
    let photos: Vec<&Found> = photos.iter().cycle().take(at_once * EACH).collect();
    let ready = readable(prepared(&photos, &send_settings.payload_options).await);
    let mut pools: Vec<Option<SlotPool<'_>>> = Vec::with_capacity(open_targets.len());
    for open_target in open_targets {
        let bears = open_target.target.most_at_once().is_none_or(|most| at_once <= most);
        let pool = || {
            SlotPool::new(open_target.target.as_ref(), open_target.tls.as_ref(), send_settings.retry_policy, at_once)
        };
        let mut pool = bears.then(pool);
        if let Some(pool) = &mut pool {
            // Opens the connections and starts as many functions.
            let first = &ready[..at_once.min(ready.len())];
            pool.turn(first, None).await;
            progress.advance(first.len());
        }
        pools.push(pool);
    }
    let mut paces = vec![Vec::with_capacity(ROUNDS); open_targets.len()];
    for round in 0..ROUNDS {
        for place in (0..open_targets.len()).map(|place| (round + place) % open_targets.len()) {
            let Some(pool) = &mut pools[place] else { continue };
            let records = pool.turn(&ready, None).await;
            progress.advance(records.len());
            paces[place].extend(pace(&records, at_once));
        }
    }
    paces.iter().map(|rounds| Rung::new(at_once, rounds)).collect()
}

/// Photos per second of a round. Each place is busy with one photo after the other: that it has none any more at the end is not
/// counted against the target.
fn pace(records: &[Record], at_once: usize) -> Option<f64> {
    let busy: Duration = records.iter().map(|record| record.round_trip).sum();
    let answered = records.iter().filter(|record| matches!(record.outcome, Outcome::Answer(_))).count();
    let places = at_once.min(records.len());
    (answered > 0 && !busy.is_zero()).then(|| (answered * places) as f64 / busy.as_secs_f64())
}

/// One folder of the student project's table.
pub(super) async fn folder(
    open_targets: &[OpenTarget],
    send_settings: &SendSettings,
    photos: &[Found],
    (name, size): (String, usize),
    progress: &PassProgress,
) -> Vec<Folder> {
    let repeated: Vec<Found> = photos.iter().cycle().take(size).cloned().collect();
    let mut measurement = Measurement::new(open_targets, send_settings, progress);
    measurement.run(&repeated, 1).await;
    let (samples, _, tallies) = measurement.finish();
    let sum = |(place, (open_target, tally)): (usize, (&OpenTarget, &Tally))| {
        let own = || samples.iter().filter(move |sample| sample.target == place && sample.answer().is_some());
        let warm = own().any(Sample::is_warm);
        let seconds = |of: fn(&Sample) -> f64| median(own().filter(|sample| sample.is_warm() == warm).map(of)) / 1e3;
        Folder {
            name: name.clone(),
            photos: size,
            target: open_target.name.clone(),
            failed: tally.failed(),
            inference_s: seconds(Sample::inference_ms),
            upload_s: seconds(Sample::upload_ms),
            round_trip_s: seconds(Sample::round_trip_ms),
            photos_per_second: tally.throughput(),
        }
    };
    open_targets.iter().zip(&tallies).enumerate().map(sum).collect()
}

/// For each URL, or where there is none, each target.
pub(super) fn falling(open_targets: &[OpenTarget]) -> impl Iterator<Item = &OpenTarget> {
    let any_url = open_targets.iter().any(|open_target| open_target.kind == Kind::Url);
    open_targets.iter().filter(move |open_target| !any_url || open_target.kind == Kind::Url)
}

/// The steps from the student project's client to this one.
pub(super) async fn waterfall(
    open_target: &OpenTarget,
    send_settings: &SendSettings,
    photos: &[Found],
    (runs, concurrency): (u32, usize),
    progress: &PassProgress,
) -> Waterfall {
    let side = match send_settings.payload_options.resize {
        Some(side) => side,
        None => open_target.model().await.and_then(|model| model.side).unwrap_or(SIDE),
    };
    let plans = steps(side, concurrency);
    let step = |plan: &StepPlan| StepTimes { name: plan.name.clone(), ms: Vec::new(), sent_bytes: 0.0 };
    let mut step_times: Vec<StepTimes> = plans.iter().map(step).collect();
    // All steps in each run, so that drift hits all of them.
    for _ in 0..runs {
        for (plan, step_times) in plans.iter().zip(&mut step_times) {
            let (ms, sent) = pass(open_target, send_settings, photos, plan, progress).await;
            step_times.ms.extend(ms);
            step_times.sent_bytes += sent as f64;
        }
    }
    for step_times in &mut step_times {
        step_times.sent_bytes /= step_times.ms.len().max(1) as f64;
    }
    Waterfall::new(open_target.name.clone(), &step_times)
}

struct StepPlan {
    name: String,
    fresh: bool,
    body: BodyKind,
    resize: Option<u32>,
    concurrency: usize,
}

fn steps(side: u32, concurrency: usize) -> Vec<StepPlan> {
    let step = |name: &str, fresh, body, resize, concurrency| StepPlan {
        name: name.to_owned(),
        fresh,
        body,
        resize,
        concurrency,
    };
    vec![
        step("like 2023: new connections, base64, one by one", true, BodyKind::Base64, None, 1),
        step("+ kept connection", false, BodyKind::Base64, None, 1),
        step("+ binary bodies", false, BodyKind::Binary, None, 1),
        step(&format!("+ photos shrunk to {side} pixels"), false, BodyKind::Binary, Some(side), 1),
        step(&format!("+ {concurrency} at once"), false, BodyKind::Binary, Some(side), concurrency),
    ]
}

/// Each photo's share of the wall time in milliseconds, where it was answered; and the bytes that went out.
async fn pass(
    open_target: &OpenTarget,
    send_settings: &SendSettings,
    photos: &[Found],
    step: &StepPlan,
    progress: &PassProgress,
) -> (Vec<Option<f64>>, u64) {
    let plan = Plan {
        photos: photos.to_vec(),
        payload_options: PayloadOptions {
            body: step.body,
            resize: step.resize,
            ..send_settings.payload_options.clone()
        },
        concurrency: step.concurrency,
        rate: None,
        retry_policy: send_settings.retry_policy,
        fresh: step.fresh,
    };
    let places = step.concurrency.min(open_target.target.most_at_once().unwrap_or(usize::MAX)).min(photos.len()).max(1);
    let start = Instant::now();
    let mut pipeline = Pipeline::begin(plan, &open_target.target, open_target.tls.clone());
    let mut records = Vec::with_capacity(photos.len());
    while let Some(record) = pipeline.next().await {
        records.push(record);
        progress.advance(1);
    }
    let wall = start.elapsed();
    let busy: Duration = records.iter().map(|record| record.round_trip).sum();
    // When photos are not made ready as fast as they are sent, all wait.
    let idle = wall.saturating_sub(busy / places as u32) / records.len().max(1) as u32;
    let of = |record: &Record| match step.fresh {
        // The student project's client encoded a photo only when the one before had been answered.
        true => record.phases.total,
        false => record.round_trip / places as u32 + idle,
    };
    let ms = |record: &Record| matches!(record.outcome, Outcome::Answer(_)).then(|| of(record).as_secs_f64() * 1e3);
    (records.iter().map(ms).collect(), records.iter().map(|record| record.traffic.sent).sum())
}
