//! Bodies that are larger than they look, and codings of the transfer, over a socket.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::process::{Server, photo};

/// What comes out of a bomb; more than any body may have.
const INSIDE: u64 = 300_000_000;
/// What bombs may cost in kB, however many come at once: brotli's windows, and themselves.
const LITTLE: u64 = 120_000;

fn chunked(codings: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {codings}\r\n\r\n").into_bytes();
    for chunk in body.chunks(1000) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Spaces, so that JSON does not end early, in each coding.
fn bombs() -> [(&'static str, Vec<u8>); 5] {
    let level = Compression::best();
    let mut gzip = GzEncoder::new(Vec::new(), level);
    let mut zlib = ZlibEncoder::new(Vec::new(), level);
    let mut bare = DeflateEncoder::new(Vec::new(), level);
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 2, 24);
    let spaces = || std::io::repeat(b' ').take(INSIDE);
    for encoder in [&mut gzip as &mut dyn Write, &mut zlib, &mut bare, &mut brotli] {
        std::io::copy(&mut spaces(), encoder).unwrap();
    }
    let gzip = gzip.finish().unwrap();
    [
        ("gzip, gzip", self::gzip(&gzip)),
        ("gzip", gzip),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", bare.finish().unwrap()),
        ("br", brotli.into_inner()),
    ]
}

#[test]
fn bombs_are_refused_in_bounded_memory_and_others_answered() {
    let server = Server::start(&["--sessions", "2"]);
    assert_eq!(server.connect().post("/detect", &photo()).status, 200);
    let before = server.resident();
    let bombs = bombs();
    for kind in ["image/jpeg", "application/json"] {
        for (coding, bomb) in &bombs {
            assert!(bomb.len() < 1_200_000, "{coding}: {}", bomb.len());
            let headers = [format!("Content-Type: {kind}"), format!("Content-Encoding: {coding}")];
            let answer = server.connect().ask("POST /detect", &headers.each_ref().map(String::as_str), bomb);
            assert_eq!(answer.code(), "too_many_bytes", "{kind} {coding}");
        }
    }
    // Many at once wait for sessions, and take nobody's memory meanwhile.
    let ask = |(coding, bomb): &(&str, Vec<u8>)| {
        let headers = ["Content-Type: application/json", &format!("Content-Encoding: {coding}")];
        assert_eq!(server.connect().ask("POST /detect", &headers, bomb).code(), "too_many_bytes", "{coding}");
    };
    std::thread::scope(|scope| {
        for bomb in bombs.iter().chain(&bombs) {
            scope.spawn(move || ask(bomb));
        }
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(server.get("/health").status, 200);
    });
    assert_eq!(server.connect().post("/detect", &photo()).status, 200);
    assert!(server.peak() < before + LITTLE, "{} kB, {before} before", server.peak());
}

#[test]
fn codings_of_the_transfer_are_taken_off_too() {
    let server = Server::start(&[]);
    let photo = photo();
    for (codings, body, status) in [
        ("chunked", photo.clone(), 200),
        ("gzip, chunked", gzip(&photo), 200),
        ("GZIP,Chunked", gzip(&photo), 200),
        ("identity, chunked", photo.clone(), 200),
        ("gzip, chunked", photo.clone(), 400),
        ("zstd, chunked", photo.clone(), 415),
        ("chunked, chunked", photo.clone(), 415),
        ("gzip", gzip(&photo), 400),
        ("chunked, gzip", gzip(&photo), 400),
    ] {
        let mut connection = server.connect();
        connection.write(&chunked(codings, &body));
        assert_eq!(connection.answer(false).status, status, "{codings}");
    }
    // First the coding of the transfer, then that of the content.
    let mut connection = server.connect();
    let request = chunked("gzip, chunked\r\nContent-Encoding: gzip", &gzip(&gzip(&photo)));
    connection.write(&request);
    assert_eq!(connection.answer(false).status, 200);
    // The connection is as good as before.
    assert_eq!(
        connection.ask("POST /detect", &["Content-Encoding: zstd"], &photo).headers["accept-encoding"],
        "gzip, deflate, br"
    );
    assert_eq!(connection.ask("POST /detect", &["Content-Encoding: gzip"], &photo).code(), "invalid_encoding");
    assert_eq!(connection.ask("POST /detect", &["Content-Encoding: gzip"], &gzip(&photo)).status, 200);
}
