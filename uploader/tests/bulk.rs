//! `uploader bulk` and `uploader collect` against an S3 server of somebody else's making, with a script that plays
//! detect-bulk: what is sent, how often, what comes home, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "../../functions/bulk/tests/common/s3.rs"]
mod s3;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{err, out, photo, text};
use s3::{Fault, KEY, SECRET, Server};
use serde_json::{Value, json};

const PLACES: [&str; 4] = ["--bucket", "s3://photos-in/set", "--results", "s3://results/run"];

/// A server, a folder of photos, and a home for journals.
struct Scene {
    server: Server,
    folder: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with_server(Server::start())
    }

    fn with_server(server: Server) -> Self {
        Self { server, folder: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
    }

    /// Photos `1.jpg`, `2.jpg`, …, each with a content of its own.
    fn photos(self, count: u32) -> Self {
        for number in 1..=count {
            photo(&self.path(&format!("{number}.jpg")), 16 + number, 16);
        }
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn folder(&self) -> &str {
        text(self.folder.path())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = common::uploader(args);
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
        command.env("XDG_STATE_HOME", self.state.path()).env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
        command.args(["--endpoint-url", &self.server.endpoint()]);
        command
    }

    /// The folder's photos with these options more.
    fn bulk(&self, options: &[&str]) -> Command {
        self.command(&[&["bulk", self.folder()], &PLACES[..], options].concat())
    }

    fn run(&self, options: &[&str]) -> Output {
        self.bulk(options).output().unwrap()
    }

    /// Keys in the bucket's folder that were stored by requests, and how often.
    fn stored(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for path in self.server.stored() {
            *counts.entry(decoded(path.strip_prefix("/photos-in/set/").unwrap())).or_insert(0) += 1;
        }
        counts
    }

    fn write_part(&self, name: &str, lines: &[Value]) {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        s3::write(self.server.root(), "results", &format!("run/part-{name}.jsonl"), lines.as_bytes());
    }

    fn object(&self, name: &str) -> PathBuf {
        self.server.root().join("photos-in/set").join(name)
    }

    fn etag(&self, name: &str) -> String {
        etag(&std::fs::read(self.object(name)).unwrap())
    }
}

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            out.push(u8::from_str_radix(&path[at + 1..at + 3], 16).unwrap());
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap()
}

fn etag(content: &[u8]) -> String {
    use md5::Digest;
    md5::Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// detect-bulk's line for a photo with one cat.
fn cat(name: &str, etag: &str) -> Value {
    let mut line = common::cat();
    line["source"] = json!({"bucket": "photos-in", "key": format!("set/{name}"), "etag": etag, "size": 7});
    line["init_ms"] = json!(0.0);
    line
}

fn broken(name: &str, etag: &str) -> Value {
    json!({
        "source": {"bucket": "photos-in", "key": format!("set/{name}"), "etag": etag},
        "error": {"code": "undecodable_image", "message": "It ends early."},
        "model": {"name": "yolox-nano", "sha256": "c789"},
    })
}

/// Plays detect-bulk: whatever lands in the bucket is answered with a part of the results.
struct Function {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Function {
    /// `answer` gets a photo's name and entity tag, and says the lines of its part; no lines, no part.
    fn start(scene: &Scene, answer: impl Fn(&str, &str) -> Vec<String> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, root) = (Arc::clone(&stop), scene.server.root().to_owned());
        let thread = std::thread::spawn(move || {
            let mut seen = HashSet::new();
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                for entry in walkdir::WalkDir::new(root.join("photos-in/set")).into_iter().filter_map(Result::ok) {
                    let Ok(content) = std::fs::read(entry.path()) else { continue };
                    let name =
                        entry.path().strip_prefix(root.join("photos-in/set")).unwrap().to_str().unwrap().to_owned();
                    // s3s writes beside the object, under a hidden name, before it renames.
                    if name.starts_with('.') || !seen.insert((name.clone(), etag(&content))) {
                        continue;
                    }
                    let lines = answer(&name, &etag(&content));
                    if !lines.is_empty() {
                        number += 1;
                        let part = format!("run/part-f{number}.jsonl");
                        s3::write(&root, "results", &part, lines.join("\n").as_bytes());
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, thread: Some(thread) }
    }

    fn of_cats(scene: &Scene) -> Self {
        Self::start(scene, |name, etag| vec![cat(name, etag).to_string()])
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn lines(output: &Output) -> Vec<Value> {
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// File name and error code (`ok` for an answer) of each line, sorted.
fn summary(lines: &[Value]) -> Vec<(String, String)> {
    let mut summary: Vec<_> = lines
        .iter()
        .map(|line| {
            let name = Path::new(line["photo"].as_str().unwrap()).file_name().unwrap().to_str().unwrap();
            (name.to_owned(), line["error"]["code"].as_str().unwrap_or("ok").to_owned())
        })
        .collect();
    summary.sort();
    summary
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned())).collect()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} has not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("killed: {}", err(output)))
}

#[test]
fn a_dataset_goes_out_and_its_results_come_home() {
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new();
    for name in ["1.jpg", "A file+name é(1).jpg", "c%20d.jpg", "sub dir/2.png", "bad.jpg"] {
        std::fs::create_dir_all(scene.path(name).parent().unwrap()).unwrap();
        photo(&scene.path(name), 20 + name.len() as u32, 16);
    }
    photo(&scene.path("line\nbreak.jpg"), 16, 16);
    let odd = scene.folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.jpg"));
    std::fs::copy(scene.path("1.jpg"), odd).unwrap();
    std::fs::write(scene.path("notes.jpg"), "no photo").unwrap();
    let _function = Function::start(&scene, |name, etag| {
        let line = if name == "bad.jpg" { broken(name, etag) } else { cat(name, etag) };
        vec![line.to_string()]
    });
    let output = scene.run(&["--format", "jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let lines = lines(&output);
    let expected = pairs(&[
        ("1.jpg", "ok"),
        ("2.png", "ok"),
        ("A file+name é(1).jpg", "ok"),
        ("bad.jpg", "undecodable_image"),
        ("c%20d.jpg", "ok"),
        ("line\nbreak.jpg", "invalid_key"),
        ("\u{fffd}.jpg", "invalid_key"),
    ]);
    assert_eq!(summary(&lines), expected);
    let names = ["1.jpg", "A file+name é(1).jpg", "bad.jpg", "c%20d.jpg", "sub dir/2.png"];
    assert_eq!(scene.stored(), names.map(|name| (name.to_owned(), 1)).into());
    for name in names {
        assert_eq!(std::fs::read(scene.object(name)).unwrap(), std::fs::read(scene.path(name)).unwrap(), "{name}");
    }
    let png = lines.iter().find(|line| line["source"]["key"] == "set/sub dir/2.png").unwrap();
    assert_eq!(png["photo"], text(&scene.path("sub dir/2.png")));
    assert!(png["upload_to_result_ms"].as_f64().unwrap() > 0.0 && png["client_ms"].is_null(), "{png}");
    let said = err(&output);
    for part in [
        "photos              7: 4 answered with 4 detections, 3 failed (invalid_key 2, undecodable_image 1)",
        "uploaded            5 photos",
        "average inference   0.0070 s",
        "upload to result    p50",
        "cost per 1000       $0.0",
        "model               yolox-nano",
        "bad.jpg: undecodable_image",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    let head = head(&scene, "set/sub dir/2.png");
    assert_eq!(head.content_type(), Some("image/png"));
    assert!(head.checksum_sha256().is_some());
}

fn head(scene: &Scene, key: &str) -> aws_sdk_s3::operation::head_object::HeadObjectOutput {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(KEY, SECRET, None, None, "tests"))
        .endpoint_url(scene.server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let request = aws_sdk_s3::Client::from_conf(config).head_object().bucket("photos-in").key(key);
    tokio::runtime::Runtime::new().unwrap().block_on(request.send()).unwrap()
}

#[test]
fn what_the_bucket_holds_is_not_sent_again() {
    let scene = Scene::new().photos(3);
    let sent = |options: &[&str]| {
        let before = scene.server.stored().len();
        let output = scene.run(&[&["--no-wait"], options].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        scene.server.stored().len() - before
    };
    assert_eq!(sent(&[]), 3);
    assert_eq!(sent(&[]), 0);
    // Another content of the same size.
    let mut content = std::fs::read(scene.path("2.jpg")).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(scene.path("2.jpg"), content).unwrap();
    assert_eq!(sent(&[]), 1);
    // Only the time of modification, and no journal at all: the content decides.
    let file = std::fs::File::options().append(true).open(scene.path("1.jpg")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(100)).unwrap();
    assert_eq!(sent(&[]), 0);
    std::fs::remove_dir_all(scene.state.path().join("spotter")).unwrap();
    assert_eq!(sent(&[]), 0);
    // What the journal says and the bucket does not hold is sent.
    std::fs::remove_file(scene.object("3.jpg")).unwrap();
    assert_eq!(sent(&[]), 1);
    assert_eq!(sent(&["--force"]), 3);
}

#[test]
fn a_run_that_is_killed_three_times_uploads_every_photo_once() {
    const PHOTOS: u32 = 28;
    let slow = Duration::from_millis(60);
    let scene =
        Scene::with_server(Server::with_faults(move |method, _, _| (method == "PUT").then_some(Fault::Late(slow))));
    let scene = scene.photos(PHOTOS);
    for kill in 1..=3 {
        let mut child =
            scene.bulk(&["--concurrency", "3"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let enough = kill * 7;
        wait_until("progress", || scene.server.stored().len() >= enough);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the end of what was under way", || scene.server.under_way() == 0);
        let stored = scene.server.stored().len();
        assert!(stored >= enough && stored < PHOTOS as usize, "{stored} after kill {kill}");
    }
    let _function = Function::of_cats(&scene);
    let output = scene.run(&["--format", "jsonl"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let stored = scene.stored();
    assert_eq!((stored.len(), stored.values().max()), (PHOTOS as usize, Some(&1)), "{stored:?}");
    assert_eq!(lines(&output).len(), PHOTOS as usize);
    assert!(err(&output).contains("skipped: the bucket holds them already"), "{}", err(&output));
}

#[test]
fn mistakes_of_the_command_line_are_found_before_anything_is_uploaded() {
    let scene = Scene::new().photos(1);
    std::fs::create_dir(scene.path("b")).unwrap();
    photo(&scene.path("b/1.jpg"), 40, 40);
    let (one, other) = (scene.path("1.jpg"), scene.path("b/1.jpg"));
    let output = scene.command(&[&["bulk", text(&one), text(&other)], &PLACES[..]].concat()).output().unwrap();
    assert_eq!(code(&output), 2);
    let said = err(&output);
    assert!(said.contains(text(&one)) && said.contains(text(&other)) && said.contains("set/1.jpg"), "{said}");

    for results in ["s3://photos-in/set/results", "s3://photos-in", "s3://photos-in/set"] {
        let args = ["bulk", scene.folder(), "--bucket", "s3://photos-in/set", "--results", results];
        let output = scene.command(&args).output().unwrap();
        assert_eq!(code(&output), 2);
        assert!(err(&output).contains("would be taken for photos"), "{}", err(&output));
    }
    for (args, says) in [
        (vec!["--include", "*.gif"], "none of 2 photos"),
        (vec!["--include", "["], "--include"),
        (vec!["--timeout", "0"], "--timeout"),
        (vec!["--fail-if", "nonsense"], "--fail-if"),
        (vec!["--output", "/nonexistent/x"], "--output"),
    ] {
        let output = scene.run(&args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(err(&output).contains(says), "{}", err(&output));
    }
    for args in [["--bucket", "photos-in"], ["--results", "results"]] {
        let output = scene.command(&["bulk", scene.folder(), args[0], args[1]]).output().unwrap();
        assert_eq!(code(&output), 2);
        assert!(err(&output).contains("s3://bucket/prefix"), "{}", err(&output));
    }
    assert_eq!(scene.server.count_all("PUT"), 0);
}

#[test]
fn a_rehearsal_says_what_would_be_uploaded_and_uploads_nothing() {
    let scene = Scene::new().photos(3);
    std::fs::create_dir(scene.path("sub")).unwrap();
    photo(&scene.path("sub/4.png"), 30, 30);
    scene.server.put("set/1.jpg", &std::fs::read(scene.path("1.jpg")).unwrap());
    let output = scene.run(&["--dry-run", "--exclude", "3*", "--include", "*.jpg", "--include", "sub/*"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = out(&output);
    for (name, says) in [("1.jpg", "already there "), ("2.jpg", "would upload  "), ("sub/4.png", "would upload  ")] {
        let line = format!("{says} {} -> s3://photos-in/set/{name}", scene.path(name).display());
        assert!(said.contains(&line), "{line} is missing in {said}");
    }
    assert!(
        !said.contains("3.jpg") && said.contains("2 photos (0.0 MB) would be uploaded, 1 are there already"),
        "{said}"
    );
    assert_eq!(scene.server.count_all("PUT"), 0);
    assert!(!scene.state.path().join("spotter").exists(), "a rehearsal leaves no journal");
}

#[test]
fn files_that_are_no_photos_are_told_when_they_are_named() {
    let scene = Scene::new().photos(1);
    std::fs::write(scene.path("notes.txt"), "no photo").unwrap();
    let _function = Function::of_cats(&scene);
    let (photo, notes) = (scene.path("1.jpg"), scene.path("notes.txt"));
    let args = [&["bulk", text(&photo), text(&notes)], &PLACES[..], &["-f", "jsonl"]].concat();
    let output = scene.command(&args).output().unwrap();
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert_eq!(summary(&lines(&output)), pairs(&[("1.jpg", "ok"), ("notes.txt", "unsupported_image")]));
    assert_eq!(scene.stored(), [("1.jpg".to_owned(), 1)].into());
}

#[test]
fn passing_trouble_is_waited_out_and_one_photos_trouble_is_its_own() {
    let scene = Scene::with_server(Server::with_faults(|method, path, before| match (method, path) {
        ("PUT", "/photos-in/set/1.jpg") if before < 2 => Some(Fault::Refused(503, "SlowDown")),
        ("PUT", "/photos-in/set/2.jpg") => Some(Fault::Refused(400, "BadDigest")),
        ("GET", "/results") if (1..3).contains(&before) => Some(Fault::Refused(503, "SlowDown")),
        ("GET", path) if path.starts_with("/results/") && before == 0 => Some(Fault::BrokenOff),
        _ => None,
    }))
    .photos(3);
    let _function = Function::of_cats(&scene);
    let output = scene.run(&["-f", "jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert_eq!(summary(&lines(&output)), pairs(&[("1.jpg", "ok"), ("2.jpg", "s3"), ("3.jpg", "ok")]));
    assert_eq!(scene.server.count("PUT", "/photos-in/set/1.jpg"), 3);
    assert_eq!(scene.server.count("PUT", "/photos-in/set/2.jpg"), 1);
    assert!(err(&output).contains("BadDigest"), "{}", err(&output));
}

#[test]
fn what_no_photo_would_survive_ends_the_run() {
    let scene = Scene::with_server(Server::with_faults(|method, _, _| {
        (method == "PUT").then_some(Fault::Refused(403, "AccessDenied"))
    }))
    .photos(40);
    let output = scene.run(&["--concurrency", "2"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("s3:PutObject") && err(&output).contains("s3://photos-in/set/"), "{}", err(&output));
    assert!(scene.server.count_all("PUT") < 10, "{}", scene.server.count_all("PUT"));

    let nowhere = |places: [&str; 4]| {
        let output = scene.command(&[&["bulk", scene.folder()], &places[..]].concat()).output().unwrap();
        assert_eq!(code(&output), 2);
        err(&output)
    };
    let said = nowhere(["--bucket", "s3://nowhere/set", "--results", "s3://results/run"]);
    assert!(said.contains("no bucket \"nowhere\""), "{said}");
    let said = nowhere(["--bucket", "s3://photos-in/set", "--results", "s3://nowhere/run"]);
    assert!(said.contains("no bucket \"nowhere\""), "{said}");
    let output = scene.bulk(&[]).env_remove("AWS_ACCESS_KEY_ID").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("no AWS credentials were found"), "{}", err(&output));
    let output = scene.bulk(&[]).env("AWS_SECRET_ACCESS_KEY", "wrong").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("credentials"), "{}", err(&output));
}

#[test]
fn every_photo_has_one_result_whatever_lies_among_the_results() {
    let scene = Scene::new().photos(4);
    scene.write_part("older", &[cat("1.jpg", "0123"), cat("another.jpg", "0123")]);
    let _function = Function::start(&scene, |name, etag| {
        let mut foreign = cat(name, etag);
        foreign["source"]["bucket"] = json!("elsewhere");
        let line = cat(name, etag).to_string();
        let mut torn = line.clone();
        torn.truncate(40);
        vec![line.clone(), String::new(), foreign.to_string(), cat(name, "0ldc0ntent").to_string(), line, torn]
    });
    let output = scene.run(&["-f", "jsonl"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"];
    assert_eq!(summary(&lines(&output)), pairs(&names.map(|name| (name, "ok"))));
    let said = err(&output);
    assert!(said.contains("set aside") && said.contains("is no result"), "{said}");

    // Sent already, and their results are there: nothing is sent, and all of them come home again.
    let again = scene.run(&["-f", "jsonl"]);
    assert_eq!(code(&again), 0, "{}", err(&again));
    assert_eq!(summary(&lines(&again)), pairs(&names.map(|name| (name, "ok"))));
    assert!(err(&again).contains("uploaded            0 photos"), "{}", err(&again));
    assert_eq!(scene.server.stored().len(), 4);
}

#[test]
fn photos_without_a_result_are_named_when_time_is_up() {
    let scene = Scene::new().photos(4);
    let _function = Function::start(&scene, |name, etag| {
        if ["2.jpg", "3.jpg"].contains(&name) { Vec::new() } else { vec![cat(name, etag).to_string()] }
    });
    let output = scene.run(&["-f", "jsonl", "--timeout", "3"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let expected = [("1.jpg", "ok"), ("2.jpg", "no_result"), ("3.jpg", "no_result"), ("4.jpg", "ok")];
    assert_eq!(summary(&lines(&output)), pairs(&expected));
    let said = err(&output);
    assert!(said.contains("2 of 4 photos have no result after 3 s without news: "), "{said}");
    assert!(said.contains("2.jpg") && said.contains("uploader collect "), "{said}");
    // With --force what was skipped is sent again, and only new results count.
    scene.write_part("late", &[cat("2.jpg", &scene.etag("2.jpg")), cat("3.jpg", &scene.etag("3.jpg"))]);
    let output = scene.run(&["--force", "-f", "jsonl", "--timeout", "2"]);
    assert_eq!(code(&output), 1);
    assert_eq!(summary(&lines(&output)).iter().filter(|(_, code)| code == "no_result").count(), 4);
    assert_eq!(scene.server.stored().len(), 8);
}

#[test]
fn results_are_collected_later_here_and_elsewhere() {
    let scene = Scene::new().photos(3);
    let output = scene.run(&["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = err(&output);
    let command = said.lines().last().unwrap().trim();
    assert!(command.starts_with("uploader collect "), "{said}");
    let names = ["1.jpg", "2.jpg", "3.jpg"];
    scene.write_part("a", &names.map(|name| cat(name, &scene.etag(name))));
    scene.write_part("b", &[cat("1.jpg", "0ther"), cat("1.jpg", &scene.etag("1.jpg"))]);

    // The very command that was printed, as a shell reads it.
    let program = Path::new(env!("CARGO_BIN_EXE_uploader")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{command} -f jsonl")]);
    let with_env = scene.command(&[]);
    for (name, value) in with_env.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = shell.env("PATH", path.unwrap()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(summary(&lines(&output)), pairs(&names.map(|name| (name, "ok"))));
    assert_eq!(
        lines(&output)[0]["photo"].as_str().unwrap().strip_suffix(".jpg").map(|p| &p[..p.len() - 1]),
        Some(&*format!("{}/", scene.folder()))
    );

    let results = ["--results", "s3://results/run", "-f", "jsonl"];
    let collect = |args: &[&str]| {
        let output = scene.command(&[&["collect"], args, &results].concat()).output().unwrap();
        assert_eq!(code(&output), 0, "{}", err(&output));
        output
    };
    // By the bucket's listing, as from another machine.
    let output = collect(&["--bucket", "s3://photos-in/set", "--exclude", "3*"]);
    assert_eq!(summary(&lines(&output)), pairs(&[("1.jpg", "ok"), ("2.jpg", "ok")]));
    assert!(out(&output).contains("\"photo\":\"s3://photos-in/set/1.jpg\""), "{}", out(&output));
    // By the journal.
    let journals: Vec<_> = std::fs::read_dir(scene.state.path().join("spotter/bulk")).unwrap().collect();
    let journal = journals[0].as_ref().unwrap().path();
    let output = collect(&["--journal", text(&journal)]);
    assert_eq!(summary(&lines(&output)), pairs(&names.map(|name| (name, "ok"))));
    // Whatever is there.
    let output = collect(&[]);
    assert_eq!(lines(&output).len(), 4, "{}", out(&output));
    // A photo that was never uploaded is told as such.
    photo(&scene.path("4.jpg"), 99, 9);
    let args = [&["collect", scene.folder()], &PLACES[..], &["-f", "jsonl"]].concat();
    let output = scene.command(&args).output().unwrap();
    assert_eq!(code(&output), 1);
    assert_eq!(summary(&lines(&output))[3], ("4.jpg".to_owned(), "not_uploaded".to_owned()));
}

#[test]
fn one_object_per_photo_is_read_as_well() {
    let scene = Scene::new().photos(2);
    scene.run(&["--no-wait", "--quiet"]);
    for name in ["1.jpg", "2.jpg"] {
        let line = cat(name, &scene.etag(name)).to_string();
        s3::write(scene.server.root(), "results", &format!("run/set/{name}.json"), line.as_bytes());
        s3::write(scene.server.root(), "results", &format!("run/set/{name}.annotated.jpg"), b"a picture");
    }
    s3::write(scene.server.root(), "results", "run/manifest.json", b"{}");
    let output = scene.run(&["-f", "coco", "--quiet"]);
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let list: Value = serde_json::from_str(&out(&output)).unwrap();
    let mut ids: Vec<u64> = list.as_array().unwrap().iter().map(|entry| entry["image_id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    assert_eq!(list[0]["bbox"], json!([64.0, 48.0, 256.0, 192.0]));
}

#[test]
fn formats_pictures_and_conditions() {
    let scene = Scene::new().photos(2);
    let _function = Function::of_cats(&scene);
    let (drawn, table) = (scene.state.path().join("drawn"), scene.state.path().join("out.csv"));
    let args = ["-f", "csv", "-o", text(&table), "--annotate", text(&drawn), "--fail-if", "p95<1ms"];
    let output = scene.run(&args);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(out(&output), "");
    let table = std::fs::read_to_string(table).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("1.jpg,640,480,cat,15,0.91,64,48,320,240,yolox-nano,7,"), "{table}");
    for name in ["1.jpg", "2.jpg"] {
        let size = image::image_dimensions(drawn.join(name)).unwrap();
        assert_eq!(size, image::image_dimensions(scene.path(name)).unwrap());
    }
    let output = scene.run(&["--fail-if", "inference>1ms", "--fail-if", "failures>0"]);
    assert_eq!(code(&output), 3, "{}", err(&output));
    assert!(err(&output).contains("--fail-if 'inference>1ms': it is 7 ms"), "{}", err(&output));
    assert!(out(&output).contains("1.jpg: cat 0.91 [64 48 320 240]\n"), "{}", out(&output));

    // Without the photos at hand they are fetched to be drawn upon.
    let fetched = scene.state.path().join("fetched");
    let args = [&["collect"], &PLACES[..], &["--quiet", "-f", "jsonl", "--annotate", text(&fetched)]].concat();
    let output = scene.command(&args).output().unwrap();
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    assert_eq!(image::image_dimensions(fetched.join("2.jpg")).unwrap(), (18, 16));
}
