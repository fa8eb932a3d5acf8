//! The function against an S3 server with faults: what is acknowledged, what is handed back, and what is stored before.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::{Fault, Server, failures, handed_back, jpeg, pairs, photo, sqs, summary};
use detect_bulk::{Deadline, Layout};
use serde_json::{Value, json};

#[tokio::test]
async fn every_photo_gets_a_line_and_bad_ones_an_error() {
    let server = Server::start();
    server.put("cat.jpg", &jpeg());
    server.put("albums/A file+name é(1).png", &photo(64, 48, image::ImageFormat::Png));
    server.put("text.jpg", b"hello");
    server.put("broken.jpg", &jpeg()[..400]);
    server.put("empty.jpg", b"");
    server.put("large.jpg", &vec![0xff; 200_000]);
    let app = server.app(|settings| settings.function.limits.max_bytes = 100_000).await;
    let keys = [
        "cat.jpg",
        "albums/A+file%2Bname+%C3%A9(1).png",
        "text.jpg",
        "broken.jpg",
        "empty.jpg",
        "large.jpg",
        "gone.jpg",
        "%ff.jpg",
        "folder/",
    ];
    assert_eq!(handed_back(&app, &keys, "r1").await, [""; 0]);
    let lines = server.lines("r1");
    let expected = pairs(&[
        ("cat.jpg", "ok"),
        ("albums/A file+name é(1).png", "ok"),
        ("text.jpg", "unsupported_image"),
        ("broken.jpg", "undecodable_image"),
        ("empty.jpg", "missing_image"),
        ("large.jpg", "too_many_bytes"),
        ("gone.jpg", "not_found"),
        ("%ff.jpg", "invalid_key"),
    ]);
    assert_eq!(summary(&lines), expected);
    assert!(lines.iter().all(|line| line["request_id"] == "r1"));
    for key in ["text.jpg", "broken.jpg", "large.jpg", "gone.jpg"] {
        assert_eq!(server.count("GET", &format!("/photos-in/{key}")), 1, "{key} was tried again");
    }
    let cat = lines.iter().find(|line| line["source"]["key"] == "cat.jpg").unwrap();
    assert_eq!(cat["image"], json!({"width": 160, "height": 120}));
    assert_eq!(cat["source"]["size"], jpeg().len());
    assert_eq!(cat["source"]["etag"].as_str().unwrap().len(), 32);
    assert_eq!(cat["model"]["name"], "yolox");
    let line: wire::Line = serde_json::from_value(cat.clone()).unwrap();
    assert_eq!(serde_json::to_value(line).unwrap(), *cat);

    let client = aws_sdk_s3::Client::from_conf(server.config().build());
    let part = client.head_object().bucket("results").key(server.dated("part-r1.jsonl").unwrap()).send().await.unwrap();
    assert_eq!(part.content_type(), Some("application/x-ndjson"));
    let metadata = part.metadata().unwrap();
    assert_eq!(metadata["model"], "yolox");
    assert_eq!(metadata["model-sha256"], cat["model"]["sha256"].as_str().unwrap());
}

#[tokio::test]
async fn what_may_succeed_later_is_tried_and_then_handed_back() {
    let server = Server::with_faults(|method, path, before| {
        let name = path.strip_prefix("/photos-in/").filter(|_| method == "GET")?;
        match (name, before) {
            ("busy-twice.jpg", 0 | 1) | ("busy.jpg", _) => Some(Fault::Refused(503, "SlowDown")),
            ("error.jpg", _) => Some(Fault::Refused(500, "InternalError")),
            ("denied.jpg", _) => Some(Fault::Refused(403, "AccessDenied")),
            ("broken-once.jpg", 0) | ("broken.jpg", _) => Some(Fault::BrokenOff),
            ("stalled-once.jpg", 0) | ("stalled.jpg", _) => Some(Fault::Stalled(Duration::from_secs(5))),
            ("late.jpg", _) => Some(Fault::Late(Duration::from_millis(300))),
            _ => None,
        }
    });
    let good = ["cat.jpg", "busy-twice.jpg", "broken-once.jpg", "stalled-once.jpg", "late.jpg"];
    let bad = ["busy.jpg", "error.jpg", "denied.jpg", "broken.jpg", "stalled.jpg"];
    let keys: Vec<&str> = good.into_iter().chain(bad).collect();
    for key in &keys {
        server.put(key, &jpeg());
    }
    let app = server.app(|_| {}).await;
    let start = Instant::now();
    assert_eq!(handed_back(&app, &keys, "r1").await, bad);
    // Three tries that waited until the end would take 15 s.
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(summary(&server.lines("r1")), pairs(&good.map(|key| (key, "ok"))));
    for (key, tries) in [("busy.jpg", 3), ("broken.jpg", 3), ("stalled.jpg", 3), ("denied.jpg", 1)] {
        assert_eq!(server.count("GET", &format!("/photos-in/{key}")), tries, "{key}");
    }
}

#[tokio::test]
async fn a_record_that_nobody_can_read_is_an_error_of_its_own() {
    let server =
        Server::with_faults(|_, path, _| (path == "/photos-in/busy.jpg").then_some(Fault::Refused(503, "SlowDown")));
    for key in ["cat.jpg", "dog.jpg", "busy.jpg"] {
        server.put(key, &jpeg());
    }
    let app = server.app(|_| {}).await;
    let record = |key: &str| json!({"s3": {"bucket": {"name": "photos-in"}, "object": {"key": key}}});
    let message = |id: &str, records: Value| json!({"messageId": id, "body": json!({"Records": records}).to_string()});
    let bad = json!({"s3": {"object": {"key": "cat.jpg"}}});
    let event = json!({"Records": [
        message("mixed", json!([record("cat.jpg"), bad, record("dog.jpg")])),
        message("later", json!([7, record("busy.jpg")])),
        message("none", json!([bad])),
    ]});
    let answer = app.handle(event, "r1", Deadline::UNKNOWN).await.unwrap();
    assert_eq!(failures(&answer), ["later", "none"]);
    let expected =
        [("cat.jpg", "ok"), ("dog.jpg", "ok"), ("7", "invalid_record"), (&bad.to_string(), "invalid_record")];
    assert_eq!(summary(&server.lines("r1")), pairs(&expected));
}

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_stored() {
    for layout in [Layout::Part, Layout::Object] {
        // Two failures are within the tries; a third is not.
        for (failing, stored) in [(2, true), (100, false)] {
            let server = Server::with_faults(move |method, _, before| {
                (method == "PUT" && before < failing).then_some(Fault::Refused(503, "SlowDown"))
            });
            server.put("cat.jpg", &jpeg());
            server.put("text.jpg", b"hello");
            let app = server.app(|settings| settings.layout = layout).await;
            let keys = ["cat.jpg", "text.jpg", "gone.jpg", "folder/"];
            let expected: &[&str] = if stored { &[] } else { &keys[..3] };
            assert_eq!(handed_back(&app, &keys, "r1").await, expected, "{layout:?}");
            assert_eq!(
                server.results().len(),
                if !stored {
                    0
                } else if layout == Layout::Part {
                    1
                } else {
                    3
                }
            );
        }
    }
}

#[tokio::test]
async fn objects_and_annotated_photos() {
    let server = Server::start();
    server.put("albums/cat.jpg", &jpeg());
    server.put("text.jpg", b"hello");
    let app = server
        .app(|settings| {
            settings.layout = Layout::Object;
            settings.annotate = true;
        })
        .await;
    assert_eq!(handed_back(&app, &["albums%2Fcat.jpg", "text.jpg"], "r1").await, [""; 0]);
    let line: Value =
        serde_json::from_slice(&server.read(&server.dated("albums/cat.jpg.json").unwrap()).unwrap()).unwrap();
    assert_eq!(line["source"]["key"], "albums/cat.jpg");
    let picture = image::load_from_memory(&server.read("run/albums/cat.jpg.annotated.jpg").unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (160, 120));
    let line: Value = serde_json::from_slice(&server.read(&server.dated("text.jpg.json").unwrap()).unwrap()).unwrap();
    assert_eq!(line["error"]["code"], "unsupported_image");
    assert!(server.read("run/text.jpg.annotated.jpg").is_none() && server.lines("r1").is_empty());
}

#[tokio::test]
async fn slices_and_redacted_photos() {
    let server = Server::start();
    server.put("large.png", &photo(200, 120, image::ImageFormat::Png));
    server.put("huge.png", &photo(2000, 400, image::ImageFormat::Png));
    let options =
        serde_json::json!({"slice": 64, "slice_overlap": 0, "max_slices": 8, "redact": "fill", "confidence": 0.0});
    let app = server
        .app(|settings| settings.function.options = wire::Options::from_json(options.as_object().unwrap()).unwrap())
        .await;
    assert_eq!(handed_back(&app, &["large.png", "huge.png"], "r1").await, [""; 0]);
    let lines = server.lines("r1");
    assert_eq!(summary(&lines), pairs(&[("large.png", "ok"), ("huge.png", "too_many_slices")]));
    let large = lines.iter().find(|line| line["source"]["key"] == "large.png").unwrap();
    assert_eq!(large["timings_ms"]["slices"], 8);
    let hidden = image::load_from_memory(&server.read("run/large.png.redacted.jpg").unwrap()).unwrap().into_rgb8();
    assert_eq!(hidden.dimensions(), (200, 120));
    assert!(hidden.pixels().any(|pixel| pixel.0.iter().all(|value| *value < 8)));
    assert!(server.read("run/huge.png.redacted.jpg").is_none());
}

#[tokio::test]
async fn repeats_are_looked_at_once_and_always_the_same() {
    let server = Server::start();
    server.put("cat.jpg", &jpeg());
    server.put("dog.jpg", &photo(90, 200, image::ImageFormat::Jpeg));
    let app = server.app(|_| {}).await;
    assert_eq!(handed_back(&app, &["cat.jpg", "dog.jpg", "cat.jpg", "cat.jpg"], "r1").await, [""; 0]);
    assert_eq!(summary(&server.lines("r1")), pairs(&[("cat.jpg", "ok"), ("dog.jpg", "ok")]));
    assert_eq!(server.count("GET", "/photos-in/cat.jpg"), 1);
    // In another order, in another process.
    let other = server.app(|_| {}).await;
    assert_eq!(handed_back(&other, &["dog.jpg", "cat.jpg"], "r2").await, [""; 0]);
    let untimed = |id: &str| {
        let mut lines = server.lines(id);
        for line in &mut lines {
            // Which invocation it was, and what it took, are all that differs.
            assert_eq!(line["request_id"].take(), id);
            line["timings_ms"].take();
        }
        lines.sort_by_key(|line| line["source"]["key"].to_string());
        lines
    };
    assert_eq!(untimed("r1"), untimed("r2"));
}

#[tokio::test]
async fn batch_operations_get_a_code_per_task() {
    let server =
        Server::with_faults(|_, path, _| path.ends_with("busy.jpg").then_some(Fault::Refused(503, "SlowDown")));
    server.put("cat.jpg", &jpeg());
    server.put("text.jpg", b"hello");
    server.put("busy.jpg", &jpeg());
    let app = server.app(|_| {}).await;
    let keys = ["cat.jpg", "text.jpg", "gone.jpg", "busy.jpg", "%ff%fe.jpg", "folder%2F"];
    for (version, bucket) in
        [("1.0", json!({"s3BucketArn": "arn:aws:s3:::photos-in"})), ("2.0", json!({"s3Bucket": "photos-in"}))]
    {
        let tasks: Vec<Value> = keys
            .iter()
            .map(|key| {
                let mut task = json!({"taskId": key, "s3Key": key, "s3VersionId": null});
                task.as_object_mut().unwrap().extend(bucket.as_object().unwrap().clone());
                task
            })
            .chain([json!({"taskId": "nowhere", "s3Key": "cat.jpg"})])
            .collect();
        let event =
            json!({"invocationSchemaVersion": version, "invocationId": "i", "job": {"id": "j"}, "tasks": tasks});
        let answer = app.handle(event, version, Deadline::UNKNOWN).await.unwrap();
        assert_eq!((&answer["invocationSchemaVersion"], &answer["invocationId"]), (&json!(version), &json!("i")));
        let results: Vec<[&str; 2]> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| ["taskId", "resultCode"].map(|member| result[member].as_str().unwrap()))
            .collect();
        let expected = [
            ["cat.jpg", "Succeeded"],
            ["text.jpg", "PermanentFailure"],
            ["gone.jpg", "PermanentFailure"],
            ["busy.jpg", "TemporaryFailure"],
            ["%ff%fe.jpg", "PermanentFailure"],
            ["folder%2F", "Succeeded"],
            ["nowhere", "PermanentFailure"],
        ];
        assert_eq!(results, expected);
        let text = answer["results"][1]["resultString"].as_str().unwrap();
        assert!(text.starts_with("unsupported_image: "), "{text}");
        assert_eq!(server.lines(version).len(), 4);
    }
}

#[tokio::test]
async fn whole_events_are_answered_with_nothing_or_an_error() {
    let server =
        Server::with_faults(|_, path, _| path.ends_with("busy.jpg").then_some(Fault::Refused(503, "SlowDown")));
    server.put("cat.jpg", &jpeg());
    server.put("busy.jpg", &jpeg());
    server.put("A file+name.jpg", &jpeg());
    server.put("A+raw%20name.jpg", &jpeg());
    let app = server.app(|_| {}).await;
    let s3 = |keys: &[&str]| {
        let record = |key: &&str| json!({"s3": {"bucket": {"name": "photos-in"}, "object": {"key": key}}});
        json!({"Records": keys.iter().map(record).collect::<Vec<_>>()})
    };
    let sns = json!({"Records": [{"Sns": {"Message": s3(&["cat.jpg"]).to_string()}}]});
    let bridge = |key: &str| json!({"detail-type": "Object Created", "detail": {"bucket": {"name": "photos-in"}, "object": {"key": key}}});
    for (id, event, keys) in [
        ("s3", s3(&["cat.jpg", "gone.jpg"]), vec![("cat.jpg", "ok"), ("gone.jpg", "not_found")]),
        ("sns", sns, vec![("cat.jpg", "ok")]),
        ("plain", bridge("A+raw%20name.jpg"), vec![("A+raw%20name.jpg", "ok")]),
        ("encoded", bridge("A+file%2Bname.jpg"), vec![("A file+name.jpg", "ok")]),
        ("neither", bridge("A+gone.jpg"), vec![("A+gone.jpg", "not_found")]),
        ("test", json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos-in"}), vec![]),
    ] {
        assert_eq!(app.handle(event, id, Deadline::UNKNOWN).await, Ok(Value::Null), "{id}");
        assert_eq!(summary(&server.lines(id)), pairs(&keys), "{id}");
    }
    let error = app.handle(s3(&["cat.jpg", "busy.jpg"]), "later", Deadline::UNKNOWN).await.unwrap_err();
    assert!(error.to_string().contains("SlowDown"), "{error}");
    assert_eq!(summary(&server.lines("later")), pairs(&[("cat.jpg", "ok")]));
    let error = app.handle(json!({"hello": 1}), "other", Deadline::UNKNOWN).await.unwrap_err();
    assert!(error.to_string().contains("cannot read the event"), "{error}");
    // An unreadable message is handed back alone.
    let mut mixed = sqs(&["cat.jpg"]);
    mixed["Records"].as_array_mut().unwrap().push(json!({"messageId": "text", "body": "hello"}));
    assert_eq!(failures(&app.handle(mixed, "mixed", Deadline::UNKNOWN).await.unwrap()), ["text"]);
}

#[tokio::test]
async fn when_time_runs_out_the_rest_is_handed_back() {
    let late = Duration::from_secs(4);
    let server = Server::with_faults(move |_, path, _| path.contains("late").then_some(Fault::Late(late)));
    let keys = ["cat.jpg", "late-1.jpg", "late-2.jpg"];
    for key in keys {
        server.put(key, &jpeg());
    }
    let app = server.app(|_| {}).await;
    let start = Instant::now();
    let answer = app.handle(sqs(&keys), "r1", Deadline::within(Duration::from_secs(2))).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(failures(&answer), ["late-1.jpg", "late-2.jpg"]);
    assert_eq!(summary(&server.lines("r1")), pairs(&[("cat.jpg", "ok")]));
    // No time at all: nothing is begun. A deadline of 1970: none is known.
    let answer = app.handle(sqs(&keys), "r2", Deadline::within(Duration::from_millis(50))).await.unwrap();
    assert_eq!(failures(&answer), keys);
    let answer = app.handle(sqs(&keys[..1]), "r3", Deadline::at_epoch_ms(0)).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
}

#[tokio::test]
async fn results_are_no_photos() {
    let server = Server::start();
    server.put("out/cat.jpg.annotated.jpg", &jpeg());
    server.put("cat.jpg", &jpeg());
    let app = server.app(|settings| settings.results = "s3://photos-in/out".parse().unwrap()).await;
    assert_eq!(handed_back(&app, &["out/cat.jpg.annotated.jpg", "cat.jpg"], "r1").await, [""; 0]);
    assert_eq!(server.count("GET", "/photos-in/out/cat.jpg.annotated.jpg"), 0);
    assert_eq!(server.count("GET", "/photos-in/cat.jpg"), 1);
}
