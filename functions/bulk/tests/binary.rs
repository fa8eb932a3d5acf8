//! `detect-bulk` as Lambda runs it: a process that asks a runtime API for events.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Instant;

use common::lambda::{Lambda, function};
use common::{Server, asset, failures, jpeg, pairs, photo, sqs, summary};

const MOST_MEMORY_MB: u64 = 400;

#[test]
fn it_serves_events_within_its_memory() {
    let server = Server::start();
    let small = match asset("") {
        Some(assets) => std::fs::read_dir(assets.join("photos/small"))
            .unwrap()
            .take(70)
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect(),
        None => vec![jpeg(); 70],
    };
    let mut keys: Vec<String> = (0..100).map(|number| format!("{number}.jpg")).collect();
    for (key, bytes) in keys.iter().zip(&small) {
        server.put(key, bytes);
    }
    // Twelve megapixels: a camera's JPEG, and a PNG that has no quick way to fewer pixels.
    let jpeg = photo(4000, 3000, image::ImageFormat::Jpeg);
    let png = photo(4000, 3000, image::ImageFormat::Png);
    for (number, key) in keys.iter().enumerate().skip(70) {
        server.put(key, if number % 5 == 0 { &png } else { &jpeg });
    }
    let lambda = Lambda::start(&server, &[]);
    let started = Instant::now();
    // An unreadable event is an error, and the next one is served all the same.
    let error = lambda.try_invoke(serde_json::json!({"hello": 1})).unwrap_err();
    assert_eq!(error["errorType"], "HandedBack", "{error}");
    println!("ready and answering after {:?}", started.elapsed());
    keys.push("gone.jpg".to_owned());
    let event = sqs(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    for round in 0..2 {
        let (_, before) = lambda.costs();
        let start = Instant::now();
        assert_eq!(failures(&lambda.invoke(event.clone())), [""; 0]);
        let (peak, cpu) = lambda.costs();
        println!(
            "round {round}: {} photos in {:?}, {:.2} ms of CPU each, peak memory {peak} MB",
            keys.len(),
            start.elapsed(),
            (cpu - before) * 1e3 / keys.len() as f64
        );
        assert!(peak <= MOST_MEMORY_MB, "{peak} MB");
        let expected: Vec<_> =
            keys.iter().map(|key| (key.as_str(), if key == "gone.jpg" { "not_found" } else { "ok" })).collect();
        assert_eq!(summary(&server.lines("r1")), pairs(&expected));
    }
}

#[test]
fn it_refuses_to_start_where_results_would_be_lost_or_endless() {
    let server = Server::start();
    for (variables, said) in [
        ([("RESULTS_URI", ""), ("INPUT_URI", "")], "RESULTS_URI is not set"),
        ([("RESULTS_URI", "results"), ("INPUT_URI", "")], "s3://bucket/prefix"),
        ([("RESULTS_URI", "s3://photos-in/out"), ("INPUT_URI", "s3://photos-in")], "is inside INPUT_URI"),
    ] {
        let output = function(&server, "127.0.0.1:9", &variables).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(said), "{variables:?}: {text}");
    }
}
