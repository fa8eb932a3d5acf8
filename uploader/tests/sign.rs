//! Signatures: for Function URLs without being asked, elsewhere with `--sign`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::signature::{CREDENTIALS, HOST, signature};
use common::{Reply, Server, cat, err, out, photos, text, uploader};

fn server() -> Server {
    Server::start(|_, _| Reply::json(200, &cat()))
}

fn with_credentials(args: &[&str]) -> std::process::Output {
    uploader(args).envs(CREDENTIALS).output().unwrap()
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

const RESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A query as AWS canonicalises it, by those to whom `+` is a blank and by those to whom it is a plus.
fn canonical(query: &str, plus_is_a_blank: bool) -> String {
    let word = |word: &str| {
        let word = if plus_is_a_blank { word.replace('+', " ") } else { word.to_owned() };
        let bytes: Vec<u8> = percent_encoding::percent_decode_str(&word).collect();
        percent_encoding::percent_encode(&bytes, RESERVED).to_string()
    };
    let mut pairs: Vec<_> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (word(name), word(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[test]
fn every_reading_of_the_query_gives_the_signature_that_was_sent() {
    let server = server();
    let folder = photos(1, 32, 32);
    let via = server.address.to_string();
    // What a URL holds already counts as a form's: `+` is a blank.
    let url = format!("{HOST}?note=a+b%2Bc*&format=spotter");
    let labels = "traffic light,dog,a+b,café's (~100%)/x:y";
    for body in ["binary", "base64"] {
        let arguments =
            ["detect", text(folder.path()), "--url", &url, "--connect-to", &via, "--classes", labels, "--body", body];
        let output = with_credentials(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    }
    let seen = server.seen();
    let query = seen[0].target.split_once('?').unwrap().1;
    assert!(query.contains("classes=traffic%20light%2Cdog%2Ca%2Bb%2Ccaf%C3%A9%27s%20%28~100%25%29%2Fx%3Ay"), "{query}");
    for seen in seen {
        let query = seen.target.split_once('?').unwrap().1;
        assert!(query.starts_with("note=a%20b%2Bc%2A&format=spotter"), "{query}");
        assert_eq!(canonical(query, true), canonical(query, false));
        let sent = seen.headers["authorization"].split("Signature=").nth(1).unwrap();
        assert_eq!(sent, signature(&seen).0, "{}", seen.target);
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
    let server = Server::start(|_, _| Reply::new(403, r#"{"Message":"Forbidden"}"#));
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
