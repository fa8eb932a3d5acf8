//! Whose certificates are trusted: the same rule for requests, datasets and models.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod dataset;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::authority::{Authority, TlsTerminator};
use common::{Reply, Server, cat, err, out, photo, text, uploader};
use dataset::DatasetFixture;
use dataset::s3::{KEY, SECRET};

/// Servers that an authority of our own speaks for, and files around it.
struct Fixture {
    dataset: DatasetFixture,
    files: tempfile::TempDir,
    function: TlsTerminator,
    store: TlsTerminator,
    mirror: TlsTerminator,
    _servers: [Server; 2],
}

impl Fixture {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let (good, other) = (Authority::new(), Authority::new());
        good.write(&files.path().join("good.pem"));
        other.write(&files.path().join("other.pem"));
        for folder in ["good", "other", "none"] {
            std::fs::create_dir(files.path().join(folder)).unwrap();
        }
        good.write(&files.path().join("good/a.pem"));
        other.write(&files.path().join("other/a.pem"));
        std::fs::write(files.path().join("both.pem"), format!("# ours\n{}\n{}", other.pem, good.pem)).unwrap();
        std::fs::write(files.path().join("empty.pem"), "no certificate").unwrap();
        std::fs::write(
            files.path().join("config"),
            format!(
                "[default]\nregion = us-east-1\n[profile good]\nca_bundle = {0}/good.pem\n[profile other]\nca_bundle = \
                 {0}/other.pem\n[profile gone]\nca_bundle = {0}/gone.pem\n",
                files.path().display()
            ),
        )
        .unwrap();
        let dataset = DatasetFixture::new();
        photo(&dataset.path("1.jpg"), 20, 20);
        let weights = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/spotter-nano/model.onnx"));
        let weights = weights.unwrap();
        let function = Server::start(|_, _| Reply::json(200, &cat()));
        let mirror = Server::start(move |_, _| Reply::new(200, weights.clone()));
        let front = |to| TlsTerminator::start(good.acceptor("localhost"), to);
        Self {
            function: front(function.address),
            store: front(dataset.server.address),
            mirror: front(mirror.address),
            _servers: [function, mirror],
            dataset,
            files,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Every way to reach a server with TLS.
    fn runs(&self) -> Vec<Command> {
        let at = |front: &TlsTerminator| format!("https://localhost:{}/", front.address.port());
        let photos = self.dataset.folder();
        let models = self.files.path().join("models");
        let _ = std::fs::remove_dir_all(&models);
        let (function, store, mirror) = (at(&self.function), at(&self.store), format!("{}m.onnx", at(&self.mirror)));
        let bulk = ["bulk", photos, "--bucket", "s3://photos-in/set", "--results", "s3://results/run", "--dry-run"];
        let mut runs = vec![
            uploader(&["detect", photos, "--url", &function, "--retries", "0"]),
            uploader(&["detect", photos, "--url", &function, "--retries", "0", "--sign", "us-east-1"]),
            uploader(&[&bulk[..], &["--endpoint-url", store.trim_end_matches('/')]].concat()),
            uploader(&["model", "pull", "spotter-nano", "--from", &mirror, "--dir", text(&models)]),
        ];
        for run in &mut runs {
            run.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env("AWS_REGION", "us-east-1");
            run.env("AWS_CONFIG_FILE", self.path("config")).env("AWS_MAX_ATTEMPTS", "1");
            run.env("XDG_STATE_HOME", self.dataset.state.path());
        }
        runs
    }

    fn connections(&self) -> usize {
        self.function.connections() + self.store.connections() + self.mirror.connections()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", out(output), err(output))
}

#[test]
fn each_way_to_name_an_authority_counts_for_every_connection() {
    let fixture = Fixture::new();
    let ways: [&[(&str, &str)]; 8] = [
        &[("AWS_CA_BUNDLE", "good.pem")],
        &[("AWS_CA_BUNDLE", "both.pem")],
        &[("SSL_CERT_FILE", "good.pem")],
        &[("SSL_CERT_DIR", "good")],
        &[("SSL_CERT_FILE", "other.pem"), ("SSL_CERT_DIR", "good")],
        // What comes first counts alone.
        &[("AWS_CA_BUNDLE", "good.pem"), ("SSL_CERT_FILE", "other.pem"), ("AWS_PROFILE", "=other")],
        &[("AWS_PROFILE", "=good"), ("SSL_CERT_FILE", "other.pem")],
        &[("AWS_CA_BUNDLE", "good.pem"), ("SSL_CERT_FILE", "gone.pem")],
    ];
    for way in ways {
        for mut run in fixture.runs() {
            for (name, value) in way {
                match value.strip_prefix('=') {
                    Some(value) => run.env(name, value),
                    None => run.env(name, fixture.path(value)),
                };
            }
            let output = run.output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{way:?}: {}", said(&output));
        }
    }
}

#[test]
fn whoever_is_not_trusted_is_not_spoken_to() {
    let fixture = Fixture::new();
    let ways: [&[(&str, &str)]; 3] = [
        &[("SSL_CERT_FILE", "other.pem")],
        &[("AWS_CA_BUNDLE", "other.pem"), ("SSL_CERT_FILE", "good.pem")],
        &[("AWS_PROFILE", "=other"), ("SSL_CERT_DIR", "good")],
    ];
    for way in ways {
        for mut run in fixture.runs().into_iter().take(2) {
            for (name, value) in way {
                match value.strip_prefix('=') {
                    Some(value) => run.env(name, value),
                    None => run.env(name, fixture.path(value)),
                };
            }
            let output = run.output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{way:?}: {}", said(&output));
            assert!(said(&output).contains("TLS handshake with localhost failed"), "{}", said(&output));
        }
    }
}

#[test]
fn a_file_that_is_not_there_or_empty_ends_the_run_before_anything_is_sent() {
    let fixture = Fixture::new();
    for (name, value, file, says) in [
        ("AWS_CA_BUNDLE", "gone.pem", "gone.pem", "cannot read"),
        ("AWS_CA_BUNDLE", "empty.pem", "empty.pem", "no PEM certificates"),
        ("SSL_CERT_FILE", "gone.pem", "gone.pem", "cannot read"),
        ("SSL_CERT_FILE", "empty.pem", "empty.pem", "no PEM certificates"),
        ("SSL_CERT_DIR", "none", "none", "no PEM certificates"),
        ("SSL_CERT_DIR", "gone", "gone", "no PEM certificates"),
        ("AWS_PROFILE", "=gone", "gone.pem", "cannot read"),
    ] {
        for mut run in fixture.runs() {
            match value.strip_prefix('=') {
                Some(value) => run.env(name, value),
                None => run.env(name, fixture.path(value)),
            };
            let output = run.output().unwrap();
            let said = err(&output);
            assert_eq!(output.status.code(), Some(2), "{name} {value}: {said}");
            let named = if name == "AWS_PROFILE" { "ca_bundle of AWS profile gone" } else { name };
            assert!(said.contains(named) && said.contains(text(&fixture.path(file))) && said.contains(says), "{said}");
            assert!(said.matches("No such file").count() < 2, "{said}");
        }
    }
    assert_eq!(fixture.connections(), 0);
}

#[test]
fn the_command_lines_profile_names_its_own_authority() {
    let fixture = Fixture::new();
    let mut run = fixture.runs().remove(2);
    let output = run.args(["--profile", "good", "-v"]).env("AWS_PROFILE", "other").output().unwrap();
    // It has no keys, and with --profile those of the environment do not count.
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(err(&output).contains("no AWS credentials"), "{}", err(&output));
    let output = fixture.runs().remove(2).args(["-v"]).env("AWS_PROFILE", "good").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let certificates =
        format!("certificates        ca_bundle of AWS profile good, {}", fixture.path("good.pem").display());
    assert!(out(&output).contains(&certificates), "{}", out(&output));
    let output = fixture.runs().remove(0).args(["-v"]).env("SSL_CERT_FILE", fixture.path("good.pem")).output().unwrap();
    assert!(out(&output).contains("certificates        SSL_CERT_FILE, "), "{}", out(&output));
}

#[test]
fn where_no_tls_is_spoken_nobody_needs_to_be_trusted() {
    let fixture = Fixture::new();
    let server = Server::start(|_, _| Reply::json(200, &cat()));
    let mut run = uploader(&["detect", fixture.dataset.folder(), "--url", &server.url()]);
    let output = run.env("SSL_CERT_FILE", fixture.path("gone.pem")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
