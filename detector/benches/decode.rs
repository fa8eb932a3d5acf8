//! `decode_ms`: the median of decoding the JPEG named on the command line in full, after warm-up.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::Instant;

use detector::{Limits, Photo};

fn main() {
    let path = std::env::args().find(|argument| !argument.starts_with('-') && argument.contains(".jp"));
    let bytes = std::fs::read(path.expect("usage: cargo bench --bench decode -- PHOTO.jpg")).unwrap();
    let mut times: Vec<f64> = (0..350)
        .map(|_| {
            let start = Instant::now();
            black_box(Photo::decode(black_box(&bytes), &Limits::default()).unwrap());
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(50)
        .collect();
    times.sort_by(f64::total_cmp);
    println!("decode_ms {:.3}", times[times.len() / 2]);
}
