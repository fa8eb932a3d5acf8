//! `--rate`: photos leave by the clock, and latency counts from when they should have left.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Reply, Server, cat, err, out, photos, run, text};
use serde_json::Value;

#[test]
fn photos_leave_by_the_clock() {
    let server = Server::start(|_, _| Reply::json(200, &cat()));
    let folder = photos(11, 32, 32);
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "--rate", "20", "-c", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let seen = server.seen();
    let took = seen[10].at - seen[0].at;
    assert!(took >= Duration::from_millis(480) && took < Duration::from_secs(5), "{took:?}");
    assert!(out(&output).contains("--rate 20"), "{}", out(&output));
}

#[test]
fn a_slow_answer_does_not_hide_the_wait_behind_it() {
    // 100 ms each through one slot, 50 a second asked for: every photo is later than the one before.
    let server = Server::start(|_, _| Reply::json(200, &cat()).after(Duration::from_millis(100)));
    let folder = photos(5, 32, 32);
    let output =
        run(&["detect", text(folder.path()), "--url", &server.url(), "--rate", "50", "-c", "1", "-f", "jsonl"]);
    let totals: Vec<f64> = out(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["client_ms"]["total"].as_f64().unwrap())
        .collect();
    for (index, total) in totals.iter().enumerate() {
        // The photo should have left at 20 ms x index and is answered at 100 ms x (index + 1).
        assert!(*total >= 100.0 + 80.0 * index as f64 - 5.0, "{totals:?}");
    }
}
