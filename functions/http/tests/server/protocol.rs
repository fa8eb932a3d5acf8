//! HTTP as it should be, and as it should not: versions, connections, hosts, queries, the token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

use crate::process::{Server, photo};

/// What differs from one answer to the next.
fn without_times(mut answer: Value) -> Value {
    fn strip(answer: &mut Value) {
        if let Some(members) = answer.as_object_mut() {
            members.retain(|name, _| !["timings_ms", "cold_start", "inf_time"].contains(&name.as_str()));
            members.values_mut().for_each(strip);
        }
        answer.as_array_mut().into_iter().flatten().for_each(strip);
    }
    strip(&mut answer);
    answer
}

fn requests() -> Vec<(&'static str, &'static str, Option<&'static str>, Vec<u8>)> {
    let text = STANDARD.encode(photo());
    let one = json!({ "image": text }).to_string().into_bytes();
    let many = json!({ "images": [text, "***", text] }).to_string().into_bytes();
    vec![
        ("GET", "/", None, vec![]),
        ("GET", "/health", None, vec![]),
        ("GET", "/model", None, vec![]),
        ("POST", "/", None, photo()),
        ("POST", "/detect?confidence=0.1", Some("image/webp"), photo()),
        ("POST", "/detect?annotate=true", None, photo()),
        ("POST", "/detect", Some("application/json"), one.clone()),
        ("POST", "/detect?format=coco", Some("application/json"), many),
        ("POST", "/api/detect", Some("application/json"), one),
        ("POST", "/detect?iou=x", None, photo()),
        ("POST", "/detect", Some("text/plain"), b"hello".to_vec()),
        ("POST", "/detect", None, vec![]),
        ("GET", "/nothing", None, vec![]),
        ("DELETE", "/model", None, vec![]),
    ]
}

#[tokio::test]
async fn http_2_answers_as_http_1() {
    let server = Server::start(&[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut kept = server.connect();
    for (method, path, kind, body) in requests() {
        let header = kind.map(|kind| format!("Content-Type: {kind}"));
        let old = kept.ask(&format!("{method} {path}"), &header.iter().map(String::as_str).collect::<Vec<_>>(), &body);
        let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let new = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        let (head, new) = (new.headers().clone(), (new.status().as_u16(), new.into_body().collect().await.unwrap()));
        assert_eq!(new.0, old.status, "{method} {path}");
        assert_eq!(head["content-type"], old.headers["content-type"], "{method} {path}");
        assert_eq!(head.contains_key("server-timing"), old.headers.contains_key("server-timing"), "{method} {path}");
        let new = new.1.to_bytes();
        if old.headers["content-type"].contains("json") {
            assert_eq!(
                without_times(serde_json::from_slice(&new).unwrap()),
                without_times(old.json()),
                "{method} {path}"
            );
        } else {
            assert_eq!(new, old.body, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn many_requests_at_once_on_one_http_2_connection() {
    let server = Server::start(&[]);
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let requests = (0..40).map(|_| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let request = Request::post("http://localhost/detect").body(Full::new(Bytes::from(photo()))).unwrap();
            sender.send_request(request).await.unwrap().status().as_u16()
        })
    });
    let requests: Vec<_> = requests.collect();
    for request in requests {
        assert_eq!(request.await.unwrap(), 200);
    }
    let head = Request::head("http://localhost/").body(Full::default()).unwrap();
    let answer = sender.clone().send_request(head).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-length"].to_str().unwrap().parse::<usize>().unwrap() > 10_000);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), Bytes::new());
}

#[test]
fn a_connection_is_kept() {
    let server = Server::start(&[]);
    let mut kept = server.connect();
    for _ in 0..50 {
        let answer = kept.post("/detect", &photo());
        assert_eq!(answer.status, 200);
        let timings = answer.json()["timings_ms"].clone();
        assert!(timings["queue"].as_f64().unwrap() >= 0.0 && timings["total"].as_f64() > timings["queue"].as_f64());
        assert!(answer.headers["server-timing"].starts_with("queue;dur="));
    }
    assert_eq!(kept.get("/nothing").status, 404);
    assert_eq!(kept.ask("HEAD /", &[], b"").body, b"");
    assert_eq!(kept.ask("POST /nothing", &[], &photo()).code(), "not_found");
    assert_eq!(kept.ask("POST /detect", &["Connection: close"], &photo()).status, 200);
    assert!(kept.is_closed());
}

#[test]
fn a_photo_of_12_megapixels_comes_back_in_full_size() {
    let server = Server::start(&[]);
    let pixels = image::RgbImage::from_fn(4000, 3000, |x, y| image::Rgb([(x * y) as u8, (x ^ y) as u8, (x * 7) as u8]));
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    let file = file.into_inner();
    assert!(file.len() > 5_000_000, "more than Lambda would carry: {}", file.len());
    let answer = server.connect().post("/detect?annotate=true", &file);
    assert_eq!(answer.status, 200);
    let drawn = image::load_from_memory(&answer.body).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (4000, 3000));
    assert!(server.get("/model").json()["limits"]["bytes"].as_u64().unwrap() > 20_000_000);
}

#[test]
fn odd_requests_are_refused_and_hurt_nobody() {
    let server = Server::start(&[]);
    let odd: &[&[u8]] = &[
        b"GET /health?a=b c HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health?a=\"b\" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: \"x\"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: user@x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, TLS\r\n\r\n",
        b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: minus one\r\n\r\n",
        b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ];
    for request in odd {
        let mut connection = server.connect();
        connection.write(request);
        let answer = connection.answer(false);
        assert!((400..500).contains(&answer.status), "{}: {answer:?}", String::from_utf8_lossy(request));
    }
    for fine in ["GET /health?%zz&&=&a=%00", "GET /health/", "OPTIONS /detect", "GET *", "GET http://other/health"] {
        let answer = server.connect().ask(fine, &[], b"");
        assert!([200, 404, 405].contains(&answer.status), "{fine}: {answer:?}");
    }
}

#[test]
fn a_token_keeps_everybody_else_out() {
    let server = Server::start_with(&[], &[("API_TOKEN", "sesame")]);
    let mut kept = server.connect();
    for open in ["GET /", "HEAD /", "GET /sample.jpg", "GET /health"] {
        assert_eq!(kept.ask(open, &[], b"").status, 200, "{open}");
    }
    for line in ["GET /model", "POST /", "POST /detect", "POST /api/detect", "GET /nothing", "DELETE /health"] {
        for wrong in [&[][..], &["Authorization: Bearer sesam"], &["Authorization: Basic sesame"], &["Authorization:"]]
        {
            let answer = kept.ask(line, wrong, &photo());
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{line}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(kept.ask("GET /model", &["Authorization: Bearer sesame"], b"").status, 200);
    assert_eq!(kept.ask("POST /detect", &["authorization: bearer sesame"], &photo()).status, 200);
    assert!(!server.log().contains("sesame"));
}
