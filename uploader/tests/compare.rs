//! `uploader compare` against servers that play the function, one of them behind a relay that adds delay and limits the
//! rate: who is sent what and when, what is concluded, how it ends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::comparison::{PLAIN, compare, far_away, function, function_that, photos, received};
use common::{Reply, Seen, cat, err, out, photo, run, text};
use serde_json::json;

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
fn different_boxes_are_named_and_names_stay_names() {
    let folder = photos(3);
    photo(&folder.path().join("a<b>&c.jpg"), 400, 300);
    let here = function();
    let there = function_that(|seen, _| {
        let mut answer = cat();
        if seen.body.len() > 3000 {
            answer["detections"][0]["label"] = json!("dog");
        }
        Reply::json(200, &answer)
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
    assert_eq!(html.matches("src=\"data:image/jpeg;base64,").count(), 1, "the photo that differs, and no other");
    assert!(html.contains("only <code>here</code>: cat") && html.contains("only <code>there</code>: dog"));
    let lies = format!("Report: {}\n", text(&folder.path().join("x.html")));
    assert!(out(&run.output).contains(&lies), "{}", out(&run.output));
    assert!(markdown.contains("a&lt;b>&amp;c.jpg") && markdown.contains("## Verdict"), "{markdown}");
    assert_eq!(csv.lines().count(), 1 + 2 * 4, "a row per photo and target:\n{csv}");
}

#[test]
fn cold_starts_stand_apart() {
    let cold = || {
        function_that(|_, number| {
            let mut answer = cat();
            answer["cold_start"] = json!(number == 0);
            Reply::json(200, &answer).after(Duration::from_millis(if number == 0 { 900 } else { 0 }))
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
        1 => Reply::json(
            422,
            &json!({"code": "undecodable_image", "detail": "It is broken.", "status": 422, "title": ""}),
        ),
        _ => Reply::json(200, &cat()),
    });
    let folder = photos(4);
    let run = compare(folder.path(), &here.url(), &there.url(), &PLAIN);
    run.ends_with(1);
    assert_eq!(run.report["targets"][1]["failures"], json!({"undecodable_image": 1}));
    assert_eq!(run.told("failures"), "there failed with 1 of 4 photos (undecodable_image 1).");
    assert!(run.told("speed").contains("3 pairs"), "{}", run.told("speed"));
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
    let slow = || function_that(|_, _| Reply::json(200, &cat()).after(Duration::from_millis(100)));
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
