//! `uploader detect` against a server that plays the function: what is sent, what is printed, how it ends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Reply, Server, cat, err, out, photo, photos, run, text, uploader};
use serde_json::{Value, json};

fn ok() -> Server {
    Server::start(|_, _| Reply::json(200, &cat()))
}

#[test]
fn photos_are_posted_and_described_in_order() {
    let server = Server::start(|seen, _| {
        // The first photo is the slowest: order must not depend on it.
        let wait = if seen.body.len() > 3000 { 100 } else { 0 };
        Reply::json(200, &cat()).after(Duration::from_millis(wait))
    });
    let folder = photos(6, 64, 48);
    photo(&folder.path().join("0.jpg"), 640, 480);
    let output = run(&["detect", text(folder.path()), "--url", &server.url()]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    let names: Vec<&str> =
        text.lines().take(7).map(|line| line.split(": ").next().unwrap().rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg", "6.jpg"]);
    assert!(text.lines().next().unwrap().ends_with(": cat 0.91 [64 48 320 240]"), "{text}");
    for part in [
        "model               yolox-nano",
        "7 objects in 7 photos",
        "p50",
        "average inference   7.0 ms",
        "client wait",
        "server decode",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.method == "POST" && request.target == "/detect"));
    assert!(seen.iter().all(|request| request.headers["content-type"] == "image/jpeg"));
}

#[test]
fn one_connection_per_slot_is_kept() {
    let server = ok();
    let folder = photos(30, 32, 32);
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "--concurrency", "3", "-f", "jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(server.seen().len(), 30);
    assert_eq!(server.connections(), 3);
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let opened = lines.iter().filter(|line| line["client_ms"]["connect"].as_f64().unwrap() > 0.0).count();
    assert_eq!(opened, 3, "connecting takes time only on new connections");
    for line in &lines {
        let ms = |name: &str| line["client_ms"][name].as_f64().unwrap();
        let sum: f64 = ["encode", "dns", "connect", "tls", "send", "wait", "receive"].map(ms).iter().sum();
        assert!(sum <= ms("total") + 0.01, "{line}");
    }
}

#[test]
fn a_connection_closed_meanwhile_is_opened_again_without_a_word() {
    let server = Server::start(|_, _| Reply::json(200, &cat()).hang_up());
    let folder = photos(4, 32, 32);
    let output =
        run(&["detect", text(folder.path()), "--url", &server.url(), "-c", "1", "--retries", "0", "--rate", "10"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(server.connections(), 4);
    assert!(!out(&output).contains("more than once"));
}

#[test]
fn what_may_pass_is_tried_again_and_nothing_else() {
    let server = Server::start(|_, number| match number {
        0 => Reply::json(503, &json!({"message": "busy"})),
        1 => Reply::new(429, "").with("retry-after", "1"),
        2 => Reply::json(200, &cat()),
        _ => Reply::json(
            422,
            &json!({"code": "undecodable_image", "detail": "It is broken.", "status": 422, "title": ""}),
        ),
    });
    let folder = photos(2, 32, 32);
    let start = std::time::Instant::now();
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "-c", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After is honoured");
    assert_eq!(server.seen().len(), 4, "three tries for the first photo, one for the second");
    assert!(out(&output).contains("undecodable_image: It is broken."), "{}", out(&output));
    assert!(out(&output).contains("1 photo (1 undecodable_image)\nretried             1 photo\n"), "{}", out(&output));
}

#[test]
fn silence_ends_with_the_time_out() {
    let server = Server::start(|_, _| Reply::json(200, &cat()).after(Duration::from_secs(30)));
    let folder = photos(1, 32, 32);
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "--timeout", "0.3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("timeout: no response within 0.3 s"), "{}", out(&output));
}

#[test]
fn options_travel_in_json_and_in_the_query() {
    let server = ok();
    let folder = photos(1, 32, 32);
    let options =
        ["--confidence", "0", "--max-detections", "7", "--classes", "cat,dog", "--class-agnostic", "--multi-label"];
    let wanted = wire::Options {
        confidence: Some(0.0),
        max_detections: Some(7),
        classes: Some(vec!["cat".to_owned(), "dog".to_owned()]),
        class_agnostic: Some(true),
        multi_label: Some(true),
        ..wire::Options::default()
    };
    let url = server.url();
    for body in ["base64", "binary"] {
        let mut args = vec!["detect", text(folder.path()), "--url", &url, "--body", body];
        args.extend(options);
        assert_eq!(run(&args).status.code(), Some(0));
    }
    let seen = server.seen();
    let json = wire::RequestBody::parse(&seen[0].body).unwrap();
    assert_eq!((json.options, json.images.len()), (wanted.clone(), 1));
    assert_eq!(
        wire::Options::from_query(seen[1].target.split_once('?').unwrap().1, wire::Unknown::Refused).unwrap(),
        wanted
    );
    assert_eq!(&seen[1].body[..], std::fs::read(folder.path().join("1.jpg")).unwrap());
}

#[test]
fn shrunk_photos_get_their_boxes_back() {
    let server = Server::start(|seen, _| {
        let (width, height) = image::load_from_memory(&seen.body).map(|image| (image.width(), image.height())).unwrap();
        let mut answer = cat();
        answer["image"] = json!({"width": width, "height": height});
        answer["detections"][0]["box"] = json!([0, 0, width / 2, height]);
        Reply::json(200, &answer)
    });
    let folder = tempfile::tempdir().unwrap();
    photo(&folder.path().join("large.jpg"), 1000, 500);
    photo(&folder.path().join("small.png"), 100, 50);
    let drawn = folder.path().join("drawn");
    let args = [
        "detect",
        text(folder.path()),
        "--url",
        &server.url(),
        "-c",
        "1",
        "--resize",
        "200",
        "-f",
        "jsonl",
        "--annotate",
        text(&drawn),
    ];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["image"], json!({"width": 1000, "height": 500}));
    assert_eq!(lines[0]["detections"][0]["box"], json!([0.0, 0.0, 500.0, 500.0]));
    assert_eq!(lines[1]["detections"][0]["box"], json!([0.0, 0.0, 50.0, 50.0]), "small photos are not enlarged");
    assert_eq!(server.seen()[1].headers["content-type"], "image/png");
    let drawn = image::open(drawn.join("large.jpg")).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (1000, 500));
}

#[test]
fn photos_too_large_for_the_url_are_not_sent() {
    let server = ok();
    let folder = photos(1, 32, 32);
    let mut large = std::fs::read(folder.path().join("1.jpg")).unwrap();
    large.resize(4_800_000, 0);
    std::fs::write(folder.path().join("0.jpg"), large).unwrap();
    let via = server.address.to_string();
    let url = ["--url", "http://id.lambda-url.us-east-1.on.aws/", "--no-sign", "--connect-to", &via];
    for body in ["base64", "binary"] {
        let output = run(&[&["detect", text(folder.path()), "--body", body], &url[..]].concat());
        assert_eq!(output.status.code(), Some(1));
        let text = out(&output);
        assert!(
            text.contains("too_many_bytes") && text.contains("--resize") && text.contains("uploader bulk"),
            "{text}"
        );
    }
    assert_eq!(server.seen().len(), 2, "only the small photo, once each");
    // The limit is Lambda's: another server says itself what it does not take.
    assert_eq!(run(&["detect", text(folder.path()), "--url", &server.url()]).status.code(), Some(0));
    assert_eq!(server.seen().len(), 4);
}

#[test]
fn formats_have_standard_output_for_themselves() {
    let server = Server::start(|_, number| if number == 1 { Reply::new(404, "") } else { Reply::json(200, &cat()) });
    let folder = photos(2, 32, 32);
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "-f", "coco", "-c", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let list: Value = serde_json::from_str(&out(&output)).unwrap();
    let photo = folder.path().join("1.jpg");
    let bbox = [64.0, 48.0, 256.0, 192.0];
    assert_eq!(
        list,
        json!([{"image_id": 1, "category_id": 17, "bbox": bbox, "score": 0.91, "file_name": text(&photo)}])
    );
    assert!(err(&output).contains("2.jpg: http_404") && err(&output).contains("inference 7.0"), "{}", err(&output));

    let file = folder.path().join("out.csv");
    let output =
        run(&["detect", text(folder.path()), "--url", &server.url(), "-f", "csv", "-o", text(&file), "--quiet"]);
    assert_eq!((out(&output).as_str(), err(&output).as_str()), ("", ""));
    let rows = std::fs::read_to_string(file).unwrap();
    assert_eq!(rows.lines().count(), 3);
    assert!(rows.starts_with("photo,width,height,label,class_id,score,x1,y1,x2,y2,"), "{rows}");
}

#[test]
fn a_list_on_standard_input_may_name_what_is_gone() {
    use std::io::Write;
    let server = ok();
    let folder = photos(1, 32, 32);
    let mut child = uploader(&["detect", "-", "--url", &server.url(), "-f", "jsonl"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "gone.jpg\n{}", folder.path().join("1.jpg").display()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["photo"], &lines[0]["error"]["code"]), (&json!("gone.jpg"), &json!("unreadable")));
    assert_eq!(lines[1]["detections"][0]["label"], "cat");
}

#[test]
fn exit_codes_tell_how_it_ended() {
    let server = ok();
    let url = server.url();
    let folder = photos(3, 32, 32);
    let here = text(folder.path());
    let code = |args: &[&str]| run(args).status.code().unwrap();
    assert_eq!(code(&["detect", here, "--url", &url, "--fail-if", "p95>10s", "--fail-if", "failures>0"]), 0);
    assert_eq!(code(&["detect", here, "--url", &url, "--fail-if", "inference>1ms"]), 3);
    assert_eq!(code(&["detect", here, "--url", &url, "--fail-if", "nonsense"]), 2);
    assert_eq!(code(&["detect", "no/such/photo.jpg", "--url", &url]), 2);
    assert_eq!(code(&["detect", "--url", &url]), 2);
    assert_eq!(code(&["detect", here, "--url", "ftp://example.com/"]), 2);
    assert_eq!(code(&["detect", here, "--url", &url, "--confidence", "1.5"]), 2);
    assert_eq!(code(&["detect", here, "--url", &url, "--local"]), 2);
    assert_eq!(code(&["detect", here, "--url", &url, "--model", "yolox-s"]), 2);
    assert_eq!(code(&["detect", here, "--function", "no/such/function"]), 2);
    assert_eq!(code(&["no-such-verb"]), 2);
    let empty = tempfile::tempdir().unwrap();
    let output = run(&["detect", text(empty.path()), "--url", &url]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("no photos in"), "{}", err(&output));
}

#[test]
fn cold_starts_and_stand_ins_are_told() {
    let server = Server::start(|_, number| {
        let mut answer = cat();
        answer["cold_start"] = json!(number == 0);
        answer["model"]["note"] = json!("stands in for yolox-nano, which is not here");
        Reply::json(200, &answer)
    });
    let folder = photos(3, 32, 32);
    let text = out(&run(&["detect", text(folder.path()), "--url", &server.url(), "-c", "1"]));
    assert!(text.contains("cold starts         1 (excluded from the averages)"), "{text}");
    assert!(text.contains("stands in for yolox-nano"), "{text}");
}
