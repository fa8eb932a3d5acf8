//! The same over TLS, with a certificate of our own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::{cat, err, out, photos, text, uploader};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers cats on a port; writes its certificate to `pem`.
async fn serve(pem: &Path, handshakes: Arc<AtomicUsize>) -> u16 {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(pem, own.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, handshakes) = (acceptor.clone(), Arc::clone(&handshakes));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                handshakes.fetch_add(1, Ordering::SeqCst);
                let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| async move {
                    let health = request.uri().path() == "/health";
                    let _ = request.into_body().collect().await;
                    let answer = if health { json!({"status": "ok"}) } else { cat() };
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer.to_string()))))
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    port
}

#[test]
fn tls_is_measured_once_per_connection_and_certificates_are_checked() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = photos(6, 32, 32);
    let pem = folder.path().join("root.pem");
    let handshakes = Arc::new(AtomicUsize::new(0));
    let port = runtime.block_on(serve(&pem, Arc::clone(&handshakes)));
    let url = format!("https://localhost:{port}/");
    let args = ["detect", text(folder.path()), "--url", &url, "-c", "2", "-f", "jsonl", "--retries", "0"];

    let output = uploader(&args).env("SSL_CERT_FILE", &pem).env_remove("SSL_CERT_DIR").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    // Two that photos are sent on; before, two that ask whether any can be.
    assert_eq!(handshakes.load(Ordering::SeqCst), 4);
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shook = lines.iter().filter(|line| line["client_ms"]["tls"].as_f64().unwrap() > 0.0).count();
    assert_eq!(shook, 2);

    let stranger = folder.path().join("stranger.pem");
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&stranger, other.cert.pem()).unwrap();
    let output = uploader(&args).env("SSL_CERT_FILE", &stranger).env_remove("SSL_CERT_DIR").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("TLS handshake with localhost failed"), "{}", err(&output));
}
