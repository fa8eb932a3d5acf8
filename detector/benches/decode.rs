//! `decode_ms VALUE`, a line for each photo named on the command line: the median of decoding it in full, after warm-up.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use detector::{Limits, Photo};

/// As often as this or as long as this, whichever ends first.
const ROUNDS: usize = 300;
const LONG_ENOUGH: Duration = Duration::from_secs(3);

fn main() {
    let photos = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    for path in photos {
        let bytes = std::fs::read(path).unwrap();
        let once = || {
            let start = Instant::now();
            black_box(Photo::decode(black_box(&bytes), &Limits::default()).unwrap());
            start.elapsed()
        };
        let start = Instant::now();
        let mut times: Vec<f64> = (0..ROUNDS)
            .map_while(|round| (round < 3 || start.elapsed() < LONG_ENOUGH).then(&once))
            .map(|time| time.as_secs_f64() * 1e3)
            .collect();
        times.drain(..times.len() / 6);
        times.sort_by(f64::total_cmp);
        println!("decode_ms {:.3}", times[times.len() / 2]);
    }
}
