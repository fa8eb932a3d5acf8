//! `uploader bulk --existing` against an S3 server of somebody else's making and a queue: what gets on it, how often, and
//! what comes of it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../dataset/mod.rs"]
mod dataset;
mod selection;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{err, out, text};
use dataset::queue::{Queue, QueueFault};
use dataset::s3::{self, Fault, Server};
use dataset::{DatasetFixture, broken, cat, code, lines, pairs, summary, wait_until};
use serde_json::Value;

const RESULTS: [&str; 2] = ["--results", "s3://results/run"];
/// What goes wrong here is to be told soon.
const SOON: [&str; 2] = ["--timeout", "30"];

fn existing(dataset: &DatasetFixture, queue: &Queue, options: &[&str]) -> Command {
    let places = ["bulk", "--existing", "s3://photos-in/set", "--queue", &queue.url];
    dataset.command(&[&places[..], &RESULTS, &SOON, options].concat())
}

fn run(dataset: &DatasetFixture, queue: &Queue, options: &[&str]) -> Output {
    existing(dataset, queue, options).output().unwrap()
}

/// All that it has said.
fn said(output: &Output) -> String {
    out(output) + &err(output)
}

fn put(dataset: &DatasetFixture, keys: &[&str]) {
    keys.iter().for_each(|key| dataset.server.put(key, key.as_bytes()));
}

/// Photos `set/0000.jpg`, `set/0001.jpg`, ….
fn numbered(dataset: &DatasetFixture, count: usize) {
    (0..count)
        .for_each(|number| dataset.server.put(&format!("set/{number:04}.jpg"), format!("photo {number}").as_bytes()));
}

/// Plays detect-bulk: takes what is on the queue, and answers for each message with a part.
fn play<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    dataset: &'scope DatasetFixture,
    queue: &'scope Queue,
    stop: &'scope AtomicBool,
) {
    scope.spawn(move || {
        let mut done = 0;
        while !stop.load(Ordering::Relaxed) {
            for (number, body) in queue.requests().iter().flatten().enumerate().skip(done) {
                let event: Value = serde_json::from_str(body).unwrap();
                let answers = event["Records"].as_array().unwrap().iter().map(|record| {
                    let object = &record["s3"]["object"];
                    let key = dataset::decoded(&object["key"].as_str().unwrap().replace('+', " "));
                    let name = key.strip_prefix("set/").unwrap();
                    // This server's listings have no entity tags.
                    let etag = &dataset.etag(name);
                    if name.starts_with("bad") { broken(name, etag) } else { cat(name, etag) }
                });
                dataset.write_part(&format!("q{number}"), &answers.collect::<Vec<_>>());
                done = number + 1;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn photos_of_a_bucket_are_queued_and_their_results_are_collected() {
    let (dataset, queue) = (DatasetFixture::new(), Queue::start());
    let names = ["A file+name é(1).jpg", "c%20d.JPG", "sub dir/2.png", "bad.jpg", "日本/x&y=z.webp"];
    names.iter().for_each(|name| put(&dataset, &[&format!("set/{name}")]));
    put(&dataset, &["set/notes.txt", "set2/other.jpg", "set/sub dir/README"]);
    dataset.write_part("before", &[cat("c%20d.JPG", "an older result")]);
    let stop = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        play(scope, &dataset, &queue, &stop);
        let output = run(&dataset, &queue, &["--format", "jsonl"]);
        stop.store(true, Ordering::Relaxed);
        output
    });
    assert_eq!(code(&output), 1, "{}", err(&output));
    let lines = lines(&output);
    let expected = pairs(&[
        ("2.png", "ok"),
        ("A file+name é(1).jpg", "ok"),
        ("bad.jpg", "undecodable_image"),
        ("c%20d.JPG", "ok"),
        ("x&y=z.webp", "ok"),
    ]);
    assert_eq!(summary(&lines), expected);
    assert!(lines.iter().any(|line| line["photo"] == "s3://photos-in/set/日本/x&y=z.webp"), "{lines:?}");
    let expected: BTreeMap<String, usize> = names.iter().map(|name| (format!("set/{name}"), 1)).collect();
    assert_eq!(queue.keys(), expected);
    for record in queue.records() {
        assert_eq!((&record["eventSource"], &record["eventName"]), (&"aws:s3".into(), &"ObjectCreated:Put".into()));
        assert_eq!(record["s3"]["bucket"]["name"], "photos-in");
        let (object, key) = (&record["s3"]["object"], record["s3"]["object"]["key"].as_str().unwrap());
        assert!(key.is_ascii() && !key.contains(' '), "{key}");
        let name = dataset::decoded(&key.replace('+', " "));
        assert_eq!(object["size"], name.len());
    }
    let said = err(&output);
    for part in [
        "dataset             s3://photos-in/set -> s3://results/run",
        "queued              5 photos in 1 message",
        "skipped 2 by --suffix",
        "found               4 objects in 4 photos",
        "failed              1 photo (1 undecodable_image)",
        "cost per 1000       $0.00",
        "10 photos per message",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    assert_eq!(dataset.server.count_all("PUT"), 0, "nothing is written to the buckets");
    // Once more: nothing is queued, and the same results are there.
    let again = run(&dataset, &queue, &["--format", "jsonl"]);
    assert_eq!((summary(&dataset::lines(&again)), queue.len()), (summary(&lines), 1), "{}", err(&again));
    assert!(err(&again).contains("skipped 5: queued before"), "{}", err(&again));
}

#[test]
fn messages_are_full_and_few() {
    let (dataset, queue) = (DatasetFixture::new(), Queue::start());
    numbered(&dataset, 1234);
    let output = run(&dataset, &queue, &["--no-wait", "--concurrency", "4"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let keys = queue.keys();
    assert_eq!((keys.len(), keys.values().max()), (1234, Some(&1)));
    let requests = queue.requests();
    assert_eq!((requests.len(), requests.iter().flatten().count()), (13, 124));
    assert!(
        requests
            .iter()
            .all(|messages| messages.len() <= 10 && messages.iter().map(String::len).sum::<usize>() < 1 << 20)
    );
    let said = err(&output);
    assert!(said.contains("collect --journal ") && said.contains("--results s3://results/run"), "{said}");

    let other = Queue::start();
    let output = run(&dataset, &other, &["--no-wait", "--per-message", "1000"]);
    assert_eq!((code(&output), other.requests().iter().flatten().count()), (0, 2), "{}", err(&output));
}

#[test]
fn a_run_that_is_killed_puts_nothing_on_the_queue_twice_but_what_was_under_way() {
    const PHOTOS: usize = 4000;
    let late = Duration::from_millis(30);
    let queue = Queue::with_faults(move |_| Some(QueueFault::Late(late)));
    let dataset = DatasetFixture::new();
    numbered(&dataset, PHOTOS);
    let journal = dataset.state.path().join("journal.jsonl");
    let options = ["--no-wait", "--journal", text(&journal)];
    for kill in 1..=3 {
        let enough = queue.len() + 5;
        let mut child =
            existing(&dataset, &queue, &options).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("progress", || queue.len() >= enough);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(queue.keys().len() < PHOTOS, "nothing is left to do after kill {kill}");
        // As a kill in the middle of a note leaves it.
        let notes = std::fs::read(&journal).unwrap();
        std::fs::write(&journal, &notes[..notes.len() - 20]).unwrap();
    }
    let output = run(&dataset, &queue, &options);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let keys = queue.keys();
    assert_eq!(keys.len(), PHOTOS, "photos were lost");
    // Four requests of a hundred photos were under way at each kill, and one note was torn.
    let twice: usize = keys.values().map(|count| count - 1).sum();
    assert!(twice <= 3 * 5 * 100, "{twice} photos are on the queue twice");
    assert!(err(&output).contains("may be on the queue already"), "{}", err(&output));
    let before = queue.len();
    let output = run(&dataset, &queue, &options);
    assert_eq!((code(&output), queue.len()), (0, before), "{}", err(&output));
    assert!(said(&output).contains("skipped 4000: queued before"), "{}", said(&output));
    assert!(!err(&output).contains("may be on the queue"), "{}", err(&output));
    // All are, where somebody wants it so.
    let output = run(&dataset, &queue, &[&options[..], &["--force"]].concat());
    assert!(said(&output).contains("queued              4000 photos"), "{}", said(&output));
}

#[test]
fn ctrl_c_leaves_nothing_in_doubt() {
    let queue = Queue::with_faults(|_| Some(QueueFault::Late(Duration::from_millis(50))));
    let dataset = DatasetFixture::new();
    numbered(&dataset, 3000);
    let child = existing(&dataset, &queue, &["--no-wait"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("progress", || queue.len() >= 5);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", err(&output));
    assert!(err(&output).contains("run the same command again to resume"), "{}", err(&output));
    let output = run(&dataset, &queue, &["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let keys = queue.keys();
    assert_eq!((keys.len(), keys.values().max()), (3000, Some(&1)));
}

#[test]
fn messages_that_were_not_taken_are_sent_again() {
    let queue = Queue::with_faults(|number| match number {
        0 => Some(QueueFault::Refused { places: vec![1, 3], senders: false }),
        1 => Some(QueueFault::Failed(503, "ServiceUnavailable")),
        2 => Some(QueueFault::Refused { places: vec![0], senders: false }),
        _ => None,
    });
    let dataset = DatasetFixture::new();
    numbered(&dataset, 100);
    let output = run(&dataset, &queue, &["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let keys = queue.keys();
    assert_eq!((keys.len(), keys.values().max()), (100, Some(&1)));
    assert_eq!(queue.requests().iter().map(Vec::len).collect::<Vec<_>>(), [8, 1, 1]);

    // What never will be taken ends the run; the rest is noted.
    let stubborn =
        Queue::with_faults(|number| (number == 0).then_some(QueueFault::Refused { places: vec![2], senders: true }));
    let output = run(&dataset, &stubborn, &["--no-wait"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("1 messages were not accepted: Not now."), "{}", err(&output));
    let output = run(&dataset, &stubborn, &["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let keys = stubborn.keys();
    assert_eq!((keys.len(), keys.values().max()), (100, Some(&1)));
}

#[test]
fn results_of_before_are_not_this_runs() {
    let (dataset, queue) = (DatasetFixture::new(), Queue::start());
    put(&dataset, &["set/a.jpg"]);
    let etag = dataset.etag("a.jpg");
    dataset.write_part("old", &[broken("a.jpg", &etag)]);
    let output = run(&dataset, &queue, &["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    dataset.write_part("new", &[cat("a.jpg", &etag)]);
    // However it goes on: with the same command, or with the one that it has told.
    let output = run(&dataset, &queue, &["--format", "jsonl"]);
    assert_eq!((code(&output), summary(&lines(&output))), (0, pairs(&[("a.jpg", "ok")])), "{}", err(&output));
    let journals = std::fs::read_dir(dataset.state.path().join("spotter/bulk")).unwrap();
    let journal = journals.map(|entry| entry.unwrap().path()).next().unwrap();
    let args = [&["collect", "--journal", text(&journal), "--format", "jsonl"], &RESULTS[..], &SOON].concat();
    let output = dataset.command(&args).output().unwrap();
    assert_eq!((code(&output), summary(&lines(&output))), (0, pairs(&[("a.jpg", "ok")])), "{}", err(&output));
}

#[test]
fn temporary_errors_of_listing_are_retried_and_other_errors_end_the_run() {
    let refusals = Arc::new(AtomicUsize::new(2));
    let left = Arc::clone(&refusals);
    let server = Server::with_faults(move |method, path, _| {
        let is_list = method == "GET" && path.trim_end_matches('/') == "/photos-in";
        let refused = is_list && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        refused.then_some(Fault::Refused(503, "SlowDown"))
    });
    let (dataset, queue) = (DatasetFixture::with_server(server), Queue::start());
    numbered(&dataset, 30);
    let output = run(&dataset, &queue, &["--no-wait"]);
    assert_eq!((code(&output), queue.keys().len(), refusals.load(Ordering::SeqCst)), (0, 30, 0), "{}", err(&output));

    let denied = Server::with_faults(|method, path, _| {
        (method == "GET" && path.starts_with("/photos-in")).then_some(Fault::Refused(403, "AccessDenied"))
    });
    let output = run(&DatasetFixture::with_server(denied), &queue, &["--no-wait"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("s3:ListBucket"), "{}", err(&output));
    let denied = Queue::with_faults(|_| Some(QueueFault::Failed(403, "AccessDenied")));
    let output = run(&dataset, &denied, &["--no-wait"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("sqs:SendMessage"), "{}", err(&output));
}
