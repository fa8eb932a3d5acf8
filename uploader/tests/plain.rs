//! The function on this machine over plain HTTP, the default target: started, watched, replaced, and always ended. A
//! stand-in plays the function, so that these tests need neither a library nor a model.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{err, out, photos, signal, text, uploader, within};
use serde_json::Value;

/// Plays `detect-http --listen`: notes its process id, its arguments and its environment; dies of every photo while the
/// file `poison` is there, or of the first only.
const FUNCTION: &str = r#"#!/usr/bin/env python3
import http.server, json, os, pathlib, sys, time
notes, play = pathlib.Path(os.environ["PLAY_NOTES"]), os.environ.get("PLAY", "")
host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
(notes / "env").write_text("\n".join(f"{k}={v}" for k, v in os.environ.items()))
(notes / "args").write_text("\n".join(sys.argv[1:]))
if play == "broken":
    print("detect-http: the model is broken", file=sys.stderr)
    print("and nobody knows why", file=sys.stderr)
    sys.exit(1)
started = time.monotonic()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, answer = 200, (notes / "answer").read_bytes()
        if self.path == "/health":
            answer = b'{"status": "ok"}'
        if self.path == "/health" and time.monotonic() - started < 0.2:
            status, answer = 503, b'{"code": "loading"}'
        if self.path.startswith("/detect") and not body:
            status, answer = 400, b'{"code": "missing_image"}'
        elif self.path.startswith("/detect"):
            deaths = len(list(notes.glob("death*")))
            if play == "always" or (play == "once" and not deaths):
                (notes / f"death{deaths}").touch()
                print("detect-http: it was too much", file=sys.stderr, flush=True)
                os._exit(3)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = answer
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
(notes / "pid.new").write_text(str(os.getpid()))
(notes / "pid.new").rename(notes / "pid")
print(f"http://{host}:{server.server_address[1]}/", flush=True)
server.serve_forever()
"#;

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("function");
        std::fs::write(&path, FUNCTION).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("answer"), common::cat().to_string()).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn note(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = uploader(args);
        command.arg("--function").arg(self.path("function"));
        command.env("PLAY_NOTES", self.0.path()).env_remove("PLAY");
        command.env("API_TOKEN", "secret").env("AWS_LAMBDA_RUNTIME_API", "elsewhere").env("LISTEN", "0.0.0.0:1");
        command
    }

    /// `uploader local`, once it has printed its first line.
    fn local(&self, args: &[&str]) -> (Child, String) {
        let mut child = self
            .command(&[&["local", "--port", "0"], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().to_owned())
    }

    fn function_pid(&self) -> u32 {
        within(|| std::fs::read_to_string(self.path("pid")).ok()?.trim().parse().ok())
    }
}

fn is_alive(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

#[test]
fn it_is_the_default_target_and_ends_with_the_run() {
    let (fixture, folder) = (Fixture::new(), photos(3, 32, 32));
    let args = ["detect", text(folder.path()), "--sessions", "3", "--threads", "2", "--model", "yolox-s"];
    let output = fixture.command(&args).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let said = out(&output);
    assert!(said.contains("local server, model yolox-s, sessions 3, threads 2"), "{said}");
    assert_eq!(fixture.note("args"), "--listen\n127.0.0.1:0\n--sessions\n3\n--threads\n2\n--queue\n64");
    let told = fixture.note("env");
    assert!(told.lines().any(|line| line == "MODEL=yolox-s"), "{told}");
    // It is ours alone: no token, and no other role.
    for name in ["API_TOKEN=", "AWS_LAMBDA_RUNTIME_API=", "LISTEN="] {
        assert!(!told.lines().any(|line| line.starts_with(name)), "{name} in {told}");
    }
    let pid = fixture.function_pid();
    within(|| (!is_alive(pid)).then_some(()));
}

#[test]
fn who_dies_is_replaced_and_its_photo_sent_again() {
    let (fixture, folder) = (Fixture::new(), photos(5, 32, 32));
    let output = fixture.command(&["detect", text(folder.path()), "--local"]).env("PLAY", "once").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("5 objects in 5 photos"), "{}", out(&output));
    assert!(out(&output).contains("retried             "), "{}", out(&output));
}

#[test]
fn every_photo_gets_its_line_even_where_nobody_is_left() {
    let (fixture, folder) = (Fixture::new(), photos(12, 32, 32));
    let args = ["detect", text(folder.path()), "--format", "jsonl", "-c", "2", "--retries", "3"];
    let output = fixture.command(&args).env("PLAY", "always").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 12);
    let last = lines.last().unwrap();
    assert_eq!(last["error"]["code"], "function_lost", "{last}");
    assert!(last["error"]["message"].as_str().unwrap().contains("it was too much"), "{last}");
    for line in &lines {
        let code = line["error"]["code"].as_str().unwrap();
        assert!(["connection", "worker_died", "function_lost"].contains(&code), "{line}");
    }
}

#[test]
fn what_cannot_start_is_quoted_with_its_reason_first() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    let output = fixture.command(&["detect", text(folder.path())]).env("PLAY", "broken").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    let said = err(&output);
    assert!(said.starts_with("uploader: detect-http: the model is broken\n"), "{said}");
    assert!(said.contains("exit status: 1") && said.contains("nobody knows why"), "{said}");
}

#[test]
fn what_local_prints_is_the_page_and_ctrl_c_ends_everything() {
    let fixture = Fixture::new();
    let (mut child, url) = fixture.local(&["--quiet"]);
    let port: u16 = url.strip_prefix("http://127.0.0.1:").unwrap().strip_suffix('/').unwrap().parse().unwrap();
    assert!(
        fixture.note("env").lines().any(|line| line == "API_TOKEN=secret"),
        "others may come here: the token counts"
    );
    let folder = photos(2, 32, 32);
    let output = uploader(&["detect", text(folder.path()), "--url", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));

    // The next one is at the same address.
    let first = fixture.function_pid();
    signal("KILL", first);
    let second = within(|| Some(fixture.function_pid()).filter(|pid| *pid != first));
    within(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok());

    signal("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    within(|| (!is_alive(second)).then_some(()));
    within(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
}

#[test]
fn it_ends_even_where_we_are_killed() {
    let fixture = Fixture::new();
    let (mut child, _) = fixture.local(&[]);
    let pid = fixture.function_pid();
    child.kill().unwrap();
    child.wait().unwrap();
    within(|| (!is_alive(pid)).then_some(()));
}

#[test]
fn two_of_them_are_compared_in_turns_each_with_its_own_settings() {
    let (fixture, folder) = (Fixture::new(), photos(3, 32, 32));
    let photo = folder.path().join("1.jpg");
    let report = folder.path().join("report.json");
    // A photo behind a bare --local is a photo.
    let mut command = fixture.command(&["compare", "--local", text(&photo), text(&folder.path().join("2.jpg"))]);
    let good = format!("good=,model=yolox-s,threads=2,function={}", text(&fixture.path("function")));
    let output = command.args(["--local", &good, "--ladder", "0", "--report", text(&report)]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let targets = report["targets"].as_array().unwrap();
    let names: Vec<&str> = targets.iter().map(|target| target["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["local", "good"]);
    assert!(targets.iter().all(|target| target["answered"] == 2), "{targets:?}");
    assert!(targets[1]["title"].as_str().unwrap().contains("model yolox-s, threads 2"), "{}", targets[1]["title"]);
}

#[test]
fn wrong_settings_are_told_with_those_that_are_possible() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    for (args, words) in [
        (&["--local", "a=,modle=x", "--local", "b="][..], &["a=,modle=x", "\"modle\"", "model, sessions, threads"][..]),
        (&["--emulator", "a=,memory=12", "--local"], &["memory", "128", "10240", "\"12\""]),
        (&["--local", "a=,threads=0", "--local"], &["threads", "1"]),
        (&["--docker", "a=image,sessions=2", "--local"], &["\"sessions\"", "model, memory, cpus"]),
        (&["--local", "model=x", "--local", "b="], &["model=x", "NAME=,KEY=VALUE"]),
        (&["--local", "--local"], &["two targets are called \"local\""]),
        (&["--url", "http://h/", "--emulator", "--sessions", "2"], &["--sessions", "--local"]),
    ] {
        let output = fixture.command(&[&["compare", text(folder.path())], args].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", out(&output));
        for word in words {
            assert!(err(&output).contains(word), "{word} is missing in {}", err(&output));
        }
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_panic() {
    let (fixture, folder) = (Fixture::new(), photos(1, 32, 32));
    // Without the function each photo is told on standard error, which nobody reads.
    std::fs::write(folder.path().join("2.jpg"), b"\xff\xd8\xff").unwrap();
    std::fs::write(fixture.path("answer"), "nonsense").unwrap();
    let mut command = fixture.command(&["detect", text(folder.path()), "--format", "jsonl", "--output", "/dev/null"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
