//! A stand-in for a container engine, so that tests need none.

#![allow(unreachable_pub, reason = "a module of a test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{self, text, uploader};

/// Plays `docker`: notes what was created and removed.
const DOCKER: &str = r#"#!/bin/sh
refuse() { echo "$1" >&2; exit 1; }
[ "$PLAY" != down ] || refuse 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?'
cd "$PLAY_NOTES" || exit
for last; do :; done
case $1 in
    info) echo 8 ;;
    image)
        [ "$last" != nowhere ] || refuse 'Error: No such image: nowhere'
        [ "$last" != bare ] && echo '{"Cmd": ["detect-http"]}' || echo '{"Cmd": null}' ;;
    ps) cat listed 2>/dev/null ;;
    create)
        [ "$PLAY" != full ] || refuse 'Error response from daemon: no space left on device'
        [ ! -e stopped ] || refuse 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?'
        [ "$2" = --name ] || refuse "no name: $*"
        name=$3
        printf '%s\n' "$@" >"$name.new"
        mv "$name.new" "$name.created"
        echo 0123456789ab ;;
    start)
        [ "$2" = --attach ] && [ -e "$3.created" ] || refuse "cannot: $*"
        [ "$PLAY" != broken ] || { echo 'the model is broken'; exit 7; }
        exec "$PLAY_NOTES/emulator" "$3" ;;
    port)
        [ -e "$2.port" ] || refuse 'Error: No public port'
        echo "127.0.0.1:$(cat "$2.port")" ;;
    rm)
        [ "$2" = --force ] || refuse "gently: $*"
        [ ! -e "$last.pid" ] || kill -9 "$(cat "$last.pid")" 2>/dev/null
        mv "$last.created" "$last.removed" ;;
    *) refuse "unknown: $*" ;;
esac
"#;

/// Plays the emulator of a container: notes its calls.
const EMULATOR: &str = r#"#!/usr/bin/env python3
import http.server, json, os, pathlib, sys, threading, time
notes, play, name = pathlib.Path(os.environ["PLAY_NOTES"]), os.environ["PLAY"], sys.argv[1]

def note(name, text):
    (notes / (name + ".new")).write_text(text)
    (notes / (name + ".new")).rename(notes / name)

def first(what):
    """True once, whichever of the containers asks."""
    try:
        (notes / what).touch(exist_ok=False)
        return True
    except FileExistsError:
        return False

class Emulator(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    busy, calls = threading.Lock(), 0

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        # As the real one: it crashes on a second call beside the first.
        if not self.busy.acquire(blocking=False):
            print("two calls at once", flush=True)
            os._exit(2)
        Emulator.calls += 1
        note(f"{name}.call{Emulator.calls:02}", json.dumps({"path": self.path, "event": event}))
        body = self.answer(event["rawPath"] == "/health")
        self.busy.release()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, health):
        if health:
            return json.dumps({"statusCode": 503 if play == "ill" else 200, "body": "well or not"}).encode()
        if play == "error":
            return b'{"errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1 Error: exit status 101"}'
        if play == "late":
            return b"Task timed out after 30.00 seconds"
        if play == "cut":
            return b'{"statusCode": 200, "body": "' + b"x" * (6 << 20)
        if play == "problem":
            problem = {"type": "x", "title": "x", "status": 422, "code": "undecodable_image", "detail": "It ends early."}
            return json.dumps({"statusCode": 422, "headers": {}, "body": json.dumps(problem)}).encode()
        if play == "die" or (play == "die once" and first("died")):
            print("Error: the photo was too much", flush=True)
            os._exit(137)
        if play == "stop":
            (notes / "stopped").touch()
            os._exit(255)
        if play == "hang" or (play == "hang once" and first("hung")):
            time.sleep(600)
        answer = {"statusCode": 200, "headers": {"content-type": "application/json"}}
        return json.dumps(answer | {"body": (notes / "answer").read_text()}).encode()

    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Emulator)
note(f"{name}.pid", str(os.getpid()))
note(f"{name}.port", str(server.server_address[1]))
server.serve_forever()
"#;

/// Stand-ins for `docker` and for the emulators of its containers, and what they have noted.
pub struct Fixture(pub tempfile::TempDir);

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in [("docker", DOCKER), ("emulator", EMULATOR)] {
            let path = folder.path().join(name);
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::write(folder.path().join("answer"), common::cat().to_string()).unwrap();
        Self(folder)
    }

    pub fn command(&self, play: &str, image: &str, args: &[&str]) -> Command {
        let mut command = uploader(&["detect", "--docker", image]);
        command.args(args);
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("PLAY_NOTES", self.0.path()).env("PLAY", play).env_remove("RUST_LOG");
        command
    }

    pub fn run(&self, play: &str, args: &[&str]) -> Output {
        self.command(play, "spotter:test", args).output().unwrap()
    }

    /// Notes whose name ends so, in order.
    pub fn notes(&self, end: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut found: Vec<PathBuf> = entries.filter(|path| text(path).ends_with(end)).collect();
        found.sort();
        found
    }

    /// The calls that containers got, each container's in order.
    pub fn calls(&self) -> Vec<Value> {
        let mut found: Vec<PathBuf> = (1..30).flat_map(|number| self.notes(&format!(".call{number:02}"))).collect();
        found.sort();
        found.iter().map(|path| json(path)).collect()
    }

    /// How many containers there were; all of them must be gone.
    pub fn removed(&self) -> usize {
        assert_eq!(self.notes(".created"), Vec::<PathBuf>::new(), "containers are left");
        self.notes(".removed").len()
    }
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub fn within<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}
