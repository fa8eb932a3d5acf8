//! `name value` lines of the detector alone, one thread, medians after warm-up, both sides of a ratio by turns:
//!
//! - `pipeline_ms`, `limit_ms`: a 640x480 JPEG through the whole detector, and what cannot be avoided: decoding it with
//!   `image` and ONNX Runtime's run;
//! - `pipeline/limit`: the one over the other;
//! - `large_ms`, `large_full_decode_ms`, `large_jpeg`: a 12-megapixel JPEG through the whole detector, decoding it in full
//!   with `image`, and the ratio.
//!
//! The photo is `coffee.png` of `.tools/samples`, enlarged. The model is the default one (`MODEL`, `MODEL_DIR`).
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use detector::{Detector, DetectorOptions, Thresholds, catalog};
use image::imageops::FilterType;
use ort::session::Session;
use ort::value::TensorRef;

/// Seconds that `work` takes.
fn time<R>(work: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

/// Medians of both in milliseconds, measured by turns after warm-up.
fn compare(rounds: usize, mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> (f64, f64) {
    for _ in 0..rounds / 10 + 2 {
        a();
        b();
    }
    let (mut a, mut b): (Vec<f64>, Vec<f64>) = (0..rounds).map(|_| (a(), b())).unzip();
    (median(&mut a) * 1e3, median(&mut b) * 1e3)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn jpeg(image: &image::DynamicImage, width: u32, height: u32) -> Vec<u8> {
    let resized = image.resize_exact(width, height, FilterType::CatmullRom).into_rgb8();
    detector::annotate::jpeg(&resized, 90).unwrap()
}

fn main() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/samples/coffee.png");
    let sample = image::open(&sample).unwrap_or_else(|e| panic!("{}: {e}; run `make setup`", sample.display()));
    let (photo, large) = (jpeg(&sample, 640, 480), jpeg(&sample, 4000, 3000));

    let model = catalog::find(std::env::var("MODEL").ok().as_deref()).unwrap();
    let environment = detector::runtime::environment().unwrap();
    let mut session = Session::builder(&environment)
        .and_then(|builder| Ok(builder.with_intra_threads(1)?.with_inter_threads(1)?.with_intra_op_spinning(false)?))
        .and_then(|mut builder| builder.commit_from_file(&model.path))
        .unwrap();
    let detector = Detector::load(model, &DetectorOptions::default()).unwrap();
    let (width, height) = detector.input_size().expect("the benchmark needs a model of fixed input size");
    let shape = [1, 3, height as usize, width as usize];
    let tensor = vec![114f32; 3 * (width * height) as usize];
    let name = session.inputs()[0].name().to_owned();
    eprintln!("model {}, input {width} x {height}, one thread", detector.card().name);

    let thresholds = Thresholds::default();
    let detect = |bytes: &[u8]| time(|| detector.detect(bytes, &thresholds).unwrap());
    let decode = |bytes: &[u8]| time(|| image::load_from_memory(bytes).unwrap().into_rgb8());
    let mut limit = || {
        let tensor = TensorRef::from_array_view((shape, tensor.as_slice())).unwrap();
        decode(&photo) + time(|| session.run(ort::inputs![name.as_str() => tensor]).unwrap().len())
    };
    let (pipeline, limit) = compare(200, || detect(&photo), &mut limit);
    println!("pipeline_ms {pipeline:.2}\nlimit_ms {limit:.2}\npipeline/limit {:.3}", pipeline / limit);
    let timings = detector.detect(&photo, &thresholds).unwrap().timings;
    eprintln!("{timings:?}");
    let (ours, full) = compare(20, || detect(&large), || decode(&large));
    println!("large_ms {ours:.1}\nlarge_full_decode_ms {full:.1}\nlarge_jpeg {:.3}", ours / full);
}
