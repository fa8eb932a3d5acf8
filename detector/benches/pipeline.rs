//! `name value` lines of the detector alone, medians after warm-up, both sides of a ratio by turns, one thread each unless
//! said. The model is `MODEL`, prepared (`uploader model prepare`); the photo is `PHOTO`, or `coffee.png` of
//! `.tools/samples` enlarged to a JPEG of 640x480.
//!
//! - `inference_ms`, `published_ms`, `run/published`: the run of the prepared graph on the photo and reading its outputs;
//!   ONNX Runtime's run of the published file; the one over the other;
//! - `threads2_ms`, `threads2/threads1`: inference with two threads, and that over one;
//! - `pipeline_ms`, `limit_ms`, `pipeline/limit`: the whole detector; what cannot be avoided, decoding the JPEG and running
//!   the prepared graph; the one over the other;
//! - `decode_ms`, `decode_image_ms`: decoding the photo, and the same with the crate `image`;
//! - `large_ms`, `large_full_ms`, `large_jpeg`: a 12-megapixel JPEG through all but inference; decoding it in full; the ratio;
//! - `sessions_RxT_per_s`: photos per second with R sessions of T threads and as many photos under way as there are sessions.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use detector::{Detector, DetectorOptions, Findings, Limits, Photo, Thresholds, catalog};
use image::imageops::FilterType;
use ort::session::Session;
use ort::value::TensorRef;

/// Seconds that `work` takes.
fn time<R>(work: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

/// Medians in milliseconds of what each of `works` returns in seconds, measured by turns after warm-up.
fn medians<const N: usize>(rounds: usize, mut works: [&mut dyn FnMut() -> f64; N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for round in 0..rounds + rounds / 10 + 2 {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let seconds = work();
            if round > rounds / 10 + 1 {
                times.push(seconds);
            }
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2] * 1e3
    })
}

fn jpeg(image: &image::DynamicImage, width: u32, height: u32) -> Vec<u8> {
    let resized = image.resize_exact(width, height, FilterType::CatmullRom).into_rgb8();
    detector::annotate::jpeg(&resized, 90).unwrap()
}

fn session(path: &Path) -> Session {
    let environment = detector::runtime::environment().unwrap();
    Session::builder(&environment)
        .and_then(|builder| Ok(builder.with_intra_threads(1)?.with_inter_threads(1)?.with_intra_op_spinning(false)?))
        .and_then(|mut builder| builder.commit_from_file(path))
        .unwrap()
}

/// Seconds that a session takes for an input of that size.
fn run(session: &mut Session, (width, height): (usize, usize)) -> f64 {
    let tensor = vec![114f32; 3 * width * height];
    let name = session.inputs()[0].name().to_owned();
    let input = TensorRef::from_array_view(([1, 3, height, width], tensor.as_slice())).unwrap();
    time(|| session.run(ort::inputs![name.as_str() => input]).unwrap().len())
}

/// Inference as the project counts it: the session's run and reading its outputs.
fn inference(findings: &Findings) -> f64 {
    (findings.timings.inference + findings.timings.postprocess).as_secs_f64()
}

/// Photos per second over two seconds with as many threads as sessions.
fn throughput(detector: &Detector, sessions: usize, photo: &[u8]) -> f64 {
    let thresholds = Thresholds::default();
    let start = Instant::now();
    let photos: usize = std::thread::scope(|scope| {
        let work = || {
            (0..)
                .take_while(|_| {
                    detector.detect(photo, &thresholds).unwrap();
                    start.elapsed() < Duration::from_secs(2)
                })
                .count()
        };
        let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    photos as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/samples/coffee.png");
    let sample = image::open(&sample).unwrap_or_else(|e| panic!("{}: {e}; run `make setup`", sample.display()));
    let large = jpeg(&sample, 4000, 3000);
    let photo = match std::env::var_os("PHOTO") {
        Some(path) => std::fs::read(path).unwrap(),
        None => jpeg(&sample, 640, 480),
    };

    let model = catalog::find(std::env::var("MODEL").ok().as_deref()).unwrap();
    let load = |sessions, threads| {
        Detector::load(model.clone(), &DetectorOptions { sessions, threads, ..DetectorOptions::default() }).unwrap()
    };
    let (detector, two) = (load(1, 1), load(1, 2));
    let (width, height) = detector.input_size().expect("the benchmark needs a model of fixed input size");
    let size = (width as usize, height as usize);
    let shape = if detector.fits_shape() { (size.0, (size.0 * 3 / 4).next_multiple_of(32)) } else { size };
    let prepared = detector::prepared::beside(&model.path);
    let (mut published, mut prepared) =
        (session(&model.path), session(if prepared.is_file() { &prepared } else { &model.path }));
    eprintln!(
        "model {}, {}, input {} x {}, looked at as {} x {}",
        detector.card().name,
        if detector.is_prepared() { "prepared" } else { "NOT prepared: run `uploader model prepare`" },
        size.0,
        size.1,
        shape.0,
        shape.1,
    );

    let (thresholds, limits) = (Thresholds::default(), Limits::default());
    let detect = |detector: &Detector, bytes: &[u8]| detector.detect(bytes, &thresholds).unwrap();
    let decode = |bytes: &[u8]| time(|| Photo::decode(bytes, &limits).unwrap());

    let [one, published, two] = medians(
        200,
        [&mut || inference(&detect(&detector, &photo)), &mut || run(&mut published, size), &mut || {
            inference(&detect(&two, &photo))
        }],
    );
    println!("inference_ms {one:.2}\npublished_ms {published:.2}\nrun/published {:.3}", one / published);
    println!("threads2_ms {two:.2}\nthreads2/threads1 {:.3}", two / one);
    let [pipeline, limit] =
        medians(200, [&mut || time(|| detect(&detector, &photo)), &mut || decode(&photo) + run(&mut prepared, shape)]);
    println!("pipeline_ms {pipeline:.2}\nlimit_ms {limit:.2}\npipeline/limit {:.3}", pipeline / limit);
    eprintln!("{:?}", detect(&detector, &photo).timings);
    let [ours, theirs] =
        medians(200, [&mut || decode(&photo), &mut || time(|| image::load_from_memory(&photo).unwrap().into_rgb8())]);
    println!("decode_ms {ours:.3}\ndecode_image_ms {theirs:.3}");
    let around = || {
        let findings = detect(&detector, &large);
        findings.timings.total.as_secs_f64() - findings.timings.inference.as_secs_f64()
    };
    let [ours, full] = medians(20, [&mut { around }, &mut || decode(&large)]);
    println!("large_ms {ours:.1}\nlarge_full_ms {full:.1}\nlarge_jpeg {:.3}", ours / full);
    for (sessions, threads) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)] {
        let rate = throughput(&load(sessions, threads), sessions, &photo);
        println!("sessions_{sessions}x{threads}_per_s {rate:.1}");
    }
}
