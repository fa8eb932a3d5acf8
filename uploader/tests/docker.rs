//! `--docker`: containers are limited, spoken to as the Runtime Interface Emulator wants it, and always removed. A
//! stand-in plays `docker`, so that these tests need no engine.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

mod common;
mod docker_engine;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{err, out, photos, text};
use docker_engine::{Fixture, within};
use serde_json::Value;

#[test]
fn photos_are_wrapped_and_answers_unwrapped() {
    let (fixture, folder) = (Fixture::new(), photos(6, 32, 32));
    let output = fixture.run("", &[text(folder.path()), "-c", "2", "--confidence", "0.5"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let said = out(&output);
    assert!(said.contains("6 objects in 6 photos"), "{said}");
    assert!(said.contains("spotter:test in Docker, 2 containers with 1769 MB and 1 CPU"), "{said}");
    assert_eq!(fixture.removed(), 2);

    let calls = fixture.calls();
    assert_eq!(calls.len(), 2 + 6);
    assert!(calls.iter().all(|call| call["path"] == "/2015-03-31/functions/function/invocations"));
    let (health, photos): (Vec<_>, Vec<_>) =
        calls.iter().map(|call| &call["event"]).partition(|event| event["rawPath"] == "/health");
    assert_eq!(health.len(), 2);
    let mut sent: Vec<Vec<u8>> = photos
        .iter()
        .map(|event| {
            assert_eq!((&event["version"], &event["rawPath"]), (&"2.0".into(), &"/detect".into()));
            assert_eq!(event["requestContext"]["http"]["method"], "POST");
            assert_eq!(event["headers"]["content-type"], "image/jpeg");
            assert_eq!(event["rawQueryString"], "confidence=0.5");
            assert_eq!(event["isBase64Encoded"], true);
            STANDARD.decode(event["body"].as_str().unwrap()).unwrap()
        })
        .collect();
    let mut files: Vec<Vec<u8>> =
        (1..=6).map(|number| std::fs::read(folder.path().join(format!("{number}.jpg"))).unwrap()).collect();
    sent.sort();
    files.sort();
    assert_eq!(sent, files);
}

#[test]
fn no_more_containers_than_photos() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    let output = fixture.run("", &[text(folder.path()), "-c", "4", "--body", "base64"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(fixture.removed(), 1);
    let event = fixture.calls().pop().unwrap()["event"].clone();
    assert_eq!(event["isBase64Encoded"], false);
    let body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    let photo = STANDARD.decode(body["image"].as_str().unwrap()).unwrap();
    assert_eq!(photo, std::fs::read(folder.path().join("1.jpg")).unwrap());
}

#[test]
fn containers_are_what_the_command_line_asks_for() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    let output = fixture.run("", &[text(folder.path()), "--memory", "512", "--model", "yolox-s"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let output = fixture.command("", "bare", &[text(folder.path()), "--cpus", "1.5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(fixture.removed(), 2);

    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    let created: Vec<Vec<String>> = fixture.notes(".removed").iter().map(read).collect();
    let with = |argument: &str| created.iter().find(|arguments| arguments.iter().any(|a| a == argument)).unwrap();
    let small = with("--memory=512m");
    for argument in ["--cpus=0.29", "--env=AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "--env=MODEL=yolox-s", "--read-only"] {
        assert!(small.iter().any(|a| a == argument), "{argument} is missing in {small:?}");
    }
    assert_eq!(small.last().unwrap(), "spotter:test", "the image's own command decides");
    let large = with("--cpus=1.5");
    assert_eq!(large[large.len() - 2..], ["bare", "detect-http"], "an image without command needs one");
}

#[test]
fn errors_that_come_with_200_are_failures() {
    for (play, code, words) in [
        ("error", "function_error", "Runtime.ExitError"),
        ("late", "timeout", "30.00 seconds"),
        ("cut", "answer_too_large", "6 MiB"),
        ("problem", "undecodable_image", "It ends early."),
    ] {
        let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
        let output = fixture.run(play, &[text(folder.path()), "--format", "jsonl", "--retries", "1"]);
        assert_eq!(output.status.code(), Some(1), "{play}: {}{}", out(&output), err(&output));
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["error"]["code"], code, "{play}: {line}");
        assert!(line["error"]["message"].as_str().unwrap().contains(words), "{play}: {line}");
        // One call for readiness. What behind a URL would be a 502 is tried again, and nothing else.
        assert_eq!(fixture.calls().len(), if play == "error" { 3 } else { 2 }, "{play}");
        assert_eq!(fixture.removed(), 1);
    }
}

#[test]
fn a_container_that_fails_is_quoted_and_removed() {
    for (play, words) in [("broken", ["the model is broken", "exit status: 7"]), ("ill", ["503", "well or not"])] {
        let (fixture, folder) = (Fixture::new(), photos(2, 32, 32));
        let output = fixture.run(play, &[text(folder.path()), "-c", "1"]);
        assert_eq!(output.status.code(), Some(2), "{play}: {}", out(&output));
        for word in words {
            assert!(err(&output).contains(word), "{play}: {}", err(&output));
        }
        assert_eq!(fixture.removed(), 1, "{play}");
    }
}

/// The lines of a run with --format jsonl.
fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_lost_container_is_replaced_and_its_photo_sent_again() {
    let (fixture, folder) = (Fixture::new(), photos(8, 32, 32));
    let output = fixture.run("die once", &[text(folder.path()), "-c", "2", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(lines(&output).len(), 8);
    assert_eq!(fixture.removed(), 3, "two, and one in the place of one");
}

#[test]
fn where_every_container_dies_each_photo_still_gets_its_line() {
    // More than the losses that are put up with, whether or not a try meets a container that is just being replaced.
    let (fixture, folder) = (Fixture::new(), photos(24, 32, 32));
    let output = fixture.run("die", &[text(folder.path()), "-c", "1", "--format", "jsonl", "--retries", "2"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let lines = lines(&output);
    assert_eq!(lines.len(), 24);
    let last = &lines[23]["error"];
    assert_eq!(last["code"], "function_lost", "{last}");
    assert!(last["message"].as_str().unwrap().contains("the photo was too much"), "{last}");
    fixture.removed();
}

#[test]
fn an_engine_that_stops_in_mid_run_fails_photos_and_not_the_run() {
    let (fixture, folder) = (Fixture::new(), photos(4, 32, 32));
    let output = fixture.run("stop", &[text(folder.path()), "-c", "2", "--format", "jsonl", "--retries", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let lines = lines(&output);
    assert_eq!(lines.len(), 4);
    assert!(
        lines[3]["error"]["message"].as_str().unwrap().contains("the Docker daemon is not running"),
        "{}",
        lines[3]
    );
}

#[test]
fn nothing_is_sent_to_a_container_that_still_works_on_what_was_given_up() {
    let (fixture, folder) = (Fixture::new(), photos(3, 32, 32));
    let output = fixture.run("hang once", &[text(folder.path()), "-c", "1", "--timeout", "2", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let lines = lines(&output);
    assert_eq!(lines[0]["error"]["code"], "timeout", "{}", lines[0]);
    assert!(lines[1..].iter().all(|line| line["detections"][0]["label"] == "cat"), "{lines:?}");
    assert_eq!(fixture.removed(), 2);
    for created in fixture.notes(".removed") {
        let arguments = std::fs::read_to_string(created).unwrap();
        assert!(arguments.lines().any(|line| line == "--env=AWS_LAMBDA_FUNCTION_TIMEOUT=1"), "{arguments}");
    }
}

#[test]
fn what_an_earlier_run_had_to_leave_is_removed_and_nothing_else() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let ours = std::process::id();
    let listed = format!("spotter-dead exited {0}/999999999\nspotter-kept exited {0}/{ours}\n", boot.trim());
    std::fs::write(fixture.0.path().join("listed"), listed).unwrap();
    for name in ["spotter-dead", "spotter-kept"] {
        std::fs::write(fixture.0.path().join(format!("{name}.created")), "").unwrap();
    }
    let output = fixture.run("", &[text(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(fixture.0.path().join("spotter-dead.removed").exists());
    assert!(fixture.0.path().join("spotter-kept.created").exists());
    let created = fixture.notes(".removed").into_iter().find(|path| !text(path).contains("spotter-dead")).unwrap();
    let arguments = std::fs::read_to_string(created).unwrap();
    assert!(arguments.contains(&format!("spotter.keeper={}/", boot.trim())), "{arguments}");
}

/// The uploader, once a photo is under way that will not be answered.
fn hanging(fixture: &Fixture, folder: &Path) -> Child {
    let args = [text(folder), "-c", "2"];
    let mut child =
        fixture.command("hang", "spotter:test", &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    within(|| {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it was told to");
        (fixture.notes(".call02").len() == 2).then_some(())
    });
    child
}

#[test]
fn ctrl_c_and_a_request_to_end_remove_the_containers_first() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (fixture, folder) = (Fixture::new(), photos(2, 32, 32));
        let mut child = hanging(&fixture, folder.path());
        let kill = format!("kill -{name} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(fixture.removed(), 2, "{name}");
    }
}

#[test]
fn containers_go_even_where_we_are_killed() {
    let (fixture, folder) = (Fixture::new(), photos(2, 32, 32));
    let mut child = hanging(&fixture, folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    within(|| (fixture.notes(".removed").len() == 2).then_some(()));
}

#[test]
fn what_is_missing_is_named() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    let fails = |command: &mut Command, words: &[&str]| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", out(&output));
        for word in words {
            assert!(err(&output).contains(word), "{word} is missing in {}", err(&output));
        }
    };
    let photo = text(folder.path());
    let plays = |play: &str, more: &[&str]| fixture.command(play, "spotter:test", &[&[photo], more].concat());
    fails(plays("", &[]).env("PATH", "/nonexistent"), &["install Docker", "--local"]);
    fails(&mut plays("down", &[]), &["the Docker daemon is not running", "start it"]);
    fails(&mut plays("full", &[]), &["spotter:test", "no space left on device"]);
    fails(&mut plays("", &["--cpus", "9"]), &["--cpus 9", "8"]);
    fails(&mut plays("", &["--local"]), &["--local", "cannot be used with"]);
    fails(&mut fixture.command("", "nowhere", &[photo]), &["--docker nowhere", "make image", "docker pull"]);
    assert_eq!(fixture.removed(), 0);
}
