//! Bodies and heads that are too large, too slow or never whole, while others are answered.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::process::{Server, photo};

/// Memory that a few hostile senders may cost, in kB.
const LITTLE: u64 = 100_000;

#[test]
fn a_body_of_300_megabytes_is_refused_before_it_is_read() {
    let server = Server::start(&[]);
    let before = server.resident();
    for path in ["/detect", "/nothing"] {
        let mut connection = server.connect();
        connection.write(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n").as_bytes());
        let answer = connection.answer(false);
        assert_eq!(answer.code(), if path == "/detect" { "too_many_bytes" } else { "not_found" });
    }
    // A client that sends all of it before it reads hears the same.
    let mut connection = server.connect();
    connection.write(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 300000000\r\n\r\n");
    for _ in 0..300 {
        connection.write(&[0; 1_000_000]);
    }
    assert_eq!(connection.answer(false).code(), "too_many_bytes");
    assert_eq!(connection.post("/detect", &photo()).status, 200);
    assert!(server.resident() < before + LITTLE);
}

#[test]
fn a_body_without_end_is_refused_when_it_is_too_large() {
    // 64 photos of 30 kB in base64, and a megabyte around them.
    let server = Server::start_with(&[], &[("MAX_IMAGE_BYTES", "30000")]);
    let mut connection = server.connect();
    connection.write(b"POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    // It stops reading some time after its answer.
    while sent < 64 << 20 && connection.stream().write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert_eq!(connection.answer(false).code(), "too_many_bytes");
    assert_eq!(server.connect().post("/detect", &photo()).status, 200);
}

#[test]
fn all_bodies_together_have_one_budget() {
    let server = Server::start(&[]);
    let half = |connection: &mut Connection| {
        connection.write(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 140000001\r\n\r\n");
        for _ in 0..140 {
            connection.write(&[0; 1_000_000]);
        }
    };
    let (mut first, mut second) = (server.connect(), server.connect());
    half(&mut first);
    // The last byte is missing, so the first half is held.
    half(&mut second);
    second.write(b"0");
    let answer = second.answer(false);
    assert_eq!((answer.code().as_str(), answer.headers["retry-after"].as_str()), ("overloaded", "1"));
    assert_eq!(server.connect().post("/detect", &photo()).status, 200);
    first.write(b"0");
    assert_eq!(first.answer(false).code(), "too_many_bytes");
    half(&mut second);
    second.write(b"0");
    assert_eq!(second.answer(false).code(), "too_many_bytes");
    assert!(server.resident() < 400_000, "{} kB", server.resident());
}

#[test]
fn a_head_without_end_is_cut_off() {
    let server = Server::start(&[]);
    let mut connection = server.connect();
    connection.write(b"GET /health HTTP/1.1\r\nHost: x\r\n");
    let line = [b"X-Filler: ".as_slice(), &[b'a'; 1000], b"\r\n"].concat();
    let error = (0..100_000).find_map(|_| connection.stream().write_all(&line).err());
    assert!(matches!(error.map(|e| e.kind()), Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)));
    let mut connection = server.connect();
    connection.write(format!("GET /health HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200)).as_bytes());
    assert_eq!(connection.answer(false).status, 431);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn two_hundred_slow_senders_are_cut_off_and_others_answered_meanwhile() {
    let server = Server::start(&[]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut connection = server.connect();
            let mut answered = 0;
            while !over.load(Ordering::Relaxed) {
                assert_eq!(connection.post("/detect", &photo()).status, 200);
                answered += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            answered
        });
        let mut in_body: Vec<Connection> = (0..100).map(|_| server.connect()).collect();
        let mut in_head: Vec<Connection> = (0..50).map(|_| server.connect()).collect();
        let mut in_preface: Vec<Connection> = (0..25).map(|_| server.connect()).collect();
        let mut silent: Vec<Connection> = (0..25).map(|_| server.connect()).collect();
        in_body.iter_mut().for_each(|c| c.write(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"));
        let (head, preface) = (b"GET /health HTTP/1.1\r\nHost: somebody", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let start = Instant::now();
        // One byte a second, until everybody is cut off.
        for (second, preface) in (1..15).zip(preface) {
            let send = |connection: &Connection, byte: u8| drop(connection.stream().write_all(&[byte]));
            in_body.iter().for_each(|connection| send(connection, 0));
            in_head.iter().for_each(|connection| send(connection, *head.get(second).unwrap_or(&b'a')));
            in_preface.iter().for_each(|connection| send(connection, *preface));
            std::thread::sleep((start + Duration::from_secs(second as u64)).saturating_duration_since(Instant::now()));
        }
        for connection in &mut in_body {
            let answer = connection.answer(false);
            assert_eq!((answer.code().as_str(), answer.headers["connection"].as_str()), ("timeout", "close"));
        }
        for connection in in_head.iter_mut().chain(&mut in_preface).chain(&mut silent) {
            assert!(connection.is_closed());
        }
        over.store(true, Ordering::Relaxed);
        assert!(others.join().unwrap() > 20);
    });
}

#[test]
fn half_closed_connections_harm_no_other() {
    let server = Server::start(&[]);
    let half_closed: Vec<Connection> = (0..50)
        .map(|number| {
            let mut connection = server.connect();
            let sent: &[u8] = match number % 3 {
                0 => b"",
                1 => b"GET /hea",
                _ => b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
            };
            connection.write(sent);
            connection.stream().shutdown(Shutdown::Write).unwrap();
            connection
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(server.connect().post("/detect", &photo()).status, 200);
    }
    for mut connection in half_closed {
        assert!(connection.is_closed());
    }
}
