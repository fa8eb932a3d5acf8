//! Ctrl-C, and requests to end, in the middle: what was done by then is whole, and summed up.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;
mod dataset;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Reply, Server, cat, err, out, photos, signal, text, uploader, within};
use dataset::{DatasetFixture, PLACES, cat as line_of, s3, wait_until};
use serde_json::Value;

/// Answers so many photos at once, and no more.
fn server(answered: usize) -> Server {
    let photos = AtomicUsize::new(0);
    Server::start(move |seen, _| {
        let waits = seen.method == "POST" && photos.fetch_add(1, Ordering::SeqCst) >= answered;
        Reply::json(200, &cat()).after(Duration::from_secs(if waits { 600 } else { 0 }))
    })
}

fn started(args: &[&str]) -> Child {
    uploader(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The output, once everything that is written before the signal is.
fn ended_by(name: &str, child: Child) -> Output {
    let start = Instant::now();
    signal(name, child.id());
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    output
}

#[test]
fn detect_leaves_whole_files_and_sums_up_what_was_done() {
    let folder = photos(9, 32, 32);
    for (name, exit) in [("INT", 130), ("TERM", 143)] {
        for format in ["jsonl", "csv", "coco", "text"] {
            let server = server(3);
            let results = tempfile::NamedTempFile::new().unwrap();
            let url = server.url();
            let child = started(&[
                "detect",
                text(folder.path()),
                "--url",
                &url,
                "-c",
                "1",
                "-f",
                format,
                "-o",
                text(results.path()),
            ]);
            within(|| (server.seen().len() == 4).then_some(()));
            let output = ended_by(name, child);
            assert_eq!(output.status.code(), Some(exit), "{format}: {}", err(&output));
            let said = out(&output) + &err(&output);
            assert!(said.contains("3 objects in 3 photos"), "{format}: {said}");
            assert!(said.contains("interrupted         after 3 of 9 photos"), "{format}: {said}");
            whole(format, results.path(), 3);
        }
    }
}

/// Whether a file of results is whole and has so many photos.
fn whole(format: &str, file: &Path, photos: usize) {
    let text = fs::read_to_string(file).unwrap();
    match format {
        "coco" => assert_eq!(serde_json::from_str::<Value>(&text).unwrap().as_array().unwrap().len(), photos),
        "csv" => {
            let rows: Vec<_> = csv::Reader::from_reader(text.as_bytes()).into_records().map(Result::unwrap).collect();
            assert!(rows.len() == photos && text.ends_with('\n'), "{text}");
        }
        "jsonl" => assert!(
            text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()) && text.lines().count() == photos
        ),
        _ => assert_eq!(text.lines().count(), photos),
    }
}

#[test]
fn what_was_answered_out_of_turn_is_not_lost() {
    // The first photo is never answered, the others at once.
    let server = Server::start(|seen, _| {
        let wait = if seen.body.len() > 3000 { 600 } else { 0 };
        Reply::json(200, &cat()).after(Duration::from_secs(wait))
    });
    let folder = photos(5, 32, 32);
    common::photo(&folder.path().join("0.jpg"), 640, 480);
    let url = server.url();
    let child = started(&["detect", text(folder.path()), "--url", &url, "-c", "2", "-f", "jsonl"]);
    within(|| (server.seen().len() == 6).then_some(()));
    // The last answer has to arrive.
    std::thread::sleep(Duration::from_secs(1));
    let output = ended_by("INT", child);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(common::json_lines(&output).len(), 5, "{}", err(&output));
}

#[test]
fn before_the_first_photo_there_are_whole_files_too() {
    let server = server(0);
    let folder = photos(2, 32, 32);
    let results = tempfile::NamedTempFile::new().unwrap();
    let url = server.url();
    let child = started(&["detect", text(folder.path()), "--url", &url, "-f", "coco", "-o", text(results.path())]);
    within(|| (!server.seen().is_empty()).then_some(()));
    let output = ended_by("INT", child);
    assert_eq!((output.status.code(), fs::read_to_string(results.path()).unwrap().as_str()), (Some(130), "[]\n"));
    assert!(err(&output).contains("after 0 of 2 photos"), "{}", err(&output));
}

#[test]
fn the_second_one_ends_at_once() {
    // Nobody reads what it prints, so that it stands still in the middle of a line.
    let server = server(usize::MAX);
    let folder = photos(1, 16, 16);
    let list = folder.path().join("list");
    fs::write(&list, format!("{}\n", folder.path().join("1.jpg").display()).repeat(3000)).unwrap();
    let url = server.url();
    let mut child = started(&["detect", "--from-file", text(&list), "--url", &url, "-f", "jsonl"]);
    let mut before = 0;
    within(|| {
        std::thread::sleep(Duration::from_millis(300));
        let now = server.seen().len();
        let stands = now > 0 && now == before;
        before = now;
        stands.then_some(())
    });
    signal("INT", child.id());
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it waits for its reader");
    let start = Instant::now();
    signal("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn compare_reports_what_has_been_to_all_targets_or_nothing() {
    let folder = photos(6, 32, 32);
    let report = folder.path().join("r.json");
    for answered in [3_u64, 0] {
        // One stops in the middle of a turn, after which the other may have had one photo more.
        let (here, there) = (server(usize::MAX), server(usize::try_from(answered).unwrap()));
        let (here_url, there_url) = (format!("here={}", here.url()), format!("there={}", there.url()));
        let targets = ["--url", &here_url, "--url", &there_url];
        let child = started(
            &[&["compare", text(folder.path()), "--warmup", "0", "--report", text(&report)], &targets[..]].concat(),
        );
        let photos = |server: &Server| server.seen().iter().filter(|seen| seen.method == "POST").count() as u64;
        within(|| (photos(&there) > answered).then_some(()));
        let output = ended_by("INT", child);
        assert_eq!(output.status.code(), Some(130), "{}", err(&output));
        if answered == 0 {
            assert!(err(&output).contains("no report was written"), "{}", err(&output));
            assert!(!report.exists(), "an empty file is no report");
            continue;
        }
        let told: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
        assert_eq!([0, 1].map(|place| told["targets"][place]["photos"].as_u64().unwrap()), [answered; 2]);
        assert!(out(&output).contains("Interrupted: only the 3 of 6 photos"), "{}", out(&output));
        fs::remove_file(&report).unwrap();
    }
}

#[test]
fn bulk_notes_what_it_sent_and_goes_on_from_there() {
    let dataset = DatasetFixture::new().photos(4);
    let results = tempfile::NamedTempFile::new().unwrap();
    let mut child = dataset
        .bulk(&["-f", "coco", "-o", text(results.path())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("uploads", || dataset.server.stored().len() == 4);
    dataset.write_part("1", &[line_of("1.jpg", &dataset.etag("1.jpg")), line_of("3.jpg", &dataset.etag("3.jpg"))]);
    let part = "/results/run/part-1.jsonl";
    wait_until("the part to be read", || dataset.server.count("GET", part) > 0);
    std::thread::sleep(Duration::from_secs(1));
    signal("INT", child.id());
    let code = child.wait().unwrap().code();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted         after 2 of 4 photos") && said.contains("to resume"), "{said}");
    let list: Value = serde_json::from_str(&fs::read_to_string(results.path()).unwrap()).unwrap();
    let mut ids: Vec<_> = list.as_array().unwrap().iter().map(|entry| entry["image_id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 3]);

    let places = [PLACES[2], PLACES[3]];
    // With only --results nothing is known beforehand, and the numbers are right all the same.
    let output = dataset.command(&[&["collect"], &places[..], &["-f", "coco", "-q"]].concat()).output().unwrap();
    let list: Value = serde_json::from_str(&out(&output)).unwrap();
    let name = |entry: &Value| entry["file_name"].as_str().unwrap().to_owned();
    let mut named: Vec<_> =
        list.as_array().unwrap().iter().map(|entry| (entry["image_id"].as_u64(), name(entry))).collect();
    named.sort_unstable();
    let named: Vec<_> = named.iter().map(|(id, name)| (id.unwrap(), name.as_str())).collect();
    assert_eq!(named, [(1, "s3://photos-in/set/1.jpg"), (3, "s3://photos-in/set/3.jpg")]);

    // Waiting alone can be ended, too.
    let args = [&["collect", dataset.folder()], &PLACES[..], &["-f", "csv", "-o", text(results.path())]].concat();
    let before = dataset.server.count("GET", part);
    let mut child = dataset.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the part to be read again", || dataset.server.count("GET", part) > before);
    std::thread::sleep(Duration::from_secs(1));
    signal("TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    whole("csv", results.path(), 2);
    s3::write(
        dataset.server.root(),
        "results",
        "run/part-2.jsonl",
        line_of("2.jpg", &dataset.etag("2.jpg")).to_string().as_bytes(),
    );
    dataset.write_part("3", &[line_of("4.jpg", &dataset.etag("4.jpg"))]);
    let stored = dataset.server.stored().len();
    let output = dataset.run(&["-f", "jsonl"]);
    assert_eq!((output.status.code(), dataset.server.stored().len()), (Some(0), stored), "{}", err(&output));
}
