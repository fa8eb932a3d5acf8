//! `uploader compare` against servers that play the function, one of them behind a relay that adds delay and limits the
//! rate: who is sent what and when, what is concluded, how it ends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use common::relay::{Relay, Way};
use common::{Say, Seen, Server, cat, err, out, photo, run, text};
use serde_json::{Value, json};

const DELAY: Duration = Duration::from_millis(60);

/// A function: its health, its model, and cats.
fn function() -> Server {
    function_that(|_, _| Say::json(200, &cat()))
}

/// A function that answers photos, counted from 0, in its own way.
fn function_that(say: impl Fn(&Seen, usize) -> Say + Send + Sync + 'static) -> Server {
    let photos = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |seen, _| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/model") => Say::json(200, &json!({"name": "yolox-nano", "input_size": [40, 32]})),
        ("GET", _) => Say::json(200, &json!({"status": "ok"})),
        _ => say(seen, photos.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
    })
}

fn far_away(server: &Server) -> Relay {
    Relay::start(server.address, Way { round_trip: DELAY, bytes_per_second: None })
}

/// Photos `1.jpg`, …, each larger than the one before.
fn photos(count: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=count {
        photo(&folder.path().join(format!("{number}.jpg")), 40 + 8 * number, 32);
    }
    folder
}

/// Photos that reached a server, in the order in which they came.
fn received(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

struct Run {
    output: Output,
    report: Value,
}

/// Compares `here` with `there`, and reads the JSON report.
fn compare(folder: &Path, here: &str, there: &str, more: &[&str]) -> Run {
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let (here, there) = (format!("here={here}"), format!("there={there}"));
    let mut args = vec!["compare", text(folder), "--url", &here, "--url", &there, "--report", text(file.path())];
    args.extend(more);
    let output = run(&args);
    let report = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap_or_default();
    Run { output, report }
}

impl Run {
    fn ends_with(&self, code: i32) {
        assert_eq!(self.output.status.code(), Some(code), "{}{}", out(&self.output), err(&self.output));
    }

    /// What the verdict says on a topic.
    fn told(&self, topic: &str) -> String {
        let findings = self.report["verdict"].as_array().unwrap_or_else(|| panic!("{}", err(&self.output)));
        let found = findings.iter().filter(|finding| finding["topic"] == topic);
        let told: Vec<&str> = found.map(|finding| finding["text"].as_str().unwrap()).collect();
        assert!(!told.is_empty(), "nothing on {topic} in {findings:?}");
        told.join("\n")
    }

    fn samples(&self, target: &str) -> Vec<&Value> {
        self.report["samples"].as_array().unwrap().iter().filter(|sample| sample["target"] == target).collect()
    }
}

const PLAIN: [&str; 4] = ["--warmup", "0", "--ladder", "0"];

#[test]
fn targets_take_turns_photo_by_photo() {
    let (here, there) = (function(), function());
    let folder = photos(5);
    let run = compare(folder.path(), &here.url(), &there.url(), &[&PLAIN[..], &["--runs", "2"]].concat());
    run.ends_with(0);
    let mut all: Vec<(&str, Seen)> = received(&here).into_iter().map(|seen| ("here", seen)).collect();
    all.extend(received(&there).into_iter().map(|seen| ("there", seen)));
    all.sort_by_key(|(_, seen)| seen.at);
    assert_eq!(all.len(), 20, "5 photos, 2 runs, 2 targets");
    let mut first = Vec::new();
    for turn in all.chunks(2) {
        assert_eq!(turn[0].1.body, turn[1].1.body, "both get the same photo before the next one is sent");
        assert_ne!(turn[0].0, turn[1].0);
        first.push(turn[0].0);
    }
    assert_eq!(first[..4], ["here", "there", "here", "there"], "who goes first changes");
    for target in ["here", "there"] {
        let samples = run.samples(target);
        assert_eq!(samples.len(), 10);
        let opened = samples.iter().filter(|sample| sample["client_ms"]["connect"].as_f64().unwrap() > 0.0).count();
        assert_eq!(opened, 1, "the connection stays open between turns");
    }
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
    assert!(run.told("break_even").contains("even at an endless rate"), "{}", run.told("break_even"));
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
    let relay = Relay::start(there.address, Way { round_trip: Duration::ZERO, bytes_per_second: Some(1e6) });
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
fn different_boxes_are_named_and_names_stay_names() {
    let folder = photos(3);
    photo(&folder.path().join("a<b>&c.jpg"), 400, 300);
    let here = function();
    let there = function_that(|seen, _| {
        let mut answer = cat();
        if seen.body.len() > 3000 {
            answer["detections"][0]["label"] = json!("dog");
        }
        Say::json(200, &answer)
    });
    let files = ["x.html", "x.md", "x.csv"].map(|name| folder.path().join(name));
    let mut more = PLAIN.to_vec();
    for file in &files {
        more.extend(["--report", text(file)]);
    }
    let run = compare(folder.path(), &here.url(), &there.url(), &more);
    run.ends_with(0);
    let boxes = run.told("boxes");
    assert!(boxes.contains("different boxes in 1 of 4 photos") && boxes.contains("a<b>&c.jpg"), "{boxes}");
    let different = &run.report["pairs"][0]["boxes"]["different"][0];
    assert_eq!((&different["only_first"], &different["only_second"]), (&json!(1), &json!(1)));
    let [html, markdown, csv] = files.map(|file| std::fs::read_to_string(file).unwrap());
    assert!(html.contains("a&lt;b&gt;&amp;c.jpg") && !html.contains("a<b>") && html.contains("<svg"));
    assert!(markdown.contains("a&lt;b>&amp;c.jpg") && markdown.contains("## Verdict"), "{markdown}");
    assert_eq!(csv.lines().count(), 1 + 2 * 4, "a row per photo and target:\n{csv}");
}

#[test]
fn cold_starts_stand_apart() {
    let cold = || {
        function_that(|_, number| {
            let mut answer = cat();
            answer["cold_start"] = json!(number == 0);
            Say::json(200, &answer).after(Duration::from_millis(if number == 0 { 900 } else { 0 }))
        })
    };
    let folder = photos(4);
    for warmup in ["0", "2"] {
        let (here, there) = (cold(), cold());
        let more = ["--ladder", "0", "--warmup", warmup];
        let run = compare(folder.path(), &here.url(), &there.url(), &more);
        run.ends_with(0);
        for target in run.report["targets"].as_array().unwrap() {
            assert_eq!(target["cold"]["count"], 1, "warm-up {warmup}: {target}");
            assert!(target["cold"]["round_trip_ms"].as_f64().unwrap() >= 900.0);
            assert!(target["round_trip_ms"]["max"].as_f64().unwrap() < 900.0, "{target}");
        }
        assert_eq!(run.report["pairs"][0]["time"]["pairs"], if warmup == "0" { 3 } else { 4 });
    }
}

#[test]
fn failures_are_counted_by_code_and_decide_the_end() {
    let here = function();
    let there = function_that(|_, number| match number {
        1 => {
            Say::json(422, &json!({"code": "undecodable_image", "detail": "It is broken.", "status": 422, "title": ""}))
        }
        _ => Say::json(200, &cat()),
    });
    let folder = photos(4);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(1);
    assert_eq!(run.report["targets"][1]["failures"], json!({"undecodable_image": 1}));
    assert_eq!(run.told("failures"), "there failed with 1 of 4 photos (undecodable_image 1).");
    assert!(run.told("speed").contains("3 pairs"), "{}", run.told("speed"));
}

#[test]
fn who_answers_nothing_is_no_winner() {
    let here = function();
    let there = function_that(|_, _| Say::new(404, ""));
    let folder = photos(2);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(1);
    assert!(run.told("speed").contains("cannot be compared"), "{}", run.told("speed"));
    assert!(run.report["pairs"][0]["offload"].is_null());
}

#[test]
fn conditions_hold_for_all_targets_or_for_one() {
    let (here, there) = (function(), function());
    let relay = far_away(&there);
    let folder = photos(3);
    for (condition, code) in [("p50>30ms", 3), ("there:p50>30ms", 3), ("here:p50>30s", 0), ("failures>0", 0)] {
        let more = [&PLAIN[..], &["--fail-if", condition]].concat();
        let run = compare(folder.path(), &here.url(), &relay.url(), &more);
        assert_eq!(run.output.status.code(), Some(code), "{condition}: {}", err(&run.output));
        if code == 3 {
            assert!(err(&run.output).contains("there: --fail-if 'p50>30ms'"), "{}", err(&run.output));
        }
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    let server = function();
    let url = server.url();
    let folder = photos(1);
    let report = folder.path().join("report.pdf");
    let path = text(folder.path());
    let cases: [(&[&str], &str); 6] = [
        (&["--url", &url], "two or more targets"),
        (&["--local"], "two or more targets"),
        (&["--url", &url, "--url", &url], "two targets are called"),
        (&["--url", &url, "--url", "b=http://h/", "--report", text(&report)], ".json, .csv, .md or .html"),
        (&["--url", &url, "--url", "b=http://h/", "--fail-if", "c:p95>1ms"], "no target c;"),
        (&["--url", &url, "--url", "b=ftp://h/"], "ftp"),
    ];
    for (more, words) in cases {
        let output = run(&[&["compare", path], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", out(&output));
        assert!(err(&output).contains(words), "{more:?}: {}", err(&output));
    }
    assert!(received(&server).is_empty());
    assert!(!report.exists());
}

#[test]
fn the_way_from_the_student_projects_client_is_told_step_by_step() {
    let (here, there) = (function(), function());
    let relay = far_away(&there);
    let folder = photos(6);
    let html = folder.path().join("x.html");
    let more = [&PLAIN[..], &["--like-2023", "--report", text(&html)]].concat();
    let run = compare(folder.path(), &here.url(), &relay.url(), &more);
    run.ends_with(0);
    let waterfalls = run.report["waterfalls"].as_array().unwrap();
    assert_eq!(waterfalls.len(), 2, "one for each URL");
    let there_steps = waterfalls[1]["steps"].as_array().unwrap();
    let names: Vec<&str> = there_steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(
        names[1..],
        ["+ kept connection", "+ binary bodies", "+ photos shrunk to 40 pixels", "+ 4 at once"],
        "the model's input is asked for"
    );
    let value = |step: usize, name: &str| there_steps[step][name].as_f64().unwrap();
    assert!(value(0, "ms") > 2.0 * 60.0 && value(1, "ms") < value(0, "ms"), "a new connection costs a round trip");
    assert!(value(4, "ms") < value(3, "ms"), "four at once wait for the link together");
    assert!(value(1, "sent_bytes") > value(2, "sent_bytes"), "base64 is heavier");
    assert!(value(2, "sent_bytes") > value(3, "sent_bytes"), "shrunk photos are lighter");
    assert!(run.told("client").contains("a client like the student project's"), "{}", run.told("client"));
    assert!(std::fs::read_to_string(html).unwrap().contains("saved by this step"));
}

#[test]
fn detect_can_be_like_2023_too() {
    let server = function();
    let folder = photos(5);
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "--like-2023"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let seen = received(&server);
    assert_eq!((seen.len(), server.connections()), (5, 5), "a new connection for each photo");
    assert!(seen.iter().all(|seen| seen.headers["content-type"] == "application/json"));
    let both = run(&["detect", text(folder.path()), "--url", &server.url(), "--like-2023", "--concurrency", "4"]);
    assert_eq!(both.status.code(), Some(2), "it cannot be like 2023 and not");
}

#[test]
fn folders_of_three_sizes_make_the_student_projects_table() {
    let (here, there) = (function(), function());
    let folder = photos(2);
    let more = [&PLAIN[..], &["--sizes=2,3,5"]].concat();
    let run = compare(folder.path(), &here.url(), &there.url(), &more);
    run.ends_with(0);
    let folders = run.report["folders"].as_array().unwrap();
    let rows: Vec<(&str, u64, &str)> = folders
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["photos"].as_u64().unwrap(), row["target"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [
            ("SMALL", 2, "here"),
            ("SMALL", 2, "there"),
            ("MEDIUM", 3, "here"),
            ("MEDIUM", 3, "there"),
            ("BIG", 5, "here"),
            ("BIG", 5, "there")
        ]
    );
    assert!(folders.iter().all(|row| row["inference_s"] == 0.007));
    assert_eq!(received(&here).len(), 2 + 2 + 3 + 5);
    assert!(out(&run.output).contains("Small, medium and big folders"));
}

#[test]
fn by_the_clock_latency_counts_from_the_scheduled_instant() {
    // One photo takes 100 ms, and fifty are to leave each second: all but the first are late.
    let slow = || function_that(|_, _| Say::json(200, &cat()).after(Duration::from_millis(100)));
    let (here, there) = (slow(), slow());
    let folder = photos(5);
    let more = [&PLAIN[..], &["--rate", "50", "--quiet"]].concat();
    let run = compare(folder.path(), &here.url(), &there.url(), &more);
    run.ends_with(0);
    for target in run.report["targets"].as_array().unwrap() {
        let latest = target["round_trip_ms"]["max"].as_f64().unwrap();
        assert!(latest >= 5.0 * 100.0 - 4.0 * 20.0 - 1.0, "the fifth waits for four others: {latest}");
    }
    assert!(run.told("speed").contains("ms round trip"), "{}", run.told("speed"));
    assert!(!out(&run.output).contains("Side by side"), "--quiet prints the verdict alone");
}

#[test]
fn base64_is_more_on_the_wire() {
    let (here, there) = (function(), function());
    let folder = photos(3);
    let bytes = |body: &str| {
        let run = compare(folder.path(), &here.url(), &there.url(), &[&PLAIN[..], &["--body", body]].concat());
        run.ends_with(0);
        run.report["targets"][0]["wire_bytes"]["sent"].as_u64().unwrap()
    };
    let (base64, binary) = (bytes("base64"), bytes("binary"));
    let files: u64 = (1..=3).map(|n| std::fs::metadata(folder.path().join(format!("{n}.jpg"))).unwrap().len()).sum();
    assert!(binary > files && base64 > binary, "{base64} {binary} {files}");
}
