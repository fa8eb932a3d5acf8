//! Short passes beside the comparison: more at once, whole folders, and the way from the student project's client.

use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;

use super::course::{Course, Manner, prepared, readable};
use super::field::Runner;
use crate::args::{BodyKind, Kind};
use crate::journey::{Journey, Lane, Plan};
use crate::link::{Connection, Phases};
use crate::output::Progress;
use crate::photo::{Found, Recipe};
use crate::report::Tally;
use crate::report::comparison::{Folder, Rung, Waterfall};
use crate::target::CONNECT_WITHIN;

/// Photos for each place of a rung: enough that its end, with places already empty, weighs little.
const EACH: usize = 4;
/// The side to which photos are shrunk where the function does not tell its model's.
const SIDE: u32 = 416;

/// Throughput of each target with so many photos at once.
pub(super) async fn ladders(runners: &[Runner], manner: &Manner, photos: &[Found], steps: &[usize]) -> Vec<Vec<Rung>> {
    let mut ladders = vec![Vec::new(); runners.len()];
    for at_once in steps.iter().copied() {
        let photos: Vec<&Found> = photos.iter().cycle().take(at_once * EACH).collect();
        let ready = readable(prepared(&photos, &manner.recipe).await);
        for (runner, ladder) in runners.iter().zip(&mut ladders) {
            if runner.target.most_at_once().is_some_and(|most| at_once > most) {
                continue;
            }
            let mut lane = Lane::new(runner.target.as_ref(), runner.tls.as_ref(), manner.patience, at_once);
            // Opens the connections and starts as many functions.
            lane.turn(&ready[..at_once.min(ready.len())], None).await;
            let start = Instant::now();
            let mut tally = Tally::begin();
            lane.turn(&ready, None).await.iter().for_each(|record| tally.add(record));
            tally.elapsed = start.elapsed();
            if tally.answered() > 0 {
                ladder.push(Rung { at_once, photos_per_second: tally.throughput() });
            }
        }
    }
    ladders
}

/// The student project's table.
pub(super) async fn folders(
    runners: &[Runner],
    manner: &Manner,
    photos: &[Found],
    sizes: &[u32],
    progress: &Progress,
) -> Vec<Folder> {
    let mut folders = Vec::new();
    for (place, size) in sizes.iter().map(|size| *size as usize).enumerate() {
        let repeated: Vec<Found> = photos.iter().cycle().take(size).cloned().collect();
        let mut course = Course::new(runners, manner, progress);
        course.run(&repeated, 1).await;
        let (_, _, tallies) = course.finish();
        for (runner, tally) in runners.iter().zip(&tallies) {
            let times = tally.times();
            folders.push(Folder {
                name: Folder::name(place, sizes.len(), size),
                photos: size,
                target: runner.name.clone(),
                failed: tally.failed(),
                inference_s: times.inference().mean() / 1e3,
                upload_s: times.upload.mean() / 1e3,
                round_trip_s: times.round_trip.mean() / 1e3,
                photos_per_second: tally.throughput(),
            });
        }
    }
    folders
}

/// For each URL (or, where there is none, each target) the steps from the student project's client to this one.
pub(super) async fn waterfalls(
    runners: &[Runner],
    manner: &Manner,
    photos: &[Found],
    runs: u32,
    crowd: usize,
) -> Vec<Waterfall> {
    let any_url = runners.iter().any(|runner| runner.kind == Kind::Url);
    let mut waterfalls = Vec::new();
    for runner in runners.iter().filter(|runner| !any_url || runner.kind == Kind::Url) {
        let side = match manner.recipe.resize {
            Some(side) => side,
            None => input_side(runner).await.unwrap_or(SIDE),
        };
        let steps = steps(side, crowd);
        let mut sums = vec![(Duration::ZERO, 0_u64, 0_u64, 0_u64); steps.len()];
        // All steps in each run, so that drift hits all of them.
        for _ in 0..runs {
            for (step, sum) in steps.iter().zip(&mut sums) {
                let pass = pass(runner, manner, photos, step).await;
                *sum = (sum.0 + pass.wall, sum.1 + pass.sent, sum.2 + pass.photos, sum.3 + pass.failed);
            }
        }
        let measured = steps.into_iter().zip(sums).map(|(step, (wall, sent, photos, failed))| {
            let photos = photos.max(1) as f64;
            (step.name, wall.as_secs_f64() * 1e3 / photos, sent as f64 / photos, failed)
        });
        waterfalls.push(Waterfall::new(runner.name.clone(), measured.collect()));
    }
    waterfalls
}

struct StepPlan {
    name: String,
    fresh: bool,
    body: BodyKind,
    resize: Option<u32>,
    concurrency: usize,
}

fn steps(side: u32, crowd: usize) -> Vec<StepPlan> {
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
        step(&format!("+ {crowd} at once"), false, BodyKind::Binary, Some(side), crowd),
    ]
}

struct Pass {
    wall: Duration,
    photos: u64,
    sent: u64,
    failed: u64,
}

async fn pass(runner: &Runner, manner: &Manner, photos: &[Found], step: &StepPlan) -> Pass {
    let plan = Plan {
        photos: photos.to_vec(),
        recipe: Recipe { body: step.body, resize: step.resize, ..manner.recipe.clone() },
        concurrency: step.concurrency,
        rate: None,
        patience: manner.patience,
        fresh: step.fresh,
    };
    let start = Instant::now();
    let mut journey = Journey::begin(plan, &runner.target, runner.tls.clone());
    let mut pass = Pass { wall: Duration::ZERO, photos: 0, sent: 0, failed: 0 };
    let mut one_by_one = Duration::ZERO;
    while let Some(record) = journey.next().await {
        pass.photos += 1;
        pass.sent += record.traffic.sent;
        pass.failed += u64::from(matches!(record.outcome, wire::Outcome::Error { .. }));
        one_by_one += record.phases.total;
    }
    // The student project's client encoded a photo only when the one before had been answered; ours does so meanwhile.
    pass.wall = if step.fresh { one_by_one } else { start.elapsed() };
    pass
}

/// The longer side of the model's input, as the function tells it.
async fn input_side(runner: &Runner) -> Option<u32> {
    let endpoint = runner.target.endpoint();
    let base = endpoint.path.split('?').next()?.strip_suffix("/detect")?;
    let request =
        Request::get(format!("{base}/model")).header(HOST, endpoint.authority()).body(Full::default()).ok()?;
    let mut phases = Phases::default();
    let mut connection = Connection::open(endpoint, runner.tls.as_ref(), CONNECT_WITHIN, &mut phases).await.ok()?;
    let asked = connection.exchange(request, &mut phases);
    let reply = tokio::time::timeout(CONNECT_WITHIN, asked).await.ok()?.ok()?;
    let model: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    let sides = model["input_size"].as_array()?.iter().filter_map(serde_json::Value::as_u64);
    u32::try_from(sides.max()?).ok().filter(|side| *side > 0)
}
