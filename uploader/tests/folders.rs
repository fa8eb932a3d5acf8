//! Folders as they are: entries that cannot be read are errors of their own, files that are no photos are counted by kind,
//! and neither ends a run. `detect`, `compare` and `bulk` alike.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;
mod dataset;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};

use common::{Reply, Server, as_ordinary_user, cat, codes, err, json_lines, out, photo, photos, run, text};
use dataset::s3::{self, Fault, KEY, SECRET};
use dataset::{DatasetFixture, Function, PLACES, code, pairs};
use serde_json::{Value, json};

/// Everything that may be wrong with a folder, and two good photos.
struct BadFolder(tempfile::TempDir);

/// What each entry comes to for an ordinary user.
const ENTRIES: [(&str, &str); 9] = [
    ("a.jpg", "ok"),
    ("b.jpg", "ok"),
    ("broken.jpg", "broken_link"),
    ("caf\u{fffd}.jpg", "invalid_name"),
    ("closed", "unreadable"),
    ("closed.jpg", "unreadable"),
    ("up", "link_loop"),
    ("x", "link_loop"),
    ("y", "link_loop"),
];

impl BadFolder {
    fn new() -> Self {
        let fixture = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(fixture.path("P/deep")).unwrap();
        for name in ["P/a.jpg", "P/deep/b.jpg", "P/closed.jpg"] {
            photo(&fixture.path(name), 32, 32);
        }
        symlink("/nowhere", fixture.path("P/broken.jpg")).unwrap();
        symlink(fixture.path("P"), fixture.path("P/deep/up")).unwrap();
        symlink(fixture.path("P/y"), fixture.path("P/x")).unwrap();
        symlink(fixture.path("P/x"), fixture.path("P/y")).unwrap();
        fs::copy(fixture.path("P/a.jpg"), fixture.path("P").join(OsStr::from_bytes(b"caf\xe9.jpg"))).unwrap();
        fs::create_dir(fixture.path("P/closed")).unwrap();
        fs::copy(fixture.path("P/a.jpg"), fixture.path("P/closed/c.jpg")).unwrap();
        // It would keep whoever opens it waiting for ever.
        assert!(Command::new("mkfifo").arg(fixture.path("P/pipe.jpg")).status().unwrap().success());
        for name in ["P/closed", "P/closed.jpg"] {
            fs::set_permissions(fixture.path(name), Permissions::from_mode(0o000)).unwrap();
        }
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        as_ordinary_user(self.0.path(), args).output().unwrap()
    }
}

impl Drop for BadFolder {
    fn drop(&mut self) {
        // Or nobody but root could remove it.
        let _ = fs::set_permissions(self.path("P/closed"), Permissions::from_mode(0o755));
    }
}

fn server() -> Server {
    Server::start(|_, _| Reply::json(200, &cat()))
}

#[test]
fn detect_tells_each_bad_entry_and_sends_the_others() {
    let (fixture, server) = (BadFolder::new(), server());
    let output = fixture.run(&["detect", text(&fixture.path("P")), "--url", &server.url(), "-f", "jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert_eq!(codes(&json_lines(&output)), pairs(&ENTRIES));
    assert_eq!(server.seen().len(), 2);
    let said = err(&output);
    for part in [
        "2 objects in 2 photos\nfailed              7 photos (1 broken_link, 1 invalid_name, 3 link_loop, 2 unreadable)",
        "skipped             1 file is not a photo: 1 pipe, socket or device",
        "broken.jpg: broken_link: Broken link to /nowhere.",
        "closed: unreadable: Cannot read the folder: Permission denied",
        "\"caf\\xE9.jpg\"",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    for (format, line) in [
        ("csv", "P/broken.jpg,,,,,,,,,,,,0,broken_link: Broken link to"),
        ("text", "P/broken.jpg: broken_link: Broken link to"),
    ] {
        let output = fixture.run(&["detect", text(&fixture.path("P")), "--url", &server.url(), "-f", format]);
        assert!(out(&output).replace('"', "").contains(line), "{line} is missing in {}", out(&output));
    }
    let output = fixture.run(&["detect", text(&fixture.path("P")), "--url", &server.url(), "-f", "coco"]);
    let list: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((output.status.code(), list.as_array().unwrap().len()), (Some(1), 2));
}

#[test]
fn named_outright_it_is_the_same() {
    let (fixture, server) = (BadFolder::new(), server());
    for (name, expected) in [
        ("P/broken.jpg", "broken_link"),
        ("P/x", "link_loop"),
        ("P/closed", "unreadable"),
        ("P/closed.jpg", "unreadable"),
        ("P/closed/c.jpg", "unreadable"),
        ("P/gone.jpg", "unreadable"),
    ] {
        let (bad, good) = (fixture.path(name), fixture.path("P/a.jpg"));
        let output = fixture.run(&["detect", text(&bad), text(&good), "--url", &server.url(), "-f", "jsonl"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", err(&output));
        let lines = json_lines(&output);
        assert_eq!(lines[0]["error"]["code"], expected, "{name}");
        assert_eq!((lines[0]["photo"].as_str(), lines.len()), (bad.to_str(), 2));
        assert!(lines[1]["error"].is_null());
    }
    // By a glob, too, which sees only names in UTF-8.
    let glob = fixture.path("P/*.jpg");
    let lines = json_lines(&fixture.run(&["detect", text(&glob), "--url", &server.url(), "-f", "jsonl"]));
    let expected = [("a.jpg", "ok"), ("broken.jpg", "broken_link"), ("closed.jpg", "unreadable")];
    assert_eq!(codes(&lines), pairs(&expected));
}

#[test]
fn compare_sends_no_bad_entry_to_anybody() {
    let (fixture, here, there) = (BadFolder::new(), server(), server());
    let report = fixture.path("reports");
    fs::create_dir(&report).unwrap();
    fs::set_permissions(&report, Permissions::from_mode(0o777)).unwrap();
    let report = report.join("r.json");
    let (here_url, there_url) = (format!("here={}", here.url()), format!("there={}", there.url()));
    let output = fixture.run(&[
        "compare",
        text(&fixture.path("P")),
        "--url",
        &here_url,
        "--url",
        &there_url,
        "--warmup",
        "1",
        "--ladder",
        "2",
        "-c",
        "3",
        "--report",
        text(&report),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    let photos = |server: &Server| server.seen().into_iter().filter(|seen| seen.method == "POST").count();
    assert_eq!(photos(&here), photos(&there));
    let samples = report["samples"].as_array().unwrap();
    for target in ["here", "there"] {
        let own: Vec<Value> =
            samples.iter().filter(|sample| sample["target"] == target && sample["run"] == 1).cloned().collect();
        assert_eq!(codes(&own), pairs(&ENTRIES), "{target}");
        assert!(own.iter().filter(|sample| !sample["error"].is_null()).all(|sample| sample["tries"] == 0));
    }
    assert_eq!(
        report["targets"][0]["failures"],
        json!({"broken_link": 1, "invalid_name": 1, "link_loop": 3, "unreadable": 2})
    );
    assert_eq!(report["targets"][0]["ladder"][0]["at_once"], 2);
    let verdict = report["verdict"].to_string();
    assert!(verdict.contains("Skipped: 1 file is not a photo: 1 pipe, socket or device."), "{verdict}");
    assert!(err(&output).contains("P/broken.jpg: broken_link:"), "{}", err(&output));
}

fn of_bulk(dataset: &DatasetFixture, fixture: &BadFolder, more: &[&str]) -> Output {
    let endpoint = dataset.server.endpoint();
    let folder = fixture.path("P");
    let args = [&["bulk", text(&folder)], &PLACES[..], &["--endpoint-url", &endpoint], more].concat();
    let mut command = as_ordinary_user(fixture.0.path(), &args);
    fs::set_permissions(dataset.state.path(), Permissions::from_mode(0o777)).unwrap();
    command
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("XDG_STATE_HOME", dataset.state.path());
    command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").output().unwrap()
}

#[test]
fn bulk_tells_each_bad_entry_and_uploads_the_others() {
    let (fixture, dataset) = (BadFolder::new(), DatasetFixture::new());
    let _function = Function::of_cats(&dataset);
    // A name that is not UTF-8 cannot be a key, and bulk says so.
    let expected = ENTRIES.map(|(name, code)| (name, if code == "invalid_name" { "invalid_key" } else { code }));
    let output = of_bulk(&dataset, &fixture, &["--dry-run"]);
    assert_eq!(code(&output), 1, "{}{}", out(&output), err(&output));
    let said = out(&output);
    for (name, code) in expected.iter().filter(|(_, code)| *code != "ok") {
        assert!(said.lines().any(|line| line.contains(&format!("/{name}: {code}: "))), "{name} in {said}");
    }
    assert!(said.contains("would upload 2 photos (0.0 MB); 0 already in the bucket, 7 failed"), "{said}");
    assert!(said.ends_with("1 file is not a photo: 1 pipe, socket or device\n"), "{said}");
    assert_eq!(dataset.server.count_all("PUT"), 0);

    let output = of_bulk(&dataset, &fixture, &["-f", "jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert_eq!(codes(&json_lines(&output)), pairs(&expected));
    assert_eq!(dataset.stored(), [("a.jpg".to_owned(), 1), ("deep/b.jpg".to_owned(), 1)].into());
    assert!(err(&output).contains("skipped             1 file is not a photo"), "{}", err(&output));
}

#[test]
fn a_closed_folder_is_told_whatever_is_picked_from_it() {
    let (fixture, dataset) = (BadFolder::new(), DatasetFixture::new());
    let output = of_bulk(&dataset, &fixture, &["--dry-run", "--include", "a.jpg"]);
    assert_eq!(code(&output), 1);
    assert!(out(&output).contains("P/closed: unreadable:") && !out(&output).contains("broken"), "{}", out(&output));
    let output = of_bulk(&dataset, &fixture, &["--dry-run", "--include", "a.jpg", "--exclude", "closed"]);
    assert_eq!(code(&output), 0, "{}", out(&output));
}

#[test]
fn what_vanishes_or_changes_between_looking_and_reading_is_an_error_of_its_own() {
    let folder = photos(40, 32, 32);
    let path = folder.path().to_owned();
    let server = Server::start(move |_, number| {
        if number == 0 {
            // Far from its turn.
            fs::remove_file(path.join("9.jpg")).unwrap();
            fs::remove_file(path.join("8.jpg")).unwrap();
            fs::create_dir(path.join("8.jpg")).unwrap();
        }
        Reply::json(200, &cat())
    });
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "-c", "1", "-f", "jsonl"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let lines = json_lines(&output);
    let failed: Vec<_> = codes(&lines).into_iter().filter(|(_, code)| code != "ok").collect();
    assert_eq!((lines.len(), failed), (40, pairs(&[("8.jpg", "unreadable"), ("9.jpg", "unreadable")])));
}

#[test]
fn a_photo_that_vanishes_during_a_comparison_is_nobodys_turn() {
    let folder = photos(3, 32, 32);
    let path = folder.path().to_owned();
    let here = Server::start(move |seen, _| {
        if seen.method == "POST" {
            let _ = fs::remove_file(path.join("3.jpg"));
        }
        Reply::json(200, &cat())
    });
    let there = server();
    let report = folder.path().join("r.json");
    let (here_url, there_url) = (format!("here={}", here.url()), format!("there={}", there.url()));
    let output = run(&[
        "compare",
        text(folder.path()),
        "--url",
        &here_url,
        "--url",
        &there_url,
        "--warmup",
        "0",
        "--ladder",
        "0",
        "--report",
        text(&report),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    for target in report["targets"].as_array().unwrap() {
        assert_eq!((&target["answered"], &target["failures"]), (&json!(2), &json!({"unreadable": 1})));
    }
}

#[test]
fn a_photo_that_changes_while_it_is_uploaded_is_told_as_such() {
    let file = std::sync::Arc::new(std::sync::OnceLock::<PathBuf>::new());
    let known = std::sync::Arc::clone(&file);
    let server = s3::Server::with_faults(move |method, path, _| {
        let (Some(file), "PUT", true) = (known.get(), method, path.ends_with("/1.jpg")) else { return None };
        fs::write(file, b"\xff\xd8\xff another content").unwrap();
        Some(Fault::Refused(400, "BadDigest"))
    });
    let dataset = DatasetFixture::with_server(server).photos(2);
    file.set(dataset.path("1.jpg")).unwrap();
    let _function = Function::of_cats(&dataset);
    let output = dataset.run(&["-f", "jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert_eq!(codes(&json_lines(&output)), pairs(&[("1.jpg", "changed"), ("2.jpg", "ok")]));
}

/// A folder with one photo and files of every kind that is none.
fn kinds() -> tempfile::TempDir {
    let folder = photos(1, 32, 32);
    let files: [(&str, &[u8]); 12] = [
        ("0.jpg", b""),
        ("00.jpg", b""),
        ("notes.txt", b"no photo"),
        ("list.csv", b"a;b\r\n1;2\r\n"),
        ("film.jpg", b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"),
        ("clip.mov", b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  \x00\x00\x00\x00"),
        ("error.jpg", b"<!DOCTYPE html>\n<html><title>404</title>"),
        ("paper.pdf", b"%PDF-1.7\n"),
        ("all.zip", b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00"),
        ("lfs.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n"),
        ("data", b"\x00\x01\x02\x03\x04"),
        ("voice.mp3", b"ID3\x03\x00\x00\x00\x00\x00\x00"),
    ];
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

const COUNTS: &str = "12 files are not photos: 2 empty, 2 text, 1 HTML page, 1 Git LFS pointer, 2 videos, 1 audio file, 1 PDF, 1 archive, 1 unknown";

#[test]
fn files_that_are_no_photos_are_counted_by_kind_and_named_on_demand() {
    let (folder, server) = (kinds(), server());
    let args = ["detect", text(folder.path()), "--url", &server.url()];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains(&format!("skipped             {COUNTS}\n")), "{}", out(&output));
    assert!(!err(&output).contains("film.jpg"));
    for verbose in ["-v", "--verbose"] {
        let said = err(&run(&[&args[..], &[verbose]].concat()));
        assert!(said.contains("film.jpg: video\n") && said.contains("lfs.jpg: Git LFS pointer, "), "{said}");
        assert_eq!(said.lines().count(), 12, "{said}");
    }
    // Named outright, whatever it is, it is sent, and what the function says of it is its error.
    let server = Server::start(|_, _| {
        Reply::json(415, &json!({"code": "unsupported_image", "detail": "No.", "status": 415, "title": ""}))
    });
    let output = run(&["detect", text(&folder.path().join("notes.txt")), "--url", &server.url()]);
    assert_eq!((output.status.code(), server.seen().len()), (Some(1), 1));
}

#[test]
fn a_folder_without_photos_says_what_there_is_instead() {
    let (folder, server) = (kinds(), server());
    fs::remove_file(folder.path().join("1.jpg")).unwrap();
    let output = run(&["detect", text(folder.path()), "--url", &server.url()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("no photos in") && err(&output).contains(COUNTS), "{}", err(&output));
}

#[test]
fn globs_below_folders_with_brackets_in_their_names_are_found() {
    let (folder, server) = (tempfile::tempdir().unwrap(), server());
    let day = folder.path().join("My [2023] photos/day [1]");
    fs::create_dir_all(&day).unwrap();
    photo(&day.join("a.jpg"), 32, 32);
    for pattern in
        ["My [2023] photos/**/*.jpg", "My [2023] photos/day [1]/?.jpg", "My*/*/[a-c].jpg", "My [2023] photos/day*"]
    {
        let output = run(&["detect", text(&folder.path().join(pattern)), "--url", &server.url(), "-f", "jsonl"]);
        assert_eq!(codes(&json_lines(&output)), pairs(&[("a.jpg", "ok")]), "{pattern}: {}", err(&output));
    }
    let output = run(&["detect", text(&folder.path().join("My [2023] photos/*.png")), "--url", &server.url()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_behind_a_url_is_not_looked_for_here() {
    let server = server();
    let server_url = server.url();
    let there = format!("b={server_url}");
    let detect = err(&run(&["detect", "https://example.com/photo.jpg", "--url", &server_url]));
    assert!(
        detect.contains("https://example.com/photo.jpg")
            && detect.contains("`curl -s URL | ")
            && detect.contains("uploader detect --stdin-photo`"),
        "{detect}"
    );
    let places = PLACES;
    let cases: [&[&str]; 2] = [
        &["compare", "https://example.com/a.jpg", "--url", &server_url, "--url", &there],
        &["bulk", "https://example.com/a.jpg", places[0], places[1], places[2], places[3]],
    ];
    for args in cases {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = err(&output);
        assert!(said.contains(args[1]) && said.contains("URLs are not supported"), "{said}");
    }
    assert!(server.seen().is_empty());
}
