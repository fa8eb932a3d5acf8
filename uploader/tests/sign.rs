//! Signatures: for Function URLs without being asked, elsewhere with `--sign`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Say, Server, cat, err, out, photos, text, uploader};

const HOST: &str = "http://abc123.lambda-url.eu-central-1.on.aws/";

fn server() -> Server {
    Server::start(|_, _| Say::json(200, &cat()))
}

fn with_credentials(args: &[&str]) -> std::process::Output {
    uploader(args)
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .env("AWS_SESSION_TOKEN", "token")
        .output()
        .unwrap()
}

#[test]
fn function_urls_are_signed_for_their_region() {
    let server = server();
    let folder = photos(2, 32, 32);
    let via = server.address.to_string();
    let output =
        with_credentials(&["detect", text(folder.path()), "--url", HOST, "--connect-to", &via, "--iou", "0.5"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    for request in server.seen() {
        let authorization = &request.headers["authorization"];
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
        assert!(authorization.contains("/eu-central-1/lambda/aws4_request"), "{authorization}");
        assert!(authorization.contains("host") && authorization.contains("x-amz-date"), "{authorization}");
        assert_eq!(request.headers["x-amz-security-token"], "token");
        assert_eq!(request.headers["host"], "abc123.lambda-url.eu-central-1.on.aws");
        assert_eq!(request.target, "/detect?iou=0.5");
    }
}

#[test]
fn elsewhere_only_on_request() {
    let server = server();
    let folder = photos(1, 32, 32);
    with_credentials(&["detect", text(folder.path()), "--url", &server.url()]);
    with_credentials(&["detect", text(folder.path()), "--url", &server.url(), "--sign", "us-east-1"]);
    with_credentials(&[
        "detect",
        text(folder.path()),
        "--url",
        HOST,
        "--connect-to",
        &server.address.to_string(),
        "--no-sign",
    ]);
    let signed: Vec<bool> = server.seen().iter().map(|request| request.headers.contains_key("authorization")).collect();
    assert_eq!(signed, [false, true, false]);
}

#[test]
fn without_credentials_asking_is_an_error_and_a_function_url_is_tried_unsigned() {
    let server = Server::start(|_, _| Say::new(403, r#"{"Message":"Forbidden"}"#));
    let folder = photos(1, 32, 32);
    let output =
        uploader(&["detect", text(folder.path()), "--url", &server.url(), "--sign", "us-east-1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("AWS_ACCESS_KEY_ID"), "{}", err(&output));
    let via = server.address.to_string();
    let output = uploader(&["detect", text(folder.path()), "--url", HOST, "--connect-to", &via]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("not signed"), "{}", err(&output));
    assert!(out(&output).contains("http_403") && out(&output).contains("--sign"), "{}", out(&output));
}

#[test]
fn a_token_is_sent_where_nothing_is_signed() {
    let server = server();
    let folder = photos(1, 32, 32);
    let sent = |more: &[&str]| {
        let url = server.url();
        let arguments = [&["detect", text(folder.path()), "--url", &url], more].concat();
        let output = uploader(&arguments)
            .env("API_TOKEN", "open sesame")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
        server.seen().last().unwrap().headers["authorization"].clone()
    };
    assert_eq!(sent(&[]), "Bearer open sesame");
    assert!(sent(&["--sign", "us-east-1"]).starts_with("AWS4-HMAC-SHA256"));
}
