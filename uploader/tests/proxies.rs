//! Proxies: what is asked through them and what is not, and what is said when they do not help.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod dataset;

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::authority::{Authority, TlsTerminator};
use common::proxy::{Proxy, ProxyBehavior};
use common::{Reply, Server, cat, err, out, photos, text, uploader};
use dataset::s3::{self, KEY, SECRET};
use dataset::{DatasetFixture, Function, code};
use serde_json::Value;

/// Nobody's: only a proxy knows where it leads.
const PLAIN: &str = "http://name.invalid/";
const SECURE: &str = "https://name.invalid/";
/// `user:p@ss word`, as it stands in a proxy's URL, and as a proxy sees it.
const USER: (&str, &str) = ("user:p%40ss%20word", "Basic dXNlcjpwQHNzIHdvcmQ=");

fn server() -> Server {
    Server::start(|_, _| Reply::json(200, &cat()))
}

fn detect(folder: &tempfile::TempDir, url: &str) -> Command {
    uploader(&["detect", text(folder.path()), "--url", url, "-c", "1", "--retries", "1", "-f", "jsonl"])
}

fn with_user(proxy: &Proxy, user: &str) -> String {
    format!("http://{user}@{}", proxy.address)
}

fn wants_password() -> ProxyBehavior {
    ProxyBehavior { authorization: Some(USER.1), ..ProxyBehavior::default() }
}

fn good(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}{}", out(output), err(output));
}

#[test]
fn plain_requests_are_whole_urls_by_each_variable_in_both_cases() {
    let folder = photos(2, 32, 32);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        let server = server();
        let proxy = Proxy::to(server.address);
        good(&detect(&folder, PLAIN).env(variable, proxy.url()).output().unwrap());
        let asked = proxy.asked();
        let requests: Vec<_> = asked.iter().map(|asked| (asked.method.as_str(), asked.target.as_str())).collect();
        let (health, detect) = (("GET", "http://name.invalid/health"), ("POST", "http://name.invalid/detect"));
        assert_eq!(requests, [health, detect, detect, detect], "{variable}");
        assert!(asked.iter().all(|asked| asked.authorization.is_none()));
        for seen in server.seen() {
            assert_eq!((seen.target.as_str(), seen.headers["host"].as_str()), ("/detect", "name.invalid"));
        }
    }
}

#[test]
fn tls_goes_through_a_tunnel_by_each_variable_in_both_cases() {
    let folder = photos(2, 32, 32);
    let authority = Authority::new();
    let pem = authority.write(&folder.path().join("root.pem"));
    for variable in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        let server = server();
        let front = TlsTerminator::start(authority.acceptor("name.invalid"), server.address);
        let proxy = Proxy::to(front.address);
        let output = detect(&folder, SECURE).env(variable, proxy.url()).env("SSL_CERT_FILE", &pem).output().unwrap();
        good(&output);
        let asked: Vec<_> = proxy.asked().into_iter().map(|asked| (asked.method, asked.target)).collect();
        // One for all photos; before, two that ask whether there is a function, and what it thinks of the options.
        assert_eq!(asked, vec![("CONNECT".to_owned(), "name.invalid:443".to_owned()); 3], "{variable}");
        // Neither the proxy nor its password is any business of the server.
        assert!(
            server
                .seen()
                .iter()
                .all(|seen| seen.target == "/detect" && !seen.headers.contains_key("proxy-authorization"))
        );
        let first: Value = serde_json::from_str(out(&output).lines().next().unwrap()).unwrap();
        assert!(
            first["client_ms"]["connect"].as_f64().unwrap() > 0.0 && first["client_ms"]["tls"].as_f64().unwrap() > 0.0
        );
    }
}

#[test]
fn the_proxy_itself_may_speak_tls() {
    let folder = photos(1, 32, 32);
    let authority = Authority::new();
    let pem = authority.write(&folder.path().join("root.pem"));
    let server = server();
    let front = TlsTerminator::start(authority.acceptor("name.invalid"), server.address);
    for (url, to) in [(PLAIN, server.address), (SECURE, front.address)] {
        let proxy = Proxy::start(to, ProxyBehavior { tls: Some(authority.acceptor("localhost")), ..wants_password() });
        let at = format!("https://{}@localhost:{}", USER.0, proxy.address.port());
        good(&detect(&folder, url).env("ALL_PROXY", at).env("SSL_CERT_FILE", &pem).output().unwrap());
        assert_eq!(proxy.asked().len(), 3);
    }
}

#[test]
fn loopback_and_exempt_names_are_asked_directly() {
    let folder = photos(1, 32, 32);
    let server = server();
    let proxy = Proxy::to(server.address);
    let port = server.address.port();
    for url in [server.url(), format!("http://localhost:{port}/")] {
        good(&detect(&folder, &url).env("ALL_PROXY", proxy.url()).output().unwrap());
    }
    for exempt in ["name.invalid", ".invalid", "*", "other.example,name.invalid:80"] {
        let output = detect(&folder, PLAIN).env("ALL_PROXY", proxy.url()).env("NO_PROXY", exempt).output().unwrap();
        assert!(err(&output).contains("cannot resolve host name.invalid"), "{}", err(&output));
        let output = detect(&folder, PLAIN).env("ALL_PROXY", proxy.url()).env("no_proxy", exempt).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
    }
    assert_eq!(proxy.asked(), []);
    let output =
        detect(&folder, PLAIN).env("ALL_PROXY", proxy.url()).env("NO_PROXY", "name.invalid:81").output().unwrap();
    good(&output);
    // Whoever says where to connect has said it.
    let via = server.address.to_string();
    good(
        &detect(&folder, PLAIN).args(["--connect-to", &via]).env("HTTP_PROXY", "http://127.0.0.1:1").output().unwrap(),
    );
    assert_eq!(proxy.asked().len(), 3);
}

#[test]
fn user_and_password_reach_the_proxy_and_nobody_else() {
    let folder = photos(1, 32, 32);
    let authority = Authority::new();
    let pem = authority.write(&folder.path().join("root.pem"));
    let server = server();
    let front = TlsTerminator::start(authority.acceptor("name.invalid"), server.address);
    for (url, to) in [(PLAIN, server.address), (SECURE, front.address)] {
        let proxy = Proxy::start(to, wants_password());
        let run = |at: String| detect(&folder, url).env("ALL_PROXY", at).env("SSL_CERT_FILE", &pem).output().unwrap();
        good(&run(with_user(&proxy, USER.0)));
        for (at, says) in [
            (proxy.url(), "requires a user name and password"),
            (with_user(&proxy, "user:secret"), "rejected the user name or password"),
        ] {
            let before = proxy.asked().len();
            let output = run(at);
            assert_eq!(output.status.code(), Some(2));
            let said = format!("{}{}", out(&output), err(&output));
            assert!(said.contains(&format!("proxy {} (ALL_PROXY) {says}", proxy.url())), "{said}");
            assert!(said.contains("407") && !said.contains("secret"), "{said}");
            assert_eq!(proxy.asked().len(), before + 1, "what is refused for good is not tried again");
        }
    }
    assert!(server.seen().iter().all(|seen| !seen.headers.contains_key("proxy-authorization")));
}

#[test]
fn a_proxy_that_does_not_help_is_named() {
    let folder = photos(1, 32, 32);
    let server = server();
    let said = |url: &str, at: &str| {
        let output = detect(&folder, url).env("HTTPS_PROXY", at).env("HTTP_PROXY", at).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = format!("{}{}", out(&output), err(&output));
        assert!(!said.contains("secret"), "{said}");
        said
    };
    let refusing = Proxy::start(server.address, ProxyBehavior { refuses: Some(403), ..ProxyBehavior::default() });
    let text = said(SECURE, &with_user(&refusing, "me:secret"));
    assert!(
        text.contains(&format!("{} (HTTPS_PROXY) refuses to connect to name.invalid:443", refusing.url())),
        "{text}"
    );
    assert_eq!(refusing.asked().len(), 1);
    let text = said(PLAIN, &with_user(&refusing, "me:secret"));
    assert!(text.contains("403") && text.contains(&format!("{} (HTTP_PROXY)", refusing.url())), "{text}");

    let confused = Proxy::start(server.address, ProxyBehavior { refuses: Some(503), ..ProxyBehavior::default() });
    let text = said(SECURE, &confused.url());
    assert!(text.contains("cannot connect to name.invalid:443: 503"), "{text}");
    assert_eq!(confused.asked().len(), 1);

    for url in [PLAIN, SECURE] {
        let text = said(url, "http://me:secret@127.0.0.1:1");
        assert!(text.contains("proxy http://127.0.0.1:1 (HTTP") && text.contains("cannot be reached"), "{text}");
        let text = said(url, "http://me:secret@proxy.invalid:3128");
        assert!(
            text.contains("proxy http://proxy.invalid:3128 (HTTP") && text.contains("cannot be resolved"),
            "{text}"
        );
    }
    assert_eq!(server.seen().len(), 0);
}

#[test]
fn a_proxy_of_another_kind_is_refused_before_anything_is_sent() {
    let dataset = DatasetFixture::new().photos(1);
    for url in [PLAIN, SECURE] {
        let bulk = ["bulk", dataset.folder(), "--bucket", "s3://photos-in/set", "--results", "s3://results/run"];
        let runs = [
            detect(&dataset.folder, url),
            uploader(&["compare", dataset.folder(), "--url", url, "--url", "other=http://127.0.0.1:1/"]),
            uploader(&["model", "pull", "spotter-nano", "--from", url, "--dir", dataset.folder()]),
            keys(uploader(&[&bulk[..], &["--endpoint-url", url]].concat())),
        ];
        for mut run in runs {
            let output = run.env("ALL_PROXY", "socks5://me:secret@127.0.0.1:1080").output().unwrap();
            let said = err(&output);
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(said.contains("socks5://127.0.0.1:1080") && said.contains("ALL_PROXY"), "{said}");
            assert!(said.contains("unsupported scheme socks5") && !said.contains("secret"), "{said}");
        }
    }
}

fn keys(mut command: Command) -> Command {
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_REGION", "us-east-1");
    command
}

/// A dataset's command for an S3 of another name.
fn bulk(dataset: &DatasetFixture, verb: &[&str], endpoint: &str) -> Command {
    let mut command = keys(uploader(verb));
    command.args(["--bucket", "s3://photos-in/set", "--results", "s3://results/run", "--endpoint-url", endpoint]);
    command.env("XDG_STATE_HOME", dataset.state.path());
    command
}

#[test]
fn datasets_go_through_the_proxy_and_come_back_through_it() {
    let authority = Authority::new();
    for secure in [false, true] {
        let dataset = DatasetFixture::new().photos(2);
        let _function = Function::of_cats(&dataset);
        let pem = authority.write(&dataset.state.path().join("root.pem"));
        let front = TlsTerminator::start(authority.acceptor("name.invalid"), dataset.server.address);
        let (endpoint, to, method) = if secure {
            ("https://name.invalid", front.address, "CONNECT")
        } else {
            ("http://name.invalid", dataset.server.address, "PUT")
        };
        let proxy = Proxy::start(to, wants_password());
        let run = |verb: &[&str]| {
            let mut command = bulk(&dataset, verb, endpoint);
            let output =
                command.env("ALL_PROXY", with_user(&proxy, USER.0)).env("AWS_CA_BUNDLE", &pem).output().unwrap();
            assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
            output
        };
        let output = run(&["bulk", dataset.folder(), "-v"]);
        assert!(out(&output).contains("2 objects in 2 photos"), "{}", out(&output));
        assert!(out(&output).contains(&format!("proxy               {} (ALL_PROXY)", proxy.url())), "{}", out(&output));
        assert!(!out(&output).contains("word"), "{}", out(&output));
        assert!(proxy.asked().iter().any(|asked| asked.method == method), "{:?}", proxy.asked());
        let before = proxy.asked().len();
        run(&["collect"]);
        assert!(proxy.asked().len() > before);
    }
}

#[test]
fn a_dataset_whose_proxy_does_not_help_ends_soon_and_says_so() {
    let dataset = DatasetFixture::new().photos(1);
    let wanting = Proxy::start(dataset.server.address, wants_password());
    let refusing =
        Proxy::start(dataset.server.address, ProxyBehavior { refuses: Some(403), ..ProxyBehavior::default() });
    for (proxy, endpoint, says) in [
        (&wanting, "http://name.invalid", "rejected the user name or password"),
        (&wanting, "https://name.invalid", "rejected the user name or password"),
        (&refusing, "http://name.invalid", "returned 403"),
        (&refusing, "https://name.invalid", "refuses to connect to name.invalid"),
    ] {
        let start = Instant::now();
        let mut command = bulk(&dataset, &["bulk", dataset.folder()], endpoint);
        let output = command.env("ALL_PROXY", with_user(proxy, "me:secret")).output().unwrap();
        let said = err(&output);
        assert_eq!(code(&output), 2, "{said}");
        assert!(said.contains(&format!("proxy {} (ALL_PROXY)", proxy.url())) && said.contains(says), "{said}");
        assert!(!said.contains("secret"), "{said}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    for (endpoint, at) in [
        ("http://name.invalid", "http://me:secret@127.0.0.1:1"),
        ("https://name.invalid", "http://me:secret@127.0.0.1:1"),
        ("https://name.invalid", "http://me:secret@proxy.invalid:3128"),
    ] {
        let start = Instant::now();
        let output = bulk(&dataset, &["bulk", dataset.folder()], endpoint).env("ALL_PROXY", at).output().unwrap();
        let said = err(&output);
        assert_eq!(code(&output), 2, "{said}");
        let named = at.replace("me:secret@", "");
        assert!(said.contains(&format!("cannot connect to name.invalid through proxy {named} (ALL_PROXY)")), "{said}");
        assert!(!said.contains("secret"), "{said}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    assert_eq!(dataset.server.count_all("GET"), 0);
}

#[test]
fn s3s_own_refusals_are_not_the_proxys() {
    let dataset = DatasetFixture::with_server(s3::Server::with_faults(|method, _, _| {
        (method == "GET").then_some(s3::Fault::Refused(403, "AccessDenied"))
    }))
    .photos(1);
    let proxy = Proxy::to(dataset.server.address);
    let mut command = bulk(&dataset, &["bulk", dataset.folder()], "http://name.invalid");
    let output = command.env("HTTP_PROXY", proxy.url()).output().unwrap();
    assert!(err(&output).contains("s3:ListBucket") && !err(&output).contains("proxy http"), "{}", err(&output));
}

#[test]
fn models_come_through_the_proxy() {
    let weights =
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/spotter-nano/model.onnx"))
            .unwrap();
    // The mirror sends on to TLS: another variable counts for it.
    let secure = Server::start(move |_, _| Reply::new(200, weights.clone()));
    let plain = Server::start(|_, _| Reply::new(302, "").with("location", "https://name.invalid/model.onnx"));
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let pem = authority.write(&folder.path().join("root.pem"));
    let front = TlsTerminator::start(authority.acceptor("name.invalid"), secure.address);
    let (first, second) = (Proxy::to(plain.address), Proxy::to(front.address));
    let pull = |https: String| {
        let arguments =
            ["model", "pull", "spotter-nano", "--from", "http://name.invalid/m.onnx", "--dir", text(folder.path())];
        let mut command = uploader(&arguments);
        command.env("http_proxy", first.url()).env("HTTPS_PROXY", https).env("SSL_CERT_FILE", &pem).output().unwrap()
    };
    let output = pull("http://me:secret@127.0.0.1:1".to_owned());
    assert_eq!(output.status.code(), Some(1));
    let said = err(&output);
    assert!(
        said.contains("proxy http://127.0.0.1:1 (HTTPS_PROXY) cannot be reached") && !said.contains("secret"),
        "{said}"
    );
    good(&pull(second.url()));
    assert!(folder.path().join("spotter-nano.onnx").exists());
    assert_eq!(first.asked()[0].target, "http://name.invalid/m.onnx");
    assert_eq!(second.asked()[0].target, "name.invalid:443");
}

#[test]
fn a_comparison_tells_which_target_is_behind_a_proxy() {
    let folder = photos(2, 32, 32);
    let authority = Authority::new();
    let pem = authority.write(&folder.path().join("root.pem"));
    let server = server();
    let front = TlsTerminator::start(authority.acceptor("name.invalid"), server.address);
    let proxy = Proxy::to(front.address);
    let report = folder.path().join("report.json");
    let far = format!("far={SECURE}");
    let near = format!("near={}", server.url());
    let arguments =
        ["compare", text(folder.path()), "--url", &near, "--url", &far, "--warmup", "0", "--report", text(&report)];
    let at = with_user(&proxy, "me:secret");
    let output = uploader(&arguments).env("https_proxy", at).env("SSL_CERT_FILE", &pem).output().unwrap();
    good(&output);
    let through = format!("{SECURE}detect through proxy {} (https_proxy)", proxy.url());
    assert!(out(&output).contains(&through), "{}", out(&output));
    let report = std::fs::read_to_string(report).unwrap();
    let read: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(read["targets"][1]["title"], through.as_str());
    assert!(!read["targets"][0]["title"].as_str().unwrap().contains("proxy"));
    assert!(!report.contains("secret"));
    assert!(proxy.asked().iter().all(|asked| asked.method == "CONNECT"));
}
