//! `name value` lines of a dataset's way through `detect-bulk`, from and to an S3 server beside it:
//!
//! - `detector_cpu_ms`: CPU time per photo of the detector alone, one thread;
//! - `bulk_cpu_ms`: CPU time per photo of the whole process with one worker: fetching, detecting, storing, answering;
//! - `bulk/ideal`: the one over the other;
//! - `bulk_wall_ms`: wall time per photo with a worker for each core;
//! - `bulk/busy`: CPU time of the process and of the S3 server, against that wall time on all cores;
//! - `bulk_rss_mb`: peak memory of the process with one worker, after a batch of 100 photos of which 30 have 12 megapixels.
//!
//! The photos are the assets' `photos/small`, where there are any, or 300 times the samples of `.tools/samples`. The model
//! is the default one (`MODEL`, `MODEL_DIR`). By turns and medians, so that a busy moment meets both sides; but
//! `bulk/busy` means something only on a machine that has nothing else to do: see the load on standard error.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::time::Instant;

use common::lambda::Lambda;
use common::{Server, cpu_seconds, failures, photo, sqs};
use serde_json::Value;

const ROUNDS: usize = 3;
/// What buys one vCPU.
const MB_PER_WORKER: usize = 1769;

/// Photos by key.
type Photos = Vec<(String, Vec<u8>)>;

fn main() {
    let photos = dataset();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let server = Server::start();
    for (key, bytes) in &photos {
        server.put(key, bytes);
    }
    let event = sqs(&photos.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
    let model = detector::catalog::find(std::env::var("MODEL").ok().as_deref()).unwrap().path.display().to_string();
    eprintln!("{} photos, model {model}, {cores} cores", photos.len());
    let per_photo = 1e3 / photos.len() as f64;

    let alone = detector_alone(&model, &photos);
    let one = start(&server, &model, 1);
    let all = start(&server, &model, cores);
    for lambda in [&one, &all] {
        run(lambda, &event);
    }
    let (mut detector, mut bulk, mut walls, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        detector.push(alone() * per_photo);
        bulk.push(run(&one, &event).cpu * per_photo);
        let run = run(&all, &event);
        walls.push(run.wall * per_photo);
        busy.push((run.cpu + run.server) / (run.wall * cores as f64));
    }
    let (detector, bulk) = (median(&mut detector), median(&mut bulk));
    println!("detector_cpu_ms {detector:.2}\nbulk_cpu_ms {bulk:.2}\nbulk/ideal {:.3}", detector / bulk);
    println!("bulk_wall_ms {:.2}\nbulk/busy {:.3}", median(&mut walls), median(&mut busy));
    drop((one, all));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    eprintln!("{ROUNDS} rounds, load {}", load.split(' ').next().unwrap_or_default());

    let small = photos.iter().map(|(_, bytes)| bytes.clone()).cycle().take(70);
    let (jpeg, png) =
        [image::ImageFormat::Jpeg, image::ImageFormat::Png].map(|format| photo(4000, 3000, format)).into();
    let large = (0..30).map(|number| if number % 5 == 0 { png.clone() } else { jpeg.clone() });
    let keys: Vec<String> = small
        .chain(large)
        .enumerate()
        .map(|(number, bytes)| {
            let key = format!("mixed/{}.jpg", number * 37 % 100);
            server.put(&key, &bytes);
            key
        })
        .collect();
    let lambda = start(&server, &model, 1);
    run(&lambda, &sqs(&keys.iter().map(String::as_str).collect::<Vec<_>>()));
    println!("bulk_rss_mb {}", lambda.costs().0);
}

fn start(server: &Server, model: &str, workers: usize) -> Lambda {
    let memory = (workers * MB_PER_WORKER).to_string();
    Lambda::start(server, &[("MODEL", model), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory)])
}

/// Seconds that an invocation took.
struct Run {
    wall: f64,
    /// Of the function.
    cpu: f64,
    /// Of this process, which is the S3 server and the runtime API.
    server: f64,
}

fn run(lambda: &Lambda, event: &Value) -> Run {
    let (start, cpu, server) = (Instant::now(), lambda.costs().1, cpu_seconds("self"));
    assert_eq!(failures(&lambda.invoke(event.clone())), [""; 0]);
    Run { wall: start.elapsed().as_secs_f64(), cpu: lambda.costs().1 - cpu, server: cpu_seconds("self") - server }
}

/// Measures the CPU seconds of the detector for all photos.
fn detector_alone<'a>(model: &str, photos: &'a Photos) -> impl Fn() -> f64 + use<'a> {
    let settings = wire::Settings { model: Some(model.to_owned()), ..common::settings().function };
    let detector = model_source::load(&settings, 1, 1).unwrap();
    let thresholds = settings.thresholds(&detector);
    let measure = move || {
        let before = cpu_seconds("self");
        for (_, bytes) in photos {
            // A photo that cannot be decoded costs time, too, and the same in both.
            let _ = detector.detect(bytes, &thresholds);
        }
        cpu_seconds("self") - before
    };
    measure();
    measure
}

fn dataset() -> Photos {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let assets = std::env::var_os("SPOTTER_ASSETS").map_or_else(|| root.join("../shared/assets"), PathBuf::from);
    let folder = Some(assets.join("photos/small")).filter(|folder| folder.is_dir());
    let count = if folder.is_some() { usize::MAX } else { 300 };
    let folder = folder.unwrap_or_else(|| root.join(".tools/samples"));
    let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}; run `make setup`", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let repeats = if count == usize::MAX { paths.len() } else { count };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths
        .iter()
        .cycle()
        .take(repeats)
        .enumerate()
        .map(|(number, path)| (format!("{number}-{}", name(path)), std::fs::read(path).unwrap()))
        .collect()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
