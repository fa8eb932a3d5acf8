//! `uploader bulk` against an S3 server of somebody else's making: what is sent, how often, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod dataset;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::{err, out, photo, text};
use dataset::s3::{self, Fault, KEY, SECRET, Server};
use dataset::{DatasetFixture, Function, PLACES, broken, cat, code, lines, pairs, summary, wait_until};

#[test]
fn a_dataset_is_uploaded_and_its_results_are_collected() {
    use std::os::unix::ffi::OsStrExt;
    let dataset = DatasetFixture::new();
    for name in ["1.jpg", "A file+name é(1).jpg", "c%20d.jpg", "sub dir/2.png", "bad.jpg"] {
        std::fs::create_dir_all(dataset.path(name).parent().unwrap()).unwrap();
        photo(&dataset.path(name), 20 + name.len() as u32, 16);
    }
    photo(&dataset.path("line\nbreak.jpg"), 16, 16);
    let odd = dataset.folder.path().join(std::ffi::OsStr::from_bytes(b"\xff.jpg"));
    std::fs::copy(dataset.path("1.jpg"), odd).unwrap();
    std::fs::write(dataset.path("notes.jpg"), "no photo").unwrap();
    let _function = Function::start(&dataset, |name, etag| {
        let line = if name == "bad.jpg" { broken(name, etag) } else { cat(name, etag) };
        vec![line.to_string()]
    });
    let output = dataset.run(&["--format", "jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let lines = lines(&output);
    let expected = pairs(&[
        ("1.jpg", "ok"),
        ("2.png", "ok"),
        ("A file+name é(1).jpg", "ok"),
        ("bad.jpg", "undecodable_image"),
        ("c%20d.jpg", "ok"),
        ("line\nbreak.jpg", "invalid_key"),
        ("\u{fffd}.jpg", "invalid_key"),
    ]);
    assert_eq!(summary(&lines), expected);
    let names = ["1.jpg", "A file+name é(1).jpg", "bad.jpg", "c%20d.jpg", "sub dir/2.png"];
    assert_eq!(dataset.stored(), names.map(|name| (name.to_owned(), 1)).into());
    for name in names {
        assert_eq!(std::fs::read(dataset.object(name)).unwrap(), std::fs::read(dataset.path(name)).unwrap(), "{name}");
    }
    let png = lines.iter().find(|line| line["source"]["key"] == "set/sub dir/2.png").unwrap();
    assert_eq!(png["photo"], text(&dataset.path("sub dir/2.png")));
    assert!(png["upload_to_result_ms"].as_f64().unwrap() > 0.0 && png["client_ms"].is_null(), "{png}");
    let said = err(&output);
    for part in [
        "found               4 objects in 4 photos\n",
        "failed              3 photos (2 invalid_key, 1 undecodable_image)",
        "uploaded            5 photos",
        "average inference   7.0 ms",
        "upload to result    p50",
        "cost per 1000       $0.0",
        "model               yolox-nano",
        "bad.jpg: undecodable_image",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    let head = head(&dataset, "set/sub dir/2.png");
    assert_eq!(head.content_type(), Some("image/png"));
    assert!(head.checksum_sha256().is_some());
}

fn head(dataset: &DatasetFixture, key: &str) -> aws_sdk_s3::operation::head_object::HeadObjectOutput {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(KEY, SECRET, None, None, "tests"))
        .endpoint_url(dataset.server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let request = aws_sdk_s3::Client::from_conf(config).head_object().bucket("photos-in").key(key);
    tokio::runtime::Runtime::new().unwrap().block_on(request.send()).unwrap()
}

#[test]
fn what_the_bucket_holds_is_not_sent_again() {
    let dataset = DatasetFixture::new().photos(3);
    let sent = |options: &[&str]| {
        let before = dataset.server.count_all("PUT");
        let output = dataset.run(&[&["--no-wait"], options].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert_eq!(dataset.server.stored().len(), dataset.server.count_all("PUT"));
        dataset.server.count_all("PUT") - before
    };
    assert_eq!(sent(&[]), 3);
    assert_eq!(sent(&[]), 0);
    // Another content of the same size.
    let mut content = std::fs::read(dataset.path("2.jpg")).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(dataset.path("2.jpg"), content).unwrap();
    assert_eq!(sent(&[]), 1);
    // Only the time of modification, and no journal at all: the content decides.
    let file = std::fs::File::options().append(true).open(dataset.path("1.jpg")).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(100)).unwrap();
    assert_eq!(sent(&[]), 0);
    std::fs::remove_dir_all(dataset.state.path().join("spotter")).unwrap();
    assert_eq!(sent(&[]), 0);
    // A file that has not been touched since the journal was written is not even read.
    let modified = std::fs::metadata(dataset.path("1.jpg")).unwrap().modified().unwrap();
    let mut content = std::fs::read(dataset.path("1.jpg")).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(dataset.path("1.jpg"), content).unwrap();
    std::fs::File::options().append(true).open(dataset.path("1.jpg")).unwrap().set_modified(modified).unwrap();
    assert_eq!(sent(&[]), 0);
    std::fs::remove_dir_all(dataset.state.path().join("spotter")).unwrap();
    assert_eq!(sent(&[]), 1);
    // What the journal says and the bucket does not hold is sent.
    std::fs::remove_file(dataset.object("3.jpg")).unwrap();
    assert_eq!(sent(&[]), 1);
    assert_eq!(sent(&["--force"]), 3);
}

#[test]
fn a_run_that_is_killed_three_times_uploads_every_photo_once() {
    const PHOTOS: u32 = 28;
    // So many uploads are let through, slowly; the rest is told to come again.
    let (allowed, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (limit, count) = (Arc::clone(&allowed), Arc::clone(&sent));
    let server = Server::with_faults(move |method, _, _| match method {
        "PUT" if count.load(Ordering::SeqCst) < limit.load(Ordering::SeqCst) => {
            count.fetch_add(1, Ordering::SeqCst);
            Some(Fault::Late(Duration::from_millis(60)))
        }
        "PUT" => Some(Fault::Refused(503, "SlowDown")),
        _ => None,
    });
    let dataset = DatasetFixture::with_server(server).photos(PHOTOS);
    let journal = dataset.state.path().join("journal.jsonl");
    for kill in 1..=3 {
        let enough = dataset.server.stored().len() + 5;
        // Three more are under way at the kill.
        allowed.store(sent.load(Ordering::SeqCst) + 8, Ordering::SeqCst);
        let mut child = dataset
            .bulk(&["--concurrency", "3", "--journal", text(&journal)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("progress", || dataset.server.stored().len() >= enough);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("the end of what was under way", || dataset.server.under_way() == 0);
        let stored = dataset.server.stored().len();
        assert!(stored >= enough && stored < PHOTOS as usize, "{stored} after kill {kill}");
        // As a kill in the middle of a note leaves it.
        let notes = std::fs::read(&journal).unwrap();
        assert!(notes.len() > 1000, "{}", notes.len());
        std::fs::write(&journal, &notes[..notes.len() - 20]).unwrap();
    }
    allowed.store(usize::MAX, Ordering::SeqCst);
    let _function = Function::of_cats(&dataset);
    let output = dataset.run(&["--format", "jsonl", "--journal", text(&journal)]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let stored = dataset.stored();
    assert_eq!((stored.len(), stored.values().max()), (PHOTOS as usize, Some(&1)), "{stored:?}");
    // What was under way at a kill may have to be sent again, and nothing else.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent <= PHOTOS as usize + 3 * 3, "{sent}");
    assert_eq!(lines(&output).len(), PHOTOS as usize);
    assert!(err(&output).contains("already in the bucket"), "{}", err(&output));
}

#[test]
fn an_upload_of_somebody_else_that_arrives_meanwhile_is_noticed() {
    let root: Arc<OnceLock<PathBuf>> = Arc::default();
    let late = Arc::clone(&root);
    // As each PUT comes in, the object is there already: once the same, once another.
    let server = Server::with_faults(move |method, path, before| {
        if let (Some((root, same)), "PUT", 0) = (late.get().map(|root| (root, path.ends_with("1.jpg"))), method, before)
        {
            let content = if same { std::fs::read(root.join("same")).unwrap() } else { b"another".to_vec() };
            s3::write(root, "photos-in", path.strip_prefix("/photos-in/").unwrap(), &content);
        }
        None
    });
    let dataset = DatasetFixture::with_server(server).photos(2);
    std::fs::copy(dataset.path("1.jpg"), dataset.server.root().join("same")).unwrap();
    root.set(dataset.server.root().to_owned()).unwrap();
    let output = dataset.run(&["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(dataset.stored(), [("2.jpg".to_owned(), 1)].into(), "only what was another content was replaced");
    assert_eq!(std::fs::read(dataset.object("2.jpg")).unwrap(), std::fs::read(dataset.path("2.jpg")).unwrap());
}

#[test]
fn mistakes_of_the_command_line_are_found_before_anything_is_uploaded() {
    let dataset = DatasetFixture::new().photos(1);
    std::fs::create_dir(dataset.path("b")).unwrap();
    photo(&dataset.path("b/1.jpg"), 40, 40);
    let (one, other) = (dataset.path("1.jpg"), dataset.path("b/1.jpg"));
    let output = dataset.command(&[&["bulk", text(&one), text(&other)], &PLACES[..]].concat()).output().unwrap();
    assert_eq!(code(&output), 2);
    let said = err(&output);
    assert!(said.contains(text(&one)) && said.contains(text(&other)) && said.contains("set/1.jpg"), "{said}");

    for results in ["s3://photos-in/set/results", "s3://photos-in", "s3://photos-in/set"] {
        let args = ["bulk", dataset.folder(), "--bucket", "s3://photos-in/set", "--results", results];
        let output = dataset.command(&args).output().unwrap();
        assert_eq!(code(&output), 2);
        assert!(err(&output).contains("would be processed as photos"), "{}", err(&output));
    }
    for (args, says) in [
        (vec!["--include", "*.gif"], "exclude all 2 photos"),
        (vec!["--include", "["], "--include"),
        (vec!["--timeout", "0"], "--timeout"),
        (vec!["--fail-if", "nonsense"], "--fail-if"),
        (vec!["--output", "/nonexistent/x"], "--output"),
    ] {
        let output = dataset.run(&args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(err(&output).contains(says), "{}", err(&output));
    }
    for args in [["--bucket", "photos-in"], ["--results", "results"]] {
        let output = dataset.command(&["bulk", dataset.folder(), args[0], args[1]]).output().unwrap();
        assert_eq!(code(&output), 2);
        assert!(err(&output).contains("s3://bucket/prefix"), "{}", err(&output));
    }
    assert_eq!(dataset.server.count_all("PUT"), 0);
}

#[test]
fn a_dry_run_says_what_would_be_uploaded_and_uploads_nothing() {
    let dataset = DatasetFixture::new().photos(3);
    std::fs::create_dir(dataset.path("sub")).unwrap();
    photo(&dataset.path("sub/4.png"), 30, 30);
    dataset.server.put("set/1.jpg", &std::fs::read(dataset.path("1.jpg")).unwrap());
    let output = dataset.run(&["--dry-run", "--exclude", "3*", "--include", "*.jpg", "--include", "sub/*"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = out(&output);
    for (name, says) in [("1.jpg", "skip          "), ("2.jpg", "would upload  "), ("sub/4.png", "would upload  ")] {
        let line = format!("{says} {} -> s3://photos-in/set/{name}", dataset.path(name).display());
        assert!(said.contains(&line), "{line} is missing in {said}");
    }
    assert!(
        !said.contains("3.jpg") && said.contains("would upload 2 photos (0.0 MB); 1 already in the bucket"),
        "{said}"
    );
    assert_eq!(dataset.server.count_all("PUT"), 0);
    assert!(!dataset.state.path().join("spotter").exists(), "a dry run leaves no journal");
}

#[test]
fn files_that_are_no_photos_are_told_when_they_are_named() {
    let dataset = DatasetFixture::new().photos(1);
    std::fs::write(dataset.path("notes.txt"), "no photo").unwrap();
    let _function = Function::of_cats(&dataset);
    let (photo, notes) = (dataset.path("1.jpg"), dataset.path("notes.txt"));
    let args = [&["bulk", text(&photo), text(&notes)], &PLACES[..], &["-f", "jsonl"]].concat();
    let output = dataset.command(&args).output().unwrap();
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert_eq!(summary(&lines(&output)), pairs(&[("1.jpg", "ok"), ("notes.txt", "unsupported_image")]));
    assert_eq!(dataset.stored(), [("1.jpg".to_owned(), 1)].into());
}

#[test]
fn temporary_errors_are_retried_and_one_photos_error_is_its_own() {
    let dataset = DatasetFixture::with_server(Server::with_faults(|method, path, before| match (method, path) {
        ("PUT", "/photos-in/set/1.jpg") if before < 2 => Some(Fault::Refused(503, "SlowDown")),
        ("PUT", "/photos-in/set/2.jpg") => Some(Fault::Refused(400, "BadDigest")),
        ("GET", "/results") if (1..3).contains(&before) => Some(Fault::Refused(503, "SlowDown")),
        ("GET", path) if path.starts_with("/results/") && before == 0 => Some(Fault::BrokenOff),
        _ => None,
    }))
    .photos(3);
    let _function = Function::of_cats(&dataset);
    let output = dataset.run(&["-f", "jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    assert_eq!(summary(&lines(&output)), pairs(&[("1.jpg", "ok"), ("2.jpg", "s3"), ("3.jpg", "ok")]));
    assert_eq!(dataset.server.count("PUT", "/photos-in/set/1.jpg"), 3);
    assert_eq!(dataset.server.count("PUT", "/photos-in/set/2.jpg"), 1);
    assert!(err(&output).contains("BadDigest"), "{}", err(&output));
}

#[test]
fn what_no_photo_would_survive_ends_the_run() {
    let dataset = DatasetFixture::with_server(Server::with_faults(|method, _, _| {
        (method == "PUT").then_some(Fault::Refused(403, "AccessDenied"))
    }))
    .photos(40);
    let output = dataset.run(&["--concurrency", "2"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("s3:PutObject") && err(&output).contains("s3://photos-in/set/"), "{}", err(&output));
    assert!(dataset.server.count_all("PUT") < 10, "{}", dataset.server.count_all("PUT"));

    let nowhere = |places: [&str; 4]| {
        let output = dataset.command(&[&["bulk", dataset.folder()], &places[..]].concat()).output().unwrap();
        assert_eq!(code(&output), 2);
        err(&output)
    };
    let said = nowhere(["--bucket", "s3://nowhere/set", "--results", "s3://results/run"]);
    assert!(said.contains("no bucket \"nowhere\""), "{said}");
    let said = nowhere(["--bucket", "s3://photos-in/set", "--results", "s3://nowhere/run"]);
    assert!(said.contains("no bucket \"nowhere\""), "{said}");
    let output = dataset.bulk(&[]).env_remove("AWS_ACCESS_KEY_ID").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("no AWS credentials found"), "{}", err(&output));
    let output = dataset.bulk(&[]).env("AWS_SECRET_ACCESS_KEY", "wrong").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("credentials"), "{}", err(&output));
}
