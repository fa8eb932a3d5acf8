//! What is wrong with a whole run is told once, before any photo is sent, with exit code 2.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::TcpListener;

use serde_json::json;

use common::{Reply, Seen, Server, cat, err, out, photo, photos, run, text, uploader};

fn well(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.body.is_empty()) {
        ("GET", _) => Reply::json(200, &json!({"status": "ok"})),
        (_, true) => Reply::json(400, &json!({"code": "missing_image", "detail": "The body is empty. Send a photo."})),
        _ => Reply::json(200, &cat()),
    }
}

/// What is said of a run that is refused, once it is certain that it sent no photo.
fn refused(server: &Server, args: &[&str]) -> String {
    let folder = photos(2, 64, 48);
    let output = run(&[&["detect", text(folder.path()), "--url", &server.url()], args].concat());
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""), "{}", err(&output));
    assert!(server.seen().iter().all(|seen| seen.body.is_empty()), "a photo was sent");
    assert_eq!(err(&output).lines().count(), 1, "{}", err(&output));
    err(&output)
}

#[test]
fn a_url_behind_which_is_no_function_is_refused() {
    for (say, expected) in [
        (
            Reply::new(200, "<html>hello</html>"),
            "not a Spotter function: GET /health returned 200 OK: <html>hello</html>",
        ),
        (Reply::new(404, "nothing here"), "GET /health returned 404 Not Found: nothing here"),
        (Reply::json(403, &json!({"Message": "Forbidden"})), "needs AWS credentials and --sign REGION"),
        (
            Reply::new(301, "").with("location", "https://elsewhere/"),
            "use the URL that it redirects to (https://elsewhere/)",
        ),
    ] {
        let server = Server::of_everything(move |_, _| say.clone());
        let said = refused(&server, &[]);
        assert!(said.starts_with(&format!("uploader: {}: ", server.url())) && said.contains(expected), "{said}");
    }
}

#[test]
fn a_url_behind_which_nobody_answers_is_refused() {
    let folder = photos(1, 64, 48);
    let detect = |url: &str| run(&["detect", text(folder.path()), "--url", url]);
    let output = detect("http://127.0.0.1:1/");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        err(&output),
        "uploader: http://127.0.0.1:1/: cannot connect to 127.0.0.1 port 1 (Connection refused (os error 111))\n"
    );
    // Somebody listens, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = detect(&format!("http://{}/", silent.local_addr().unwrap()));
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("no response to GET /health within 5 s"), "{}", err(&output));
    // A comparison does not begin, either.
    let output = run(&["compare", text(folder.path()), "--local", "--url", "there=http://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("there: http://127.0.0.1:1/: cannot connect"), "{}", err(&output));
}

#[test]
fn a_function_that_is_being_started_is_waited_for() {
    let server = Server::of_everything(|seen, number| match number {
        0 => Reply::new(502, "Bad Gateway"),
        1 => Reply::json(503, &json!({"code": "loading", "detail": "The model is loading."})),
        _ => well(seen),
    });
    let folder = photos(1, 64, 48);
    let output = run(&["detect", text(folder.path()), "--url", &server.url(), "--retries", "0"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn what_every_photo_would_be_refused_for_is_told_without_one() {
    for (status, code, detail) in [
        (400, "invalid_parameter", "Unknown option \"conf\": did you mean confidence?"),
        (400, "invalid_parameter", "classes: the model has no label \"unicorn\"."),
        (401, "unauthorized", "Missing token."),
    ] {
        let server = Server::of_everything(move |seen, _| match seen.method.as_str() {
            "GET" => well(seen),
            _ => Reply::json(status, &json!({"code": code, "detail": detail})),
        });
        assert_eq!(refused(&server, &["--classes", "unicorn"]), format!("uploader: {detail}\n"));
        let asked = server.seen().pop().unwrap().target;
        assert_eq!(asked, "/detect?classes=unicorn");
    }
}

#[test]
fn the_summary_can_be_left_out_and_warnings_cannot() {
    let server = Server::start(|_, _| {
        let mut answer = cat();
        answer["model"]["note"] = json!("Using the weaker built-in model (`uploader model pull yolox-nano`)");
        Reply::json(200, &answer)
    });
    let folder = photos(1, 64, 48);
    let detect = |args: &[&str]| run(&[&["detect", text(folder.path()), "--url", &server.url()], args].concat());
    let whole = detect(&[]);
    assert!(out(&whole).contains("Using the weaker") && out(&whole).contains("server: decode 1.0"), "{}", out(&whole));
    for args in [&["--quiet"][..], &["--no-summary"]] {
        let output = detect(args);
        assert_eq!(out(&output).lines().count(), 1, "{}", out(&output));
        assert!(err(&output).starts_with("uploader: Using the weaker built-in model"), "{}", err(&output));
        // The command is one that runs here.
        let program = err(&output).split('`').nth(1).unwrap().split(' ').next().unwrap().to_owned();
        assert!(std::path::Path::new(&program).is_file(), "{program}");
    }
}

#[test]
fn photos_with_boxes_keep_their_folders() {
    let server = Server::start(|_, _| Reply::json(200, &cat()));
    let folder = tempfile::tempdir().unwrap();
    for name in ["P/a/1.jpg", "P/a/deep/2.jpg", "P/b/1.jpg"] {
        std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        photo(&folder.path().join(name), 64, 48);
    }
    std::fs::write(folder.path().join("list"), "P/a/1.jpg\nP/b/1.jpg\n").unwrap();
    let drawn = |name: &str, args: &[&str]| {
        let url = server.url();
        let args = [&["detect"], args, &["--url", &url, "--annotate", name]].concat();
        let output = uploader(&args).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let root = folder.path().join(name);
        let mut files: Vec<String> = walkdir::WalkDir::new(&root)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&root).unwrap().display().to_string())
            .collect();
        files.sort();
        files
    };
    assert_eq!(drawn("of-folder", &["P"]), ["a/1.jpg", "a/deep/2.jpg", "b/1.jpg"]);
    assert_eq!(drawn("of-glob", &["P/**/*.jpg"]), ["a/1.jpg", "a/deep/2.jpg", "b/1.jpg"]);
    assert_eq!(drawn("of-list", &["--from-file", "list"]), ["a/1.jpg", "b/1.jpg"]);
    assert_eq!(drawn("of-files", &["P/a/1.jpg", "P/b/1.jpg"]), ["1-2.jpg", "1.jpg"]);
    // Where they would come to lie upon what is read, nothing is sent.
    let output =
        uploader(&["detect", "P", "--url", &server.url(), "--annotate", "P"]).current_dir(folder.path()).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}

#[test]
fn shells_and_man_know_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&run(&["completions", shell]));
        assert!(script.contains("annotate") && !script.contains("__child"), "{shell}");
    }
    assert!(out(&run(&["man"])).contains("uploader\\-detect(1)"));
    let page = out(&run(&["man", "model", "pull"]));
    assert!(page.starts_with(".") && page.contains("uploader\\-model\\-pull") && page.contains("\\-\\-from"), "{page}");
    assert_eq!(run(&["man", "nothing"]).status.code(), Some(2));
}
