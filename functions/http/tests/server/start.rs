//! Command line, environment, the line on standard output, exit codes.

use std::net::TcpListener;
use std::process::Output;

use crate::process::{Server, command};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command().args(arguments).envs(variables.iter().copied()).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn without_an_address_it_says_in_two_lines_how_to_start_it() {
    for variables in [&[][..], &[("LISTEN", "")]] {
        let (code, out, err) = run(&[], variables);
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 2), "{err}");
        assert!(err.contains("--listen") && err.contains("LISTEN="), "{err}");
    }
}

#[test]
fn help_and_version() {
    let (code, out, _) = run(&["--help"], &[]);
    assert_eq!(code, Some(0));
    assert!(["--listen", "--sessions", "--threads", "--queue"].iter().all(|option| out.contains(option)), "{out}");
    let (code, out, _) = run(&["--version"], &[]);
    assert_eq!((code, out), (Some(0), format!("detect-http {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_use_is_2_and_a_failure_1() {
    for arguments in
        [&["--listen", "nowhere"][..], &["--listen", "0", "--sessions", "0"], &["--nonsense"], &["photo.jpg"]]
    {
        let (code, out, err) = run(arguments, &[]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    }
    let (code, _, err) = run(&["--listen", "0"], &[("CONFIDENCE", "high")]);
    assert_eq!(code, Some(2));
    assert!(err.contains("CONFIDENCE"), "{err}");

    let (code, out, err) = run(&["--listen", "0"], &[("MODEL", "/nowhere/model.onnx")]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("/nowhere/model.onnx") && out.starts_with("http://127.0.0.1:"), "{out}{err}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (code, out, err) = run(&["--listen", &taken.local_addr().unwrap().to_string()], &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("another port"), "{err}");
}

#[test]
fn one_line_and_no_more_on_standard_output() {
    let mut server = Server::start(&[]);
    assert!(server.address.ip().is_loopback());
    assert_eq!(server.get("/model").status, 200);
    server.signal("TERM");
    let (status, rest) = server.ended();
    assert!(status.success());
    assert_eq!(rest, "");
    assert!(server.log().contains("path=\"/model\" status=200"), "{}", server.log());
}

#[test]
fn every_answer_and_every_line_has_the_requests_id() {
    let mut server = Server::start_with(&[], &[("METRICS", "on"), ("AWS_LAMBDA_LOG_FORMAT", "json")]);
    let id = |server: &Server, line: &str, headers: &[&str]| {
        server.connect().ask(line, headers, b"x").headers["x-request-id"].clone()
    };
    let given = id(&server, "GET /health", &["X-Request-Id: Root=1-abc"]);
    assert_eq!(given, "Root=1-abc");
    // Problems have one, too, and what is none is not taken.
    let made = id(&server, "POST /detect", &["X-Request-Id: two words"]);
    assert!(made.len() == 36 && made != id(&server, "GET /nowhere", &[]), "{made}");
    server.signal("TERM");
    let (_, rest) = server.ended();
    // Metrics are lines of the log here: standard output is for the address alone.
    assert_eq!(rest, "");
    let log = server.log();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |id: &str| lines.iter().find(|line| line["request_id"] == id && line["message"] == "request").unwrap();
    assert_eq!((&of("Root=1-abc")["status"], &of(&made)["status"]), (&200.into(), &415.into()), "{log}");
    assert_eq!((&of(&made)["Photos"], &of(&made)["function_name"]), (&1.into(), &"detect-http".into()));
}

#[test]
fn it_warns_where_nobody_is_kept_out() {
    let warns = |listen: &str, variables: &[(&str, &str)]| {
        // The later --listen would be refused, so this is the environment's turn.
        let mut child = command().env("LISTEN", listen).envs(variables.iter().copied()).spawn().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut String::new())
            .unwrap();
        child.kill().unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap().contains("anyone who can reach")
    };
    assert!(warns("0.0.0.0:0", &[]));
    assert!(!warns("0.0.0.0:0", &[("API_TOKEN", "sesame")]));
    assert!(!warns("127.0.0.1:0", &[]));
}

#[test]
fn a_closed_standard_error_is_nobodys_end() {
    let mut child = command().args(["--listen", "0"]).spawn().unwrap();
    drop(child.stderr.take());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
    let address = line.trim().trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    for _ in 0..3 {
        assert!([200, 503].contains(&crate::client::Connection::open(address).get("/health").status));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
