//! The function under Lambda's emulator: started, watched, and always ended. A stand-in plays the emulator, so that these
//! tests need neither cargo-lambda nor a model.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{err, out, photos, text, uploader};

/// Plays `cargo-lambda lambda watch`: answers every call by itself.
const EMULATOR: &str = r#"#!/usr/bin/env python3
import http.server, os, sys
assert sys.argv[1:3] == ["lambda", "watch"] and os.path.exists("Cargo.toml"), sys.argv
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        status = int(os.environ.get("PLAY_STATUS", 200))
        body = open(os.environ["PLAY_ANSWER"], "rb").read()
        if status == 200 and self.path.endswith("/health"):
            body = b'{"status": "ok"}'
        elif status == 200 and self.path.endswith("/detect") and not sent:
            status, body = 400, b'{"code": "missing_image"}'
        self.send_response(status if "/lambda-url/detect-http/" in self.path else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *args): pass
port = int(sys.argv[sys.argv.index("--invoke-port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

/// Plays the function: notes its process id and what it was told, and waits.
const FUNCTION: &str = "#!/bin/sh\nenv > \"$PLAY_NOTES/env\"\necho $$ > \"$PLAY_NOTES/pid.new\"\nmv \"$PLAY_NOTES/pid.new\" \"$PLAY_NOTES/pid\"\nexec sleep 600\n";
const BROKEN_FUNCTION: &str = "#!/bin/sh\necho 'the model is broken' >&2\nexit 7\n";

struct Fixture(tempfile::TempDir);

impl Fixture {
    fn new(function: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [("cargo-lambda", EMULATOR), ("function", function)] {
            let path = folder.path().join(name);
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(folder.path().join("answer"), common::cat().to_string()).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = uploader(args);
        command.arg("--function").arg(self.path("function"));
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("PLAY_NOTES", self.0.path()).env("PLAY_ANSWER", self.path("answer"));
        command
    }

    /// `uploader local`, once it has printed its first line.
    fn local(&self) -> (Child, String) {
        let mut child = self
            .command(&["local", "--emulator", "--port", "0", "--workers", "1", "--memory", "3538"])
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

fn within<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_alive(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
}

#[test]
fn the_first_line_is_the_url_and_ctrl_c_ends_everything() {
    let fixture = Fixture::new(FUNCTION);
    let (mut child, url) = fixture.local();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/lambda-url/detect-http/"), "{url}");
    let told = std::fs::read_to_string(fixture.path("env")).unwrap_or_default();
    let port = url.split(['/', ':']).nth(4).unwrap();
    let pid = fixture.function_pid();
    let told = if told.is_empty() { std::fs::read_to_string(fixture.path("env")).unwrap() } else { told };
    for line in [
        format!("AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:{port}/.rt/detect-http"),
        "AWS_LAMBDA_FUNCTION_NAME=detect-http".to_owned(),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=3538".to_owned(),
    ] {
        assert!(told.lines().any(|told| told == line), "{line} is missing in {told}");
    }

    let folder = photos(2, 32, 32);
    let output = uploader(&["detect", text(folder.path()), "--url", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));

    signal("INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    within(|| (!is_alive(pid)).then_some(()));
    within(|| std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_err().then_some(()));
}

#[test]
fn children_end_even_where_we_are_killed() {
    let fixture = Fixture::new(FUNCTION);
    let (mut child, url) = fixture.local();
    let pid = fixture.function_pid();
    child.kill().unwrap();
    child.wait().unwrap();
    within(|| (!is_alive(pid)).then_some(()));
    let port: u16 = url.split(['/', ':']).nth(4).unwrap().parse().unwrap();
    within(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
}

#[test]
fn a_dead_worker_is_replaced() {
    let fixture = Fixture::new(FUNCTION);
    let (mut child, _) = fixture.local();
    let first = fixture.function_pid();
    signal("KILL", first);
    let second = within(|| Some(fixture.function_pid()).filter(|pid| *pid != first));
    assert!(is_alive(second));
    signal("TERM", child.id());
    child.wait().unwrap();
    within(|| (!is_alive(second)).then_some(()));
}

#[test]
fn a_function_that_cannot_start_is_quoted() {
    let fixture = Fixture::new(BROKEN_FUNCTION);
    let folder = photos(1, 32, 32);
    let mut command = fixture.command(&["detect", text(folder.path()), "--emulator"]);
    let output = command.env("PLAY_STATUS", "503").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    assert!(err(&output).contains("the model is broken") && err(&output).contains("detect-http"), "{}", err(&output));
}

#[test]
fn the_emulator_is_a_target() {
    let fixture = Fixture::new(FUNCTION);
    let folder = photos(3, 32, 32);
    let output = fixture.command(&["detect", text(folder.path()), "--emulator", "-c", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("local emulator"), "{}", out(&output));
    let pid = fixture.function_pid();
    within(|| (!is_alive(pid)).then_some(()));
}

#[test]
fn without_the_emulator_it_says_how_to_get_it() {
    let fixture = Fixture::new(FUNCTION);
    let folder = photos(1, 32, 32);
    let mut command = fixture.command(&["detect", text(folder.path()), "--emulator"]);
    command.env("PATH", "/nonexistent").current_dir(folder.path());
    let output = command.output().unwrap();
    // A checkout that `make` has set up has one, above the test's binary.
    if !Path::new(env!("CARGO_BIN_EXE_uploader"))
        .ancestors()
        .any(|folder| folder.join(".tools/venv/bin/cargo-lambda").exists())
    {
        assert_eq!(output.status.code(), Some(2));
        assert!(
            err(&output).contains("cargo-lambda") && err(&output).contains("tools/setup emulator"),
            "{}",
            err(&output)
        );
    }
}
