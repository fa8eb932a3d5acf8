//! Lists of photos, on standard input and in files, as the tools of several systems write them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;
mod dataset;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use common::{Reply, Server, cat, codes, err, json_lines, out, photo, text, uploader};
use dataset::{DatasetFixture, PLACES, code, pairs};

struct PhotoFolder {
    folder: tempfile::TempDir,
    server: Server,
}

impl PhotoFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["a b.jpg", "\u{fc}.jpg", "sub/c.jpg", "not listed.jpg"] {
            photo(&folder.path().join(name), 32, 32);
        }
        Self { folder, server: Server::start(|_, _| Reply::json(200, &cat())) }
    }

    fn detect(&self, args: &[&str], list: &[u8]) -> Output {
        let mut command = uploader(&[&["detect", "--url", &self.server.url(), "-f", "jsonl"], args].concat());
        fed(command.current_dir(self.folder.path()), list)
    }
}

fn fed(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // Who refuses the list may not read it to its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

const LIST: &str = "a b.jpg\nsub\n\u{fc}.jpg\n";
const LISTED: [(&str, &str); 3] = [("a b.jpg", "ok"), ("c.jpg", "ok"), ("\u{fc}.jpg", "ok")];

#[test]
fn lists_are_read_in_every_way_in_which_they_are_written() {
    let folder = PhotoFolder::new();
    let marked = format!("\u{feff}{LIST}");
    let windows = LIST.replace('\n', "\r\n");
    let lists = [
        ("UTF-8", LIST.as_bytes().to_vec()),
        ("UTF-8 with a mark", marked.clone().into_bytes()),
        ("CRLF", windows.clone().into_bytes()),
        ("NUL", LIST.replace('\n', "\0").into_bytes()),
        ("blank lines", format!("\n \n\t\r\n{LIST}\n\n").into_bytes()),
        ("no line end", LIST.trim_end().as_bytes().to_vec()),
        ("UTF-16LE with a mark", utf16(&marked, u16::to_le_bytes)),
        ("UTF-16BE with a mark", utf16(&marked, u16::to_be_bytes)),
        ("UTF-16LE", utf16(&windows, u16::to_le_bytes)),
        ("UTF-16BE", utf16(&windows, u16::to_be_bytes)),
    ];
    let file = folder.folder.path().join("list.txt");
    for (name, list) in lists {
        let output = folder.detect(&["-"], &list);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", err(&output));
        assert_eq!(codes(&json_lines(&output)), pairs(&LISTED), "{name}");
        fs::write(&file, list).unwrap();
        let output = folder.detect(&["--from-file", "list.txt"], b"");
        assert_eq!(codes(&json_lines(&output)), pairs(&LISTED), "{name} in a file");
    }
    // Beside others.
    let output = folder.detect(&["not listed.jpg", "--from-file", "list.txt", "-"], b"sub/c.jpg\n");
    assert_eq!(json_lines(&output).len(), 5);
}

#[test]
fn nothing_is_walked_that_is_not_listed() {
    let folder = PhotoFolder::new();
    for blank in ["", "\n", "\r\n", "  \n", "\t\n\n", "\u{feff}", "\0\0"] {
        let output = folder.detect(&["-"], blank.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{blank:?}: {}", out(&output));
        assert!(err(&output).contains("list (standard input)"), "{}", err(&output));
    }
    let jpeg = fs::read(folder.folder.path().join("a b.jpg")).unwrap();
    let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let pieces = b"a\0.\0/\0\0b\0".to_vec();
    for (bytes, says) in [
        (jpeg, "--stdin-photo"),
        (noise, "binary data"),
        (pieces, "among other paths"),
        (b"sub/c.jpg\0/\0".to_vec(), "among other paths"),
        (b"%PDF-1.7\n".to_vec(), "PDF"),
        (b"<!DOCTYPE html>\n<html>".to_vec(), "HTML page"),
        (b"\x1b[0ma b.jpg\x1b[0m\n".to_vec(), "binary data"),
    ] {
        let output = folder.detect(&["-"], &bytes);
        assert_eq!(output.status.code(), Some(2), "{says}: {}", out(&output));
        assert!(err(&output).contains(says), "{says}: {}", err(&output));
    }
    assert!(folder.server.seen().is_empty());
}

#[test]
fn what_find_prints_is_meant_once() {
    let folder = PhotoFolder::new();
    for script in ["find . | sort", "find . -print0", "find . -depth", "find \"$PWD\""] {
        let found = Command::new("sh").args(["-c", script]).current_dir(folder.folder.path()).output().unwrap().stdout;
        let lines = json_lines(&folder.detect(&["-"], &found));
        let expected = [("a b.jpg", "ok"), ("c.jpg", "ok"), ("not listed.jpg", "ok"), ("\u{fc}.jpg", "ok")];
        assert_eq!(codes(&lines), pairs(&expected), "{script}");
    }
    // Who lists a photo twice wants it twice.
    assert_eq!(json_lines(&folder.detect(&["-"], b"sub/c.jpg\nsub/c.jpg\n")).len(), 2);
}

#[test]
fn what_is_gone_is_an_error_of_its_own_and_a_list_that_is_gone_is_a_mistake() {
    let folder = PhotoFolder::new();
    let output = folder.detect(&["-"], b"gone.jpg\nsub/c.jpg\nhttps://example.com/x.jpg\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        codes(&json_lines(&output)),
        pairs(&[("c.jpg", "ok"), ("gone.jpg", "unreadable"), ("x.jpg", "unreadable")])
    );
    let output = folder.detect(&["--from-file", "no/such/list"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("no/such/list"), "{}", err(&output));
}

#[test]
fn compare_and_bulk_read_lists_too() {
    let folder = PhotoFolder::new();
    let list = folder.folder.path().join("list.txt");
    fs::write(&list, utf16(&format!("\u{feff}{LIST}"), u16::to_le_bytes)).unwrap();
    let (here, there) = (format!("here={}", folder.server.url()), format!("there={}", folder.server.url()));
    let report = folder.folder.path().join("r.json");
    let args = [
        "compare",
        "--from-file",
        "list.txt",
        "--url",
        &here,
        "--url",
        &there,
        "--warmup",
        "0",
        "--ladder",
        "0",
        "--report",
        "r.json",
    ];
    let output = uploader(&args).current_dir(folder.folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["settings"]["photos"], 3);

    let dataset = DatasetFixture::new();
    let bulk = |args: &[&str], input: &[u8]| {
        let mut command = dataset.command(&[&["bulk"], args, &PLACES[..], &["--no-wait"]].concat());
        fed(command.current_dir(folder.folder.path()), input)
    };
    let output = bulk(&["--from-file", text(&list)], b"");
    assert_eq!(code(&output), 0, "{}", err(&output));
    let names = ["a b.jpg", "c.jpg", "\u{fc}.jpg"].map(|name| (name.to_owned(), 1));
    assert_eq!(dataset.stored(), names.into());
    assert!(err(&output).contains(&format!("/uploader collect --from-file {}", list.display())), "{}", err(&output));
    let output = bulk(&["-"], LIST.as_bytes());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("skipped 3"), "{}", out(&output));
    assert_eq!(code(&bulk(&["-"], b"\n")), 2);
}
