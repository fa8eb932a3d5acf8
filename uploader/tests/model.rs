//! `uploader model pull`: cut connections, wrong bytes, mirrors, nobody there.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Reply, Server, err, out, text, uploader};

/// The file of the one model that is in the tree: the only known digest whose bytes a test can have.
fn weights() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/spotter-nano/model.onnx")).unwrap()
}

fn pull(from: &str, dir: &Path) -> Output {
    uploader(&["model", "pull", "spotter-nano", "--from", from, "--dir", text(dir)]).output().unwrap()
}

/// Serves `weights`, but closes every connection after `most` bytes of the body. Notes the ranges asked for.
fn cutting_server(weights: Vec<u8>, most: usize) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/spotter-nano.onnx", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&ranges);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let field =
                |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
            let range = field("range:").unwrap_or_default();
            let start: usize =
                range.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')).map_or(0, |r| r.parse().unwrap());
            log.lock().unwrap().push(format!("{range} {}", field("if-range:").unwrap_or_default()));
            let rest = &weights[start..];
            let status = if start == 0 {
                "200 OK".to_owned()
            } else {
                format!("206 Partial Content\r\ncontent-range: bytes {start}-{}/{}", weights.len() - 1, weights.len())
            };
            let _ = write!(stream, "HTTP/1.1 {status}\r\netag: \"v1\"\r\ncontent-length: {}\r\n\r\n", rest.len());
            let _ = stream.write_all(&rest[..rest.len().min(most)]);
        }
    });
    (url, ranges)
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let weights = weights();
    let (url, ranges) = cutting_server(weights.clone(), weights.len() / 2 + 1);
    let dir = tempfile::tempdir().unwrap();
    let output = pull(&url, dir.path());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(std::fs::read(dir.path().join("spotter-nano.onnx")).unwrap(), weights);
    let mut files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["spotter-nano.onnx", "spotter-nano.prepared.onnx"], "nothing else is left beside it");
    let ranges = ranges.lock().unwrap().clone();
    assert_eq!(ranges[0].trim(), "");
    assert!(ranges[1].starts_with("bytes=") && ranges[1].ends_with("\"v1\""), "{ranges:?}");
    assert_eq!(ranges.len(), 2);

    let again = pull(&url, dir.path());
    assert!(out(&again).contains("already downloaded"), "{}", out(&again));
}

#[test]
fn what_an_earlier_run_left_is_used() {
    let weights = weights();
    let (url, ranges) = cutting_server(weights.clone(), usize::MAX);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("spotter-nano.onnx.part"), &weights[..1000]).unwrap();
    assert_eq!(pull(&url, dir.path()).status.code(), Some(0));
    assert!(ranges.lock().unwrap()[0].starts_with("bytes=1000-"));

    // Where it was something else, the whole is fetched again.
    std::fs::remove_file(dir.path().join("spotter-nano.onnx")).unwrap();
    std::fs::write(dir.path().join("spotter-nano.onnx.part"), vec![7; 1000]).unwrap();
    let output = pull(&url, dir.path());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(std::fs::read(dir.path().join("spotter-nano.onnx")).unwrap(), weights);
}

#[test]
fn wrong_bytes_are_deleted_and_told() {
    let size = weights().len();
    for body in [vec![7; size], vec![7; 100], vec![7; size + 1]] {
        let server = Server::start(move |_, _| Reply::new(200, body.clone()));
        let dir = tempfile::tempdir().unwrap();
        let output = pull(&format!("{}x.onnx", server.url()), dir.path());
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("is not spotter-nano") && err(&output).contains("deleted"), "{}", err(&output));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn mirrors_may_redirect_and_use_other_names() {
    let weights = weights();
    let server = Server::start(move |seen, _| match seen.target.as_str() {
        "/models/spotter_nano.onnx" => Reply::new(302, "").with("location", "/elsewhere?a=b"),
        "/elsewhere?a=b" => Reply::new(200, weights.clone()),
        _ => Reply::new(404, ""),
    });
    let dir = tempfile::tempdir().unwrap();
    let output = pull(&format!("{}models", server.url()), dir.path());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let output = pull(&format!("{}nothing", server.url()), &dir.path().join("other"));
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("not found"), "{}", err(&output));
}

#[test]
fn a_folder_is_a_mirror_too() {
    let from = tempfile::tempdir().unwrap();
    std::fs::write(from.path().join("spotter_nano.onnx"), weights()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(pull(text(from.path()), dir.path()).status.code(), Some(0));
    let output = uploader(&["model", "verify", text(&dir.path().join("spotter-nano.onnx"))]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    std::fs::write(dir.path().join("spotter-nano.onnx"), "other").unwrap();
    let output = uploader(&["model", "verify", text(&dir.path().join("spotter-nano.onnx"))]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
}

#[test]
fn nobody_there_is_told_quickly() {
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let output = pull("http://127.0.0.1:1/x.onnx", dir.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(err(&output).contains("cannot connect") && err(&output).contains("--from"), "{}", err(&output));
    assert_eq!(uploader(&["model", "pull", "no-such-model"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn known_models_are_listed_and_shown() {
    let output = uploader(&["model", "list"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("yolox-nano") && out(&output).contains("spotter-nano"), "{}", out(&output));
    let output = uploader(&["model", "show", "yolox_nano"]).output().unwrap();
    assert!(
        out(&output).contains("c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d"),
        "{}",
        out(&output)
    );
}

/// What `model show` prints of a graph without a card is a card with which the same graph works.
#[test]
fn an_inferred_card_is_shown_as_it_can_be_saved() {
    let folder = tempfile::tempdir().unwrap();
    let graph = folder.path().join("best.onnx");
    let bare = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/fixtures/bare/yolo.onnx");
    std::fs::copy(bare, &graph).unwrap();
    let show = |path: &Path| {
        let output = uploader(&["model", "show", text(path)]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        out(&output)
    };
    let inferred = show(&graph);
    assert!(inferred.contains("# card: inferred from the graph") && inferred.contains("kind = \"yolo\""), "{inferred}");
    assert!(inferred.contains("labels = [\"red\", \"green\", \"blue\"]"), "{inferred}");
    std::fs::write(folder.path().join("model.toml"), &inferred).unwrap();
    let plain = |text: &str| text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    for path in [graph.as_path(), folder.path(), &folder.path().join("model.toml")] {
        let saved = show(path);
        assert!(saved.contains("# card: ") && saved.contains("model.toml\n"), "{saved}");
        assert_eq!(plain(&saved), plain(&inferred));
    }
    // A graph of which nothing is known says so in one sentence.
    std::fs::remove_file(folder.path().join("model.toml")).unwrap();
    let unknown = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/fixtures/bad/unknown-outputs.onnx");
    let output = uploader(&["model", "show", text(&unknown)]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        err(&output).contains("unknown-outputs.onnx has no card") && !err(&output).contains("NoCard"),
        "{}",
        err(&output)
    );
}
