//! What clients send without meaning anything by it: inputs left empty, and types that say nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use common::{ENTRY_POINTS, FORM, app, case, form, photo, post};

const OPTIONS: [&str; 13] = [
    "confidence",
    "iou",
    "max_detections",
    "classes",
    "class_agnostic",
    "multi_label",
    "format",
    "annotate",
    "slice",
    "slice_overlap",
    "max_slices",
    "redact",
    "redact_margin",
];
const FILE: &str = "name=\"image\"; filename=\"a.webp\"\r\nContent-Type: image/webp";
const EMPTY: &str = "name=\"image\"; filename=\"\"\r\nContent-Type: application/octet-stream";

#[tokio::test]
async fn file_inputs_left_empty_are_no_photos() {
    let (app, photo) = (app(None), photo());
    let (file, empty, text) = ((FILE, &photo[..]), (EMPTY, &b""[..]), ("name=\"photo\"", &b""[..]));
    for entry_point in ENTRY_POINTS {
        let ask = async |parts: &[_]| post(&app, entry_point, "/detect", &[("content-type", FORM)], &form(parts)).await;
        let expected = ask(&[file]).await.detections();
        for parts in [&[file, empty][..], &[empty, file], &[empty, text, file, empty]] {
            let answer = ask(parts).await;
            assert_eq!(answer.detections(), expected);
            assert!(answer.json().get("results").is_none());
        }
        assert_eq!(ask(&[file, empty, file]).await.json()["results"].as_array().unwrap().len(), 2);
        let many: Vec<_> = std::iter::repeat_n(empty, 100).chain([file]).collect();
        assert_eq!(ask(&many).await.detections(), expected);
        for parts in [&[empty][..], &[empty, empty], &[text], &[empty, ("name=\"iou\"", b"")], &[]] {
            assert_eq!(ask(parts).await.code(), "missing_image");
        }
        // A file with a name is meant, and so is one with bytes.
        let (named, unnamed) = (("name=\"image\"; filename=\"a.jpg\"", &b""[..]), (EMPTY, &photo[..]));
        assert_eq!(ask(&[named]).await.code(), "missing_image");
        let results = ask(&[file, named]).await.json()["results"].clone();
        assert_eq!(
            (results[1]["error"]["code"].as_str(), results.as_array().unwrap().len()),
            (Some("missing_image"), 2)
        );
        assert_eq!(ask(&[unnamed]).await.detections(), expected);
    }
}

#[tokio::test]
async fn options_left_empty_are_as_if_not_there() {
    let (app, photo) = (app(None), photo());
    let inputs = OPTIONS.map(|option| format!("name=\"{option}\""));
    for entry_point in ENTRY_POINTS {
        for kind in ["", "/api"] {
            let path = format!("{kind}/detect");
            let with = async |query: &str, parts: &[_]| {
                let path = format!("{path}{query}");
                let answer = post(&app, entry_point, &path, &[("content-type", FORM)], &form(parts)).await;
                let mut found = answer.json();
                assert_eq!(answer.status, 200, "{path}: {found}");
                found.as_object_mut().unwrap().retain(|name, _| !name.contains("time") && !name.contains("timings"));
                found.as_object_mut().unwrap().remove("cold_start");
                found
            };
            let file = (FILE, &photo[..]);
            let expected = with("", &[file]).await;
            for (option, input) in OPTIONS.iter().zip(&inputs) {
                for value in [&b""[..], b" "] {
                    assert_eq!(with("", &[(input, value), file]).await, expected, "{option}");
                }
                for query in [format!("?{option}="), format!("?{option}"), format!("?{option}=&{option}=+")] {
                    assert_eq!(with(&query, &[file]).await, expected, "{query}");
                }
            }
            // The query is asked where the form is silent.
            let found = with("?max_detections=0", &[("name=\"max_detections\"", &b""[..]), file]).await;
            assert_ne!(found, expected);
        }
    }
}

#[tokio::test]
async fn every_label_of_a_box_is_asked_for_in_every_way() {
    let (app, photo) = (app(None), photo());
    let query = "/detect?confidence=0&iou=1&max_detections=10000";
    let body = json!({"image": STANDARD.encode(&photo), "confidence": 0, "iou": 1, "max_detections": 10_000, "multi_label": true});
    let parts = [
        (FILE, &photo[..]),
        ("name=\"confidence\"", b"0"),
        ("name=\"iou\"", b"1"),
        ("name=\"max_detections\"", b"10000"),
        ("name=\"multi_label\"", b"yes"),
    ];
    for entry_point in ENTRY_POINTS {
        let count = |answer: &common::Answer| answer.json()["detections"].as_array().unwrap().len();
        let best = post(&app, entry_point, query, &[], &photo).await;
        let every = post(&app, entry_point, &format!("{query}&multi_label=1"), &[], &photo).await;
        assert!(count(&every) > count(&best) && count(&best) > 0);
        let off = post(&app, entry_point, &format!("{query}&multi_label=false"), &[], &photo).await;
        assert_eq!(off.detections(), best.detections());
        let json =
            post(&app, entry_point, "/detect", &[("content-type", "application/json")], body.to_string().as_bytes())
                .await;
        assert_eq!(json.detections(), every.detections());
        let form = post(&app, entry_point, "/detect", &[("content-type", FORM)], &form(&parts)).await;
        assert_eq!(form.detections(), every.detections());
        let wrong = post(&app, entry_point, "/detect?multi_label=some", &[], &photo).await;
        assert_eq!((wrong.status, wrong.code().as_str()), (400, "invalid_parameter"));
    }
}

#[tokio::test]
async fn types_that_say_nothing_leave_it_to_the_body() {
    let (app, photo) = (app(None), photo());
    let text = json!({ "image": STANDARD.encode(&photo) }).to_string();
    let url_encoded = ("content-type", "application/x-www-form-urlencoded");
    for entry_point in ENTRY_POINTS {
        for headers in [
            &[][..],
            &[("content-type", "")],
            &[url_encoded],
            &[("content-type", "APPLICATION/x-www-form-urlencoded; charset=utf-8")],
        ] {
            for body in [&photo[..], text.as_bytes()] {
                assert_eq!(
                    post(&app, entry_point, "/detect", headers, body).await.status,
                    200,
                    "{entry_point:?} {headers:?}"
                );
            }
            assert_eq!(post(&app, entry_point, "/detect", headers, b"").await.code(), "missing_image");
            assert_eq!(
                post(&app, entry_point, "/detect", headers, b"\xff\xd8\xff no").await.code(),
                "undecodable_image"
            );
        }
        let refused = [
            (url_encoded, &b"a=b"[..]),
            (url_encoded, b"image=%2F9j%2F4AAQ&confidence=0.4"),
            (("content-type", "text/plain"), &photo),
            (("content-type", "text/plain; charset=utf-8"), b"hello"),
            (("content-type", "text/html"), b"hello"),
        ];
        for (header, body) in refused {
            let answer = post(&app, entry_point, "/detect", &[header], body).await;
            assert_eq!(answer.code(), "unsupported_media_type", "{header:?}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            let kind = header.1.split(';').next().unwrap();
            assert!(detail.contains(kind) && detail.contains("application/octet-stream"), "{detail}");
        }
    }
}

#[tokio::test]
async fn parts_may_say_that_they_are_base64() {
    let (app, photo) = (app(None), photo());
    let part = |encoding: &str| format!("name=\"image\"; filename=\"a.webp\"\r\nContent-Transfer-Encoding: {encoding}");
    for entry_point in ENTRY_POINTS {
        let ask = async |head: &str, content: &[u8]| {
            post(&app, entry_point, "/detect", &[("content-type", FORM)], &form(&[(head, content)])).await
        };
        let text = STANDARD.encode(&photo);
        let lines: Vec<&str> = text.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for plain in ["binary", "8bit", "7BIT", ""] {
            assert_eq!(ask(&part(plain), &photo).await.status, 200, "{plain}");
        }
        assert_eq!(ask(&part("Base64"), lines.join("\r\n").as_bytes()).await.status, 200);
        assert_eq!(ask(&part("base64"), &photo).await.code(), "invalid_base64");
        assert_eq!(ask(&part("base64"), b"").await.code(), "missing_image");
        assert_eq!(ask(&part("quoted-printable"), &photo).await.code(), "unsupported_media_type");
    }
}

#[tokio::test]
async fn cases_that_were_handed_out() {
    let (Some(file), Some(number)) = (case("form-empty-file.body"), case("form-empty-number.body")) else { return };
    let app = app(None);
    for entry_point in ENTRY_POINTS {
        for body in [&file, &number] {
            let answer =
                post(&app, entry_point, "/detect", &[("content-type", "multipart/form-data; boundary=cases")], body)
                    .await;
            assert!(answer.detections().is_array());
            let answer = answer.json();
            assert!(answer.get("results").is_none() && answer.get("error").is_none());
            assert_eq!(answer["thresholds"]["confidence"], 0.25);
        }
    }
}

#[tokio::test]
async fn options_that_do_not_exist_are_refused_before_the_body_is_looked_at() {
    let (app, photo) = (app(None), photo());
    let json = ("content-type", "application/json");
    for entry_point in ENTRY_POINTS {
        for (path, expected) in [
            ("/detect?conf=0.4", Some("did you mean confidence?")),
            ("/?max-detections=3", Some("did you mean max_detections?")),
            ("/detect?colour=red", Some("The options are confidence, iou,")),
            ("/detect?classes=unicorn", Some("no label \"unicorn\"")),
            ("/api/detect?conf=0.4", Some("did you mean confidence?")),
            ("/api/detect?colour=red", None),
            ("/detect?utm_source=letter&X-Amz-Signature=0a&_=17", None),
        ] {
            let answer = post(&app, entry_point, path, &[], &photo).await;
            let Some(expected) = expected else {
                assert_eq!(answer.status, 200, "{path}");
                continue;
            };
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert!(answer.code() == "invalid_parameter" && detail.contains(expected), "{path}: {detail}");
            assert_eq!(post(&app, entry_point, path, &[], b"").await.code(), "invalid_parameter", "{path}");
        }
        // Beside a photo in JSON or a form may be data of the caller's own; what looks like an option is meant as one.
        let image = STANDARD.encode(&photo);
        for (name, status) in [("timestamp", 200), ("id", 200), ("conf", 400), ("iou_threshold", 400)] {
            let body = json!({ "image": image, name: 0.4 }).to_string();
            assert_eq!(post(&app, entry_point, "/detect", &[json], body.as_bytes()).await.status, status, "{name}");
            let input = format!("name=\"{name}\"");
            let body = form(&[(FILE, &photo), (&input, b"0.4")]);
            assert_eq!(
                post(&app, entry_point, "/detect", &[("content-type", FORM)], &body).await.status,
                status,
                "{name}"
            );
        }
    }
}
