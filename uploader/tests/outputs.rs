//! Where results may go: never onto what is read, by no name of it; and results are not taken for photos the next time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;
mod dataset;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{Reply, Server, cat, codes, err, json_lines, out, photo, run, text, uploader};
use dataset::{DatasetFixture, PLACES, code, pairs};
use serde_json::{Value, json};

struct PhotoFolder {
    folder: tempfile::TempDir,
    server: Server,
}

impl PhotoFolder {
    /// `P` holds two good photos, `a.jpg` and `b.jpg`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("P")).unwrap();
        for (name, width) in [("P/a.jpg", 64), ("P/b.jpg", 80)] {
            photo(&folder.path().join(name), width, 48);
        }
        Self { folder, server: Server::start(|_, _| Reply::json(200, &cat())) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `uploader ARGS --url …` in the folder that holds `P`.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = uploader(args);
        command.args(["--url", &self.server.url()]).current_dir(self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = walkdir::WalkDir::new(self.folder.path()).into_iter().map(Result::unwrap);
        files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap()))
            .collect()
    }
}

#[test]
fn no_photo_that_is_read_is_written_over_by_whatever_name() {
    let fixture = PhotoFolder::new();
    symlink(fixture.path("P"), fixture.path("link")).unwrap();
    symlink(fixture.path("P/a.jpg"), fixture.path("a-link.txt")).unwrap();
    fs::hard_link(fixture.path("P/a.jpg"), fixture.path("a-hard.txt")).unwrap();
    for folder in ["soft", "hard"] {
        fs::create_dir(fixture.path(folder)).unwrap();
    }
    symlink(fixture.path("P/a.jpg"), fixture.path("soft/a.jpg")).unwrap();
    fs::hard_link(fixture.path("P/b.jpg"), fixture.path("hard/other.jpg")).unwrap();
    fs::write(fixture.path("list"), "P/a.jpg\n").unwrap();
    let absolute = fixture.path("P");
    let before = fixture.contents();
    let cases: [&[&str]; 16] = [
        &["detect", "P", "--annotate", "P"],
        &["detect", "P", "--annotate", "./P/../P/."],
        &["detect", "P", "--annotate", "link"],
        &["detect", "link", "--annotate", text(&absolute)],
        &["detect", "P/a.jpg", "--annotate", "P"],
        &["detect", "P/*.jpg", "--annotate", "P"],
        &["detect", "P", "--annotate", "soft"],
        &["detect", "P", "--annotate", "hard"],
        &["detect", "P", "--redact", "P"],
        &["detect", "P", "--redact", "hard"],
        &["detect", "P", "--output", "P/a.jpg"],
        &["detect", "P", "--output", "link/../P/b.jpg", "--format", "csv"],
        &["detect", "P", "--output", "a-link.txt"],
        &["detect", "P", "--output", "a-hard.txt"],
        &["detect", "--from-file", "list", "--output", "list"],
        &[
            "compare",
            "--from-file",
            "list",
            "--url",
            "b=http://127.0.0.1:1/",
            "--report",
            "P/a.jpg",
            "--report",
            "r.json",
        ],
    ];
    for args in cases {
        let output = fixture.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}{}", out(&output), err(&output));
        let said = err(&output);
        let option = args.iter().find(|arg| ["--annotate", "--redact", "--output", "--report"].contains(arg)).unwrap();
        assert!(said.contains("overwrite an input") || args[0] == "compare", "{args:?}: {said}");
        assert!(said.contains(option), "{args:?}: {said}");
    }
    assert!(fixture.server.seen().is_empty(), "nothing is sent");
    assert_eq!(fixture.contents(), before);
}

#[test]
fn reports_and_shells_spare_what_is_read_too() {
    let fixture = PhotoFolder::new();
    fs::copy(fixture.path("P/a.jpg"), fixture.path("P/photo.html")).unwrap();
    let before = fixture.contents();
    let output = fixture.run(&["compare", "P", "--url", "b=http://127.0.0.1:1/", "--report", "P/photo.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--report P/photo.html would overwrite an input"), "{}", err(&output));
    // `>> P/a.jpg`, which the shell has opened before anybody could object.
    let onto = File::options().append(true).open(fixture.path("P/a.jpg")).unwrap();
    let output = fixture.command(&["detect", "P"]).stdout(onto).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("standard output would overwrite an input, P/a.jpg"), "{}", err(&output));
    // `- < list -o list`
    fs::write(fixture.path("list"), "P/a.jpg\n").unwrap();
    let list = File::open(fixture.path("list")).unwrap();
    let output = fixture.command(&["detect", "-", "-o", "list"]).stdin(list).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("standard input"), "{}", err(&output));
    let photo = File::open(fixture.path("P/a.jpg")).unwrap();
    let output = fixture.command(&["detect", "--stdin-photo", "-o", "P/a.jpg"]).stdin(photo).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    fs::remove_file(fixture.path("list")).unwrap();
    assert_eq!(fixture.contents(), before);
    assert!(fixture.server.seen().is_empty());
    // What was found and is no photo is nobody's loss: yesterday's results may lie there.
    for _ in 0..2 {
        let output = fixture.run(&["detect", "P/a.jpg", "P", "-f", "jsonl", "-o", "P/boxes.jsonl"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
    // Nor are devices.
    assert_eq!(fixture.run(&["detect", "P", "-o", "/dev/null"]).status.code(), Some(0));
}

#[test]
fn bulk_and_collect_spare_what_is_read() {
    let dataset = DatasetFixture::new().photos(2);
    let (first, table) = (dataset.path("1.jpg"), dataset.path("2.jpg"));
    let before = fs::read(&first).unwrap();
    let journal = dataset.state.path().join("j.jsonl");
    for more in [["--annotate", dataset.folder()], ["--output", text(&first)], ["--journal", text(&table)]] {
        let output = dataset.run(&[&more[..], &["--no-wait"]].concat());
        assert_eq!(code(&output), 2, "{more:?}: {}", err(&output));
        assert!(err(&output).contains("overwrite an input"), "{}", err(&output));
    }
    assert_eq!(dataset.server.count_all("PUT"), 0);
    assert_eq!(code(&dataset.run(&["--no-wait", "--journal", text(&journal)])), 0);
    let notes = fs::read(&journal).unwrap();
    let output = dataset.run(&["--no-wait", "--journal", text(&journal), "-f", "jsonl", "--output", text(&journal)]);
    assert_eq!(code(&output), 2, "{}", err(&output));
    for more in [["--annotate", dataset.folder()], ["--output", text(&journal)], ["--output", text(&first)]] {
        let args =
            [&["collect", "--results", PLACES[3], "--journal", text(&journal), "--timeout", "1"], &more[..]].concat();
        let output = dataset.command(&args).output().unwrap();
        assert_eq!(code(&output), 2, "{more:?}: {}", err(&output));
        assert!(err(&output).contains("overwrite an input"), "{}", err(&output));
    }
    assert_eq!((fs::read(&first).unwrap(), fs::read(&journal).unwrap()), (before, notes));
}

#[test]
fn results_are_left_out_the_next_time_and_taken_where_they_are_named() {
    let fixture = PhotoFolder::new();
    for run in 0..3 {
        let output = fixture.run(&["detect", ".", "--annotate", "out"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).contains("2 objects in 2 photos"), "run {run}: {}", out(&output));
        let left_out =
            out(&output).contains("skipped             2 photos with boxes drawn by an earlier run, in ./out/P\n");
        assert_eq!(left_out, run > 0, "run {run}: {}", out(&output));
    }
    assert_eq!(fs::read_dir(fixture.path("out/P")).unwrap().count(), 2);
    // A copy elsewhere is a result still.
    fs::create_dir(fixture.path("P/kept")).unwrap();
    fs::copy(fixture.path("out/P/a.jpg"), fixture.path("P/kept/best.jpg")).unwrap();
    assert_eq!(json_lines(&fixture.run(&["detect", "P", "-f", "jsonl"])).len(), 2);
    for named in ["out/P", "out/P/", "out/P/a.jpg", "out/P/*.jpg", "P/kept"] {
        let lines = json_lines(&fixture.run(&["detect", named, "-f", "jsonl"]));
        assert!(!lines.is_empty() && lines.iter().all(|line| line["error"].is_null()), "{named}");
    }
    // Named, they are read, and spared.
    assert_eq!(fixture.run(&["detect", "out/P", "--annotate", "out/P"]).status.code(), Some(2));
    // -v names them.
    assert!(err(&fixture.run(&["detect", ".", "-v"])).contains("./out/P/a.jpg: photo with boxes drawn"));
}

#[test]
fn a_photo_that_cannot_be_drawn_is_that_photos_notice() {
    let fixture = PhotoFolder::new();
    let script = "exec \"$0\" detect <(cat P/a.jpg) P/b.jpg --annotate out -f jsonl --url \"$1\"";
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_uploader"), &fixture.server.url()])
        .current_dir(fixture.folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let lines = json_lines(&output);
    assert_eq!((lines.len(), lines.iter().all(|line| line["error"].is_null())), (2, true));
    assert_eq!(
        fixture.server.seen()[..2].iter().map(|seen| seen.body.len()).min(),
        Some(fs::read(fixture.path("P/a.jpg")).unwrap().len().min(fs::read(fixture.path("P/b.jpg")).unwrap().len()))
    );
    assert!(
        err(&output).contains("cannot draw /dev/fd/") && err(&output).contains("read only once"),
        "{}",
        err(&output)
    );
    let drawn: Vec<_> = fs::read_dir(fixture.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(drawn, ["b.jpg"]);
    // One that the function reads and this program cannot: the others are drawn all the same.
    fs::write(fixture.path("P/a.jpg"), b"\xff\xd8\xff torn").unwrap();
    let output = fixture.run(&["detect", "P", "--annotate", "out2", "-c", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        out(&output).contains("2 objects in 2 photos") && err(&output).contains("cannot draw P/a.jpg"),
        "{}",
        err(&output)
    );
    assert!(fixture.path("out2/b.jpg").exists());
}

#[test]
fn one_photo_comes_by_standard_input() {
    let fixture = PhotoFolder::new();
    let input = || File::open(fixture.path("P/a.jpg")).unwrap();
    let output = fixture
        .command(&["detect", "--stdin-photo", "-f", "jsonl", "--annotate", "out"])
        .stdin(input())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(codes(&json_lines(&output)), pairs(&[("stdin", "ok")]));
    assert_eq!(fixture.server.seen()[0].body, fs::read(fixture.path("P/a.jpg")).unwrap());
    assert_eq!(image::image_dimensions(fixture.path("out/stdin.jpg")).unwrap(), (64, 48));
    // Beside others, shrunk, and as COCO's.
    let args = ["detect", "P/b.jpg", "--stdin-photo", "-f", "coco", "--resize", "32"];
    let output = fixture.command(&args).stdin(input()).output().unwrap();
    let list: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((&list[0]["file_name"], &list[1]["file_name"]), (&json!("P/b.jpg"), &json!("stdin")));

    let before = fixture.server.seen().len();
    let output = fixture.command(&["detect", "--stdin-photo", "-f", "jsonl"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(json_lines(&output)[0]["error"]["message"].as_str().unwrap().contains("Standard input is empty"));
    // Without end, and it ends.
    let endless = File::open("/dev/zero").unwrap();
    let output = fixture.command(&["detect", "--stdin-photo", "-f", "jsonl"]).stdin(endless).output().unwrap();
    assert_eq!(codes(&json_lines(&output)), pairs(&[("stdin", "too_many_bytes")]));
    let output = fixture.command(&["detect", "-", "--stdin-photo"]).stdin(input()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fixture.server.seen().len(), before);
}

#[test]
fn cocos_numbers_are_one_photos_each_and_lead_back_to_it() {
    let fixture = PhotoFolder::new();
    let entry = |id: u64, name: &str| json!({"image_id": id, "category_id": 17, "bbox": [64.0, 48.0, 256.0, 192.0], "score": 0.91, "file_name": name});
    let coco = |folder: &str| -> Value {
        serde_json::from_str(&out(&fixture.run(&["detect", folder, "-f", "coco", "-q"]))).unwrap()
    };
    for name in
        ["Q/x/1.jpg", "Q/y/1.jpg", "val/000000000139.jpg", "val/000000000285.jpg", "names/cat.jpg", "names/7.jpg"]
    {
        fs::create_dir_all(fixture.path(name).parent().unwrap()).unwrap();
        fs::copy(fixture.path("P/a.jpg"), fixture.path(name)).unwrap();
    }
    assert_eq!(coco("Q"), json!([entry(2, "Q/x/1.jpg"), entry(3, "Q/y/1.jpg")]));
    assert_eq!(coco("val"), json!([entry(139, "val/000000000139.jpg"), entry(285, "val/000000000285.jpg")]));
    assert_eq!(coco("names"), json!([entry(7, "names/7.jpg"), entry(8, "names/cat.jpg")]));
    assert_eq!(coco("P"), json!([entry(1, "P/a.jpg"), entry(2, "P/b.jpg")]));
}

#[test]
fn no_other_options_are_needed_to_read_these() {
    // The formats' files of a run without a photo that could be sent are whole, too.
    let fixture = PhotoFolder::new();
    for name in ["P/a.jpg", "P/b.jpg"] {
        fs::write(fixture.path(name), b"\xff\xd8\xff\xe0 cut").unwrap();
    }
    for (format, whole) in [("coco", "[]\n"), ("csv", "photo,width")] {
        let output = run(&[
            "detect",
            text(Path::new(&fixture.path("P"))),
            "--url",
            &fixture.server.url(),
            "--resize",
            "8",
            "-f",
            format,
            "-q",
        ]);
        assert_eq!(output.status.code(), Some(1));
        assert!(out(&output).starts_with(whole), "{}", out(&output));
    }
}
