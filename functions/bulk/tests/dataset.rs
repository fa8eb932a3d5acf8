//! A whole dataset through an S3 server that fails now and then, delivered as SQS would: in batches, some messages
//! twice, what is handed back again and again. Nothing is lost, bad files are told, nobody else's photo suffers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Fault, Server, asset, failures, jpeg, peak_mb, sqs};
use detect_bulk::Deadline;

const BATCH: usize = 100;
const ROUNDS: usize = 6;

fn files(folder: &Path, most: usize) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().take(most).map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

#[tokio::test]
async fn every_photo_of_a_dataset_has_one_result() {
    // By the path, so that it is the same in every run: about every seventh photo has its trouble twice.
    let server = Server::with_faults(|method, path, before| {
        let dice = path.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        match (method, dice % 28, before) {
            ("GET", 0, 0 | 1) => Some(Fault::Refused(503, "SlowDown")),
            ("GET", 1, 0 | 1) => Some(Fault::BrokenOff),
            // Longer than the function waits.
            ("GET", 2, 0) => Some(Fault::Stalled(Duration::from_secs(5))),
            // More often than the function tries in one invocation.
            ("GET", 3, 0..4) => Some(Fault::Refused(500, "InternalError")),
            ("PUT", _, 0 | 1) => Some(Fault::Refused(503, "SlowDown")),
            _ => None,
        }
    });
    let mut photos = match asset("") {
        Some(assets) => {
            let mut photos = files(&assets.join("photos/small"), usize::MAX);
            photos.extend(files(&assets.join("hostile/jpeg"), 20));
            photos
        }
        None => (0..100).map(|number| (format!("{number}.jpg"), jpeg())).collect(),
    };
    let good = photos.iter().filter(|(_, bytes)| image::load_from_memory(bytes).is_ok()).count();
    for (key, bytes) in &photos {
        server.put(key, bytes);
    }
    photos.push(("gone.jpg".to_owned(), Vec::new()));

    let app = server.app(|_| {}).await;
    let start = Instant::now();
    let mut waiting: Vec<&str> = photos.iter().map(|(key, _)| key.as_str()).collect();
    // Delivered twice: at least once is all that SQS promises.
    waiting.extend(photos.iter().step_by(10).map(|(key, _)| key.as_str()));
    let (mut invocations, mut handed_back, mut lines) = (0, 0, Vec::new());
    for round in 0..ROUNDS {
        let batches: Vec<Vec<&str>> = waiting.chunks(BATCH).map(<[&str]>::to_vec).collect();
        waiting.clear();
        for batch in batches {
            let id = format!("{round}-{invocations}");
            let answer = app.handle(sqs(&batch), &id, Deadline::within(Duration::from_secs(60))).await.unwrap();
            let failed = failures(&answer);
            handed_back += failed.len();
            waiting.extend(batch.iter().filter(|key| failed.iter().any(|failed| failed == *key)));
            lines.extend(server.lines(&id));
            invocations += 1;
        }
    }
    let took = start.elapsed();
    assert!(waiting.is_empty(), "still handed back after {ROUNDS} rounds: {waiting:?}");

    let mut results: HashMap<String, Vec<wire::Line>> = HashMap::new();
    for line in lines {
        let line: wire::Line = serde_json::from_value(line).unwrap();
        results.entry(line.source.key.clone()).or_default().push(line);
    }
    assert_eq!(results.len(), photos.len());
    let mut answered = 0;
    for (key, _) in &photos {
        let lines = &results[key];
        assert!(lines.iter().all(|line| line.identity() == lines[0].identity()), "{key}: {lines:?}");
        match &lines[0].outcome {
            wire::LineOutcome::Answer(_) => answered += 1,
            wire::LineOutcome::Error { error, .. } => assert_ne!(error.code, "internal", "{key}: {error:?}"),
        }
    }
    let repeats = results.values().map(Vec::len).sum::<usize>() - photos.len();
    println!(
        "{} photos in {invocations} invocations and {took:.1?}: {answered} answers, {} errors, {repeats} repeats, \
         {handed_back} handed back; peak memory {} MB, the S3 server's included",
        photos.len(),
        photos.len() - answered,
        peak_mb("self")
    );
    assert!(handed_back > 0, "the faults did not bite");
    // The detector is stricter than `image` with files that are cut off, and reads some that `image` does not.
    assert!(answered + 12 >= good, "{answered} answers for {good} files that can be decoded");
}
