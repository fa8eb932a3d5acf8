//! Bodies with codings, through both entry points: what is read, what is refused, and what wants to be larger than it looks.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use common::{ENTRY_POINTS, EntryPoint, FORM, app, case, form, photo, post};

/// A way to encode: the value of Content-Encoding, and what does it.
type Way = (&'static str, fn(&[u8]) -> Vec<u8>);

const WAYS: [Way; 4] = [("gzip", gzip), ("deflate", zlib), ("deflate", bare), ("br", brotli)];

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bare(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn brotli(mut data: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let options = brotli::enc::BrotliEncoderParams { quality: 3, ..Default::default() };
    brotli::BrotliCompress(&mut data, &mut encoded, &options).unwrap();
    encoded
}

fn coded(coding: &str) -> [(&str, &str); 2] {
    [("content-type", "image/webp"), ("content-encoding", coding)]
}

/// Every kind of body with a photo in it, and its type.
fn bodies() -> [(&'static str, Vec<u8>); 3] {
    let text = json!({ "image": STANDARD.encode(photo()), "confidence": 0.1 }).to_string().into_bytes();
    let parts = form(&[("name=\"image\"; filename=\"a.webp\"", &photo()), ("name=\"confidence\"", b"0.1")]);
    [("image/webp", photo()), ("application/json", text), (FORM, parts)]
}

#[tokio::test]
async fn every_coding_of_every_body_is_read_through_both_entry_points() {
    let app = app(None);
    let path = "/detect?confidence=0.1";
    let expected = post(&app, EntryPoint::Plain, path, &[], &photo()).await.detections();
    assert!(!expected.as_array().unwrap().is_empty());
    for entry_point in ENTRY_POINTS {
        for (kind, body) in bodies() {
            for (coding, encode) in WAYS {
                let headers = [("content-type", kind), ("content-encoding", coding)];
                let answer = post(&app, entry_point, path, &headers, &encode(&body)).await;
                assert_eq!(answer.detections(), expected, "{entry_point:?} {kind} {coding}");
            }
        }
        let drawn = post(&app, entry_point, "/detect?annotate=true", &coded("br"), &brotli(&photo())).await;
        assert_eq!((drawn.status, &drawn.body[..2]), (200, &b"\xff\xd8"[..]));
    }
}

#[tokio::test]
async fn names_are_a_list_in_the_order_of_encoding() {
    let app = app(None);
    let photo = photo();
    let both = brotli(&gzip(&photo));
    for entry_point in ENTRY_POINTS {
        for (coding, body) in [
            ("identity", photo.clone()),
            ("", photo.clone()),
            (" , identity,", photo.clone()),
            ("X-GZip", gzip(&photo)),
            ("gzip, br", both.clone()),
            ("identity,GZIP , , Br", both.clone()),
            ("br, deflate, gzip", gzip(&bare(&brotli(&photo)))),
        ] {
            assert_eq!(
                post(&app, entry_point, "/detect", &coded(coding), &body).await.status,
                200,
                "{entry_point:?} {coding}"
            );
        }
        let wrong = post(&app, entry_point, "/detect", &coded("br, gzip"), &both).await;
        assert_eq!(wrong.code(), "invalid_encoding");
    }
    // A header of two lines is one list; an event has no two lines.
    let two = [("content-encoding", "gzip"), ("content-encoding", "br")];
    assert_eq!(post(&app, EntryPoint::Plain, "/detect", &two, &both).await.status, 200);
}

#[tokio::test]
async fn members_follow_each_other_and_what_else_follows_is_left_alone() {
    let app = app(None);
    let photo = photo();
    let (start, end) = photo.split_at(photo.len() / 3);
    let members = [gzip(start), gzip(b""), gzip(end)].concat();
    let mut bodies = vec![("gzip", members.clone()), ("gzip, br", brotli(&members)), ("gzip, gzip", gzip(&members))];
    for trailer in [&[0; 512][..], b"trailing garbage", b"\x1f", b"\x1f?"] {
        // A lone 1f may be the start of a member that is torn.
        if trailer != b"\x1f" {
            bodies.push(("gzip", [&members, trailer].concat()));
        }
        for (coding, encode) in &WAYS[1..] {
            bodies.push((coding, [&encode(&photo), trailer].concat()));
        }
    }
    for (coding, body) in bodies {
        let answer = post(&app, EntryPoint::Plain, "/detect", &coded(coding), &body).await;
        assert_eq!(answer.status, 200, "{coding}, {} bytes: {}", body.len(), String::from_utf8_lossy(&answer.body));
    }
    let torn = [&members, &gzip(end)[..20]].concat();
    assert_eq!(post(&app, EntryPoint::Plain, "/detect", &coded("gzip"), &torn).await.code(), "invalid_encoding");
}

#[tokio::test]
async fn what_is_torn_or_no_such_thing_is_said_to_be() {
    let app = app(None);
    let small = json!({ "image": "aGVsbG8=" }).to_string().into_bytes();
    for (coding, encode) in WAYS {
        let whole = encode(&small);
        for length in 0..whole.len() {
            let headers = [("content-type", "application/json"), ("content-encoding", coding)];
            let answer = post(&app, ENTRY_POINTS[length % 2], "/detect", &headers, &whole[..length]).await;
            // Nothing at all is no photo, whatever it is encoded as.
            let code = if length == 0 { "missing_image" } else { "invalid_encoding" };
            assert_eq!(answer.code(), code, "{coding}: {length} of {} bytes", whole.len());
            assert!(!answer.headers.contains_key("accept-encoding"));
        }
        let whole = encode(&photo());
        for body in [&whole[..whole.len() / 2], &photo(), b"{}", b"hello, world", &[0xff; 100]] {
            let answer = post(&app, EntryPoint::Event, "/detect", &coded(coding), body).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_encoding"), "{coding}");
        }
    }
    // The checksums are looked at.
    for (coding, mut body) in [("gzip", gzip(&photo())), ("deflate", zlib(&photo()))] {
        let place = body.len() - if coding == "gzip" { 8 } else { 4 };
        body[place] ^= 1;
        assert_eq!(post(&app, EntryPoint::Plain, "/detect", &coded(coding), &body).await.code(), "invalid_encoding");
    }
}

#[tokio::test]
async fn broken_streams_are_never_the_functions_failure() {
    let app = app(None);
    let photo = photo();
    // Always the same ones: Knuth's generator.
    let mut state = 20_261_130_u64;
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    for (coding, encode) in WAYS {
        let whole = encode(&[&photo[..], &b"a photo and a text of many words, a text of words".repeat(9)].concat());
        for number in 0..2000 {
            let mut body = whole.clone();
            for _ in 0..=below(3) {
                // Early ones matter most: headers and tables.
                let length = if below(2) == 0 { body.len() } else { body.len().min(40) };
                body[below(length)] ^= 1 << below(8);
            }
            body.truncate(if below(4) == 0 { below(body.len()) } else { body.len() });
            let answer = post(&app, EntryPoint::Plain, "/detect", &coded(coding), &body).await;
            assert!(answer.status == 200 || (400..500).contains(&answer.status), "{coding} {number}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_in_a_coding_is_no_photo() {
    let app = app(None);
    for (coding, encode) in WAYS {
        for entry_point in ENTRY_POINTS {
            let answer = post(&app, entry_point, "/detect", &coded(coding), &encode(b"")).await;
            assert_eq!(answer.code(), "missing_image", "{coding}");
        }
    }
}

#[tokio::test]
async fn other_codings_are_refused_with_those_that_are_read() {
    let app = app(None);
    for entry_point in ENTRY_POINTS {
        for coding in
            ["zstd", "compress", "gzip, zstd", "dcb", "aws-chunked", "*", "gzip;q=1", "gzip, gzip, gzip, gzip"]
        {
            let answer = post(&app, entry_point, "/detect", &coded(coding), &gzip(&photo())).await;
            assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"), "{coding}");
            assert_eq!(answer.headers["accept-encoding"], "gzip, deflate, br", "{coding}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("coding") && detail.contains("Content-Encoding"), "{detail}");
            assert!(answer.headers.contains_key("x-cold-start"));
        }
        // With other reasons it must not be there.
        for (kind, body) in [("text/plain", &b"hello"[..]), ("image/jpeg", b"hello")] {
            let answer = post(&app, entry_point, "/detect", &[("content-type", kind)], body).await;
            assert_eq!(answer.status, 415);
            assert!(!answer.headers.contains_key("accept-encoding"));
        }
    }
}

#[tokio::test]
async fn bounds_count_what_comes_out() {
    let most = 30_000;
    let app = app(Some(most));
    let request = 40_000 * 64 + (1 << 20);
    for (coding, encode) in WAYS {
        for entry_point in ENTRY_POINTS {
            for (kind, bound) in [("image/webp", most), ("application/json", request), (FORM, request)] {
                let headers = [("content-type", kind), ("content-encoding", coding)];
                let answer = post(&app, entry_point, "/detect", &headers, &encode(&vec![b' '; bound + 1])).await;
                assert_eq!((answer.status, answer.code().as_str()), (413, "too_many_bytes"), "{coding} {kind}");
                let answer = post(&app, entry_point, "/detect", &headers, &encode(&vec![b' '; bound])).await;
                assert!([400, 415].contains(&answer.status), "{coding} {kind}: {answer:?}");
            }
        }
    }
    // Layers do not multiply, whatever comes out in the end.
    let empties = gzip(b"").repeat(1_000_000);
    let answer = post(&app, EntryPoint::Plain, "/detect", &coded("gzip, gzip"), &gzip(&empties)).await;
    assert_eq!(answer.code(), "too_many_bytes");
    let answer = post(&app, EntryPoint::Plain, "/detect", &coded("gzip"), &empties[..20 * 70_000]).await;
    assert_eq!(answer.code(), "invalid_encoding");
}

#[tokio::test]
async fn a_case_that_was_handed_out() {
    let Some(body) = case("gzip.jpg.gz") else { return };
    let app = app(None);
    for entry_point in ENTRY_POINTS {
        let headers = [("content-type", "image/jpeg"), ("content-encoding", "gzip")];
        let answer = post(&app, entry_point, "/detect", &headers, &body).await;
        assert_eq!(answer.status, 200);
        let mut photo = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut photo).unwrap();
        let plain = post(&app, entry_point, "/detect", &headers[..1], &photo).await;
        assert_eq!(without_times(answer.json()), without_times(plain.json()));
    }
}

fn without_times(answer: Value) -> [Value; 2] {
    [answer["image"].clone(), answer["detections"].clone()]
}
