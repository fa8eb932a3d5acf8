//! `uploader page`: what a browser asks is checked, signed and passed on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use common::signature::{CREDENTIALS, HOST, signature};
use common::{Reply, Server, err, signal, uploader};
use serde_json::{Value, json};

/// A page that runs.
struct Page {
    process: Child,
    address: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        signal("TERM", self.process.id());
        self.process.wait().unwrap();
    }
}

/// An answer as it arrived.
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn problem(&self, status: u16, code: &str) -> String {
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{text}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

impl Page {
    fn start(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = uploader(&[&["page", "--port", "0"], args].concat());
        let mut process = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line}");
        Self { process, address }
    }

    /// The page of a function in AWS, played by `server`.
    fn signed(server: &Server, more: &[&str]) -> Self {
        let via = server.address.to_string();
        let args = [&["--url", HOST, "--connect-to", &via], more].concat();
        Self::start(&args, &CREDENTIALS)
    }

    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let host = headers.iter().any(|(name, _)| *name == "Host");
        let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !host {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // What is refused by its head alone may be answered and closed before all of it is there.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pairs = lines.map(|line| line.split_once(": ").unwrap());
        let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Answer { status, headers, body: all[end + 4..].to_vec() }
    }
}

#[test]
fn what_is_passed_on_is_signed() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/" => {
            let mut page = Reply::new(200, "<html>the page</html>");
            page.headers = vec![
                ("content-type", "text/html".to_owned()),
                ("content-security-policy", "default-src 'none'".to_owned()),
                ("access-control-allow-origin", "*".to_owned()),
                ("set-cookie", "a=b".to_owned()),
            ];
            page
        }
        _ => Reply::json(200, &common::cat()),
    });
    let page = Page::signed(&server, &[]);
    let answer = page.ask("GET", "/", &[("Accept-Encoding", "gzip"), ("Cookie", "mine=1")], b"");
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"<html>the page</html>"[..]));
    assert_eq!(answer.headers["content-security-policy"], "default-src 'none'");
    assert!(!answer.headers.contains_key("access-control-allow-origin") && !answer.headers.contains_key("set-cookie"));
    let photo = vec![0xff; 100_000];
    let target = "/detect?confidence=0.05&classes=traffic+light,dog";
    let headers = [("Content-Type", "image/jpeg"), ("Origin", &format!("http://{}", page.address))];
    let answer = page.ask("POST", target, &headers, &photo);
    let document: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(document["detections"][0]["label"], "cat");
    assert_eq!(page.ask("GET", "/model", &[], b"").status, 200);

    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].target, "/detect?confidence=0.05&classes=traffic%20light%2Cdog");
    assert_eq!((seen[1].body.len(), seen[1].headers["content-type"].as_str()), (100_000, "image/jpeg"));
    assert_eq!(seen[0].headers["accept-encoding"], "gzip");
    for seen in &seen {
        assert_eq!(seen.headers["host"], "abc123.lambda-url.eu-central-1.on.aws");
        assert_eq!(seen.headers["x-amz-security-token"], "token");
        let sent = seen.headers["authorization"].split("Signature=").nth(1).unwrap();
        let (expected, signed) = signature(seen);
        assert_eq!(sent, expected, "{}", seen.target);
        assert!(signed.contains(&"host".to_owned()), "{signed:?}");
        for name in ["cookie", "origin"] {
            assert!(!seen.headers.contains_key(name), "{name} was passed on");
        }
    }
    assert_eq!(server.connections(), 1, "connections are kept");
}

#[test]
fn other_web_sites_are_refused_and_nothing_is_passed_on() {
    let server = Server::start(|_, _| Reply::json(200, &common::cat()));
    let page = Page::signed(&server, &[]);
    for headers in [
        &[("Origin", "https://evil.example")][..],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        // A name of theirs that leads here.
        &[("Host", "evil.example")],
        &[("Host", "evil.example:9001"), ("Origin", "http://evil.example:9001"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        for (method, target) in [("POST", "/detect"), ("GET", "/"), ("OPTIONS", "/detect")] {
            let answer = page.ask(method, target, headers, b"");
            answer.problem(403, "foreign_origin");
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    page.ask("DELETE", "/detect", &[], b"").problem(405, "method_not_allowed");
    assert!(server.seen().is_empty());
    assert_eq!(page.ask("GET", "/model", &[("Host", "localhost")], b"").status, 200);
}

#[test]
fn what_goes_wrong_over_there_is_told_as_a_problem() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/forbidden" => Reply::new(403, r#"{"Message":"Forbidden"}"#),
        "/busy" => {
            let mut busy = Reply::json(
                429,
                &json!({"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}),
            );
            busy.headers = vec![("retry-after", "1".to_owned())];
            busy
        }
        "/token" => {
            let mut problem = Reply::json(401, &json!({"code": "unauthorized", "detail": "Missing token."}));
            problem.headers = vec![("content-type", "application/problem+json".to_owned())];
            problem
        }
        "/gateway" => Reply::new(502, "Internal Server Error"),
        "/moved" => Reply::new(302, ""),
        "/detect" => {
            let problem = wire::Problem::new(wire::Code::UndecodableImage, "The JPEG ends early.");
            let mut ours = Reply::json(422, &serde_json::to_value(problem).unwrap());
            ours.headers = vec![("content-type", "application/problem+json".to_owned())];
            ours
        }
        "/slow" => Reply { after: Duration::from_secs(20), ..Reply::new(200, "") },
        _ => Reply { hang_up: true, ..Reply::new(200, "") },
    });
    let page = Page::signed(&server, &["--timeout", "2"]);
    let said = page.ask("GET", "/forbidden", &[], b"").problem(502, "http_403");
    assert!(said.contains("lambda:InvokeFunctionUrl and lambda:InvokeFunction"), "{said}");
    let busy = page.ask("GET", "/busy", &[], b"");
    assert!(busy.problem(429, "http_429").contains("Rate Exceeded"));
    assert_eq!(busy.headers["retry-after"], "1");
    assert!(page.ask("GET", "/token", &[], b"").problem(502, "unauthorized").contains("Authorization"));
    page.ask("GET", "/gateway", &[], b"").problem(502, "http_502");
    page.ask("GET", "/moved", &[], b"").problem(502, "http_302");
    assert_eq!(page.ask("POST", "/detect", &[], b"x").problem(422, "undecodable_image"), "The JPEG ends early.");
    assert!(page.ask("GET", "/slow", &[], b"").problem(504, "timeout").contains("within 2 s"));
    drop(server);
    let said = page.ask("GET", "/", &[], b"").problem(502, "connection");
    assert!(said.contains("cannot be reached: cannot connect to 127.0.0.1"), "{said}");
}

#[test]
fn what_lambda_does_not_take_is_not_sent() {
    let server = Server::start(|_, _| Reply::json(200, &common::cat()));
    let page = Page::signed(&server, &[]);
    let said = page.ask("POST", "/detect", &[], &vec![0; (6 << 20) + 1]).problem(413, "too_many_bytes");
    assert!(said.contains("6291456"), "{said}");
    assert!(server.seen().is_empty());
}

#[test]
fn a_token_goes_along_where_nothing_is_signed() {
    let server = Server::start(|_, _| Reply::json(200, &common::cat()));
    let url = server.url();
    let page = Page::start(&["--url", &url], &[("API_TOKEN", "open sesame")]);
    page.ask("GET", "/model", &[], b"");
    page.ask("GET", "/model", &[("Authorization", "Bearer mine")], b"");
    drop(page);
    // Without one, what the page has asked for is passed on.
    let page = Page::start(&["--url", &url], &[]);
    page.ask("GET", "/model", &[("Authorization", "Bearer mine")], b"");
    let seen: Vec<_> = server.seen().into_iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(seen, ["Bearer open sesame", "Bearer open sesame", "Bearer mine"]);
}

#[test]
fn it_listens_on_this_machine_and_says_so_where_it_does_not() {
    let server = Server::start(|_, _| Reply::json(200, &common::cat()));
    let url = server.url();
    let mut elsewhere = uploader(&["page", "--url", &url, "--host", "0.0.0.0", "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(elsewhere.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    signal("TERM", elsewhere.id());
    elsewhere.wait().unwrap();
    assert!(line.contains("anyone who reaches 0.0.0.0:"), "{line}");
}

#[test]
fn what_is_no_function_is_told_at_once() {
    let server = Server::of_everything(|_, _| Reply::new(403, r#"{"Message":"Forbidden"}"#));
    let output = uploader(&["page", "--url", &server.url(), "--port", "0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("403 Forbidden"), "{}", err(&output));
    let taken = server.address.port().to_string();
    let output = uploader(&["page", "--url", &server.url(), "--port", &taken]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--port"), "{}", err(&output));
}
