//! What `uploader compare` concludes, and what it does not: two servers that play the function, one of them behind a relay
//! that adds delay and limits the rate.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::comparison::{PLAIN, compare, far_away, function, function_that, photos};
use common::relay::{LinkShape, Relay};
use common::{Reply, Server, cat, out};
use serde_json::json;

/// Answers photos after so many milliseconds each, in turn.
fn paced(pauses: &'static [u64]) -> Server {
    function_that(|_, number| Reply::json(200, &cat()).after(Duration::from_millis(pauses[number % pauses.len()])))
}

#[test]
fn distance_is_seen_named_and_reckoned_with() {
    let (here, there) = (function(), function());
    let relay = far_away(&there);
    let folder = photos(6);
    let run = compare(folder.path(), &here.url(), &relay.url(), &[]);
    run.ends_with(0);
    let speed = run.told("speed");
    assert!(speed.starts_with("here is faster than there:") && speed.contains("95 % confidence"), "{speed}");
    assert!(out(&run.output).contains(&speed), "the verdict is printed");
    assert!(run.told("boxes").contains("the same boxes in all 6 photos"));
    let pair = &run.report["pairs"][0];
    assert!(pair["time"]["ms"]["low"].as_f64().unwrap() > 30.0, "{pair}");
    let offload = &pair["offload"];
    assert_eq!((&offload["near"], &offload["far"]), (&json!("here"), &json!("there")));
    assert!(offload["network_share"].as_f64().unwrap() > 0.5, "{offload}");
    assert!(run.report["targets"][1]["link_ms"]["round_trip"].as_f64().unwrap() >= 50.0);
    for threshold in ["link_mbit", "photos"] {
        assert!(offload[threshold]["wins"].is_string(), "{threshold} in {offload}");
    }
    assert_eq!(offload["link_mbit"]["wins"], "never", "the way alone takes longer than everything here");
    let break_even = run.told("break_even");
    assert!(break_even.contains("there never beats here; even with infinite bandwidth it takes"), "{break_even}");
    // What is told is what the tables and the chart show.
    let far = &run.report["targets"][1];
    let phase = |name: &str| {
        let phases = far["phases_ms"].as_array().unwrap();
        phases.iter().find(|phase| phase["name"] == name).unwrap()["ms"].as_f64().unwrap()
    };
    let way = |name: &str| offload["way_ms"][name].as_f64().unwrap();
    let parts: f64 = ["function", "platform", "round_trip", "transfer", "other"].map(way).iter().sum();
    let far_ms = offload["far_ms"].as_f64().unwrap();
    // Each is a median of its own, so the sum is near the median of the whole.
    assert!((parts - far_ms).abs() < 2.0 && far["round_trip_ms"]["p50"] == offload["far_ms"], "{offload}");
    assert!((way("transfer") - phase("send") - phase("bytes") - phase("receive")).abs() < 1e-6, "{far}");
    assert_eq!((way("platform"), way("round_trip")), (phase("overhead"), phase("link")));
    let ladder = run.report["targets"][1]["ladder"].as_array().unwrap();
    assert_eq!(ladder.iter().map(|rung| rung["at_once"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 4, 8]);
    let pace = |rung: usize| ladder[rung]["photos_per_second"].as_f64().unwrap();
    assert!(pace(3) > 2.0 * pace(0), "while one photo is on its way, another can be, too: {ladder:?}");
    assert!(run.told("concurrency").contains("with 8 at once"), "{}", run.told("concurrency"));
    assert!(run.told("cost").contains("us-east-1"));
}

#[test]
fn the_links_rate_is_felt_by_heavy_photos() {
    let (here, there) = (function(), function());
    // 8 Mbit/s, no delay.
    let relay = Relay::start(there.address, LinkShape { round_trip: Duration::ZERO, bytes_per_second: Some(1e6) });
    let folder = photos(8);
    for number in 1..=8_usize {
        let path = folder.path().join(format!("{number}.jpg"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.resize(20_000 * number, 0);
        std::fs::write(path, bytes).unwrap();
    }
    let run = compare(folder.path(), &here.url(), &relay.url(), &["--ladder", "0"]);
    run.ends_with(0);
    let offload = &run.report["pairs"][0]["offload"];
    let mbit = offload["mbit"].as_f64().unwrap();
    assert!((2.0..=20.0).contains(&mbit), "{mbit} Mbit/s over a link of 8");
    let transfer = offload["way_ms"]["transfer"].as_f64().unwrap();
    assert!(transfer > 50.0, "90 kB on average take 90 ms: {transfer}");
}

#[test]
fn where_no_difference_is_told_nobody_wins_anything() {
    // Each is as often the slower one by as much.
    let (here, there) = (paced(&[5, 45]), paced(&[45, 5]));
    let folder = photos(12);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(0);
    assert!(run.told("speed").starts_with("No difference between here and there can be told"), "{}", run.told("speed"));
    assert!(run.report["summary"][0]["speed"].is_null());
    let offload = &run.report["pairs"][0]["offload"];
    for threshold in ["link_mbit", "round_trip_ms", "photos"] {
        assert_eq!(offload[threshold]["wins"], "unknown", "{offload}");
    }
    assert!(run.told("break_even").contains("no difference between") && !out(&run.output).contains("finishes first"));
}

#[test]
fn one_outlier_makes_no_winner() {
    let folder = photos(12);
    let (here, there) = (paced(&[20]), paced(&[20, 20, 20, 20, 20, 20, 20, 900, 20, 20, 20, 20]));
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(0);
    let ratio = &run.report["pairs"][0]["time"]["ratio"];
    assert!(
        ratio["value"].as_f64().unwrap() < 2.0 && ratio["high"].as_f64().unwrap() < 2.0,
        "the means' is 4.6: {ratio}"
    );
    let phases = run.report["targets"][1]["phases_ms"].as_array().unwrap();
    let whole: f64 = phases.iter().map(|phase| phase["ms"].as_f64().unwrap()).sum();
    assert!(whole < 80.0, "the chart's bar is the typical photo's: {phases:?}");
}

#[test]
fn one_photo_is_no_comparison() {
    let (here, there) = (function(), function());
    let folder = photos(1);
    let run = compare(folder.path(), &here.url(), &there.url(), &[]);
    run.ends_with(0);
    assert!(run.told("speed").contains("cannot be compared"), "{}", run.told("speed"));
    let topics: Vec<&str> =
        run.report["verdict"].as_array().unwrap().iter().map(|finding| finding["topic"].as_str().unwrap()).collect();
    assert_eq!(topics, ["speed", "boxes", "cost"]);
    assert!(run.report["pairs"][0]["offload"].is_null());
}

#[test]
fn that_models_differ_comes_first_and_speed_is_told_all_the_same() {
    let here = function();
    let there = function_that(|_, _| {
        let mut answer = cat();
        answer["model"] = json!({"name": "yolox-s", "sha256": "0123456789abcdef"});
        Reply::json(200, &answer).after(Duration::from_millis(40))
    });
    let folder = photos(8);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(0);
    let first = &run.report["verdict"][0];
    assert_eq!(first["topic"], "models");
    let text = first["text"].as_str().unwrap();
    assert!(text.contains("different models") && text.contains("yolox-s (01234567)"), "{text}");
    assert!(run.told("speed").starts_with("here is faster than there"), "{}", run.told("speed"));
}

#[test]
fn waiting_for_a_worker_is_no_upload() {
    let waits = || {
        function_that(|_, _| {
            let mut answer = cat();
            answer["timings_ms"]["queue"] = json!(150.0);
            answer["timings_ms"]["total"] = json!(160.0);
            Reply::json(200, &answer).after(Duration::from_millis(162))
        })
    };
    let (here, there) = (waits(), waits());
    let folder = photos(6);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(0);
    for target in run.report["targets"].as_array().unwrap() {
        let number = |name: &str| target[name].as_f64().unwrap();
        let round_trip = target["round_trip_ms"]["p50"].as_f64().unwrap();
        // Phases are means, scaled to the median.
        assert!(number("upload_ms") <= round_trip - 160.0 + 2.0, "{target}");
        let queue =
            &target["phases_ms"].as_array().unwrap().iter().find(|phase| phase["name"] == "queue").unwrap()["ms"];
        assert!((140.0..=160.0).contains(&queue.as_f64().unwrap()), "{target}");
    }
}

#[test]
fn who_answers_nothing_is_no_winner() {
    let here = function();
    let there = function_that(|_, _| Reply::new(404, ""));
    let folder = photos(2);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(1);
    assert!(run.told("speed").contains("cannot be compared"), "{}", run.told("speed"));
    assert!(run.report["pairs"][0]["offload"].is_null());
}
