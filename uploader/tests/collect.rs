//! Results that are collected, by `uploader bulk` and by `uploader collect`: whose they are, in which form, and what is missing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod dataset;

use std::path::Path;
use std::process::Command;

use common::{err, out, photo, text};
use dataset::{DatasetFixture, Function, PLACES, cat, code, lines, pairs, s3, summary};
use serde_json::{Value, json};

#[test]
fn every_photo_has_one_result_whatever_lies_among_the_results() {
    let dataset = DatasetFixture::new().photos(4);
    dataset.write_part("older", &[cat("1.jpg", "0123"), cat("another.jpg", "0123")]);
    let _function = Function::start(&dataset, |name, etag| {
        let mut foreign = cat(name, etag);
        foreign["source"]["bucket"] = json!("elsewhere");
        let line = cat(name, etag).to_string();
        let mut torn = line.clone();
        torn.truncate(40);
        vec![line.clone(), String::new(), foreign.to_string(), cat(name, "0ldc0ntent").to_string(), line, torn]
    });
    let output = dataset.run(&["-f", "jsonl"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"];
    assert_eq!(summary(&lines(&output)), pairs(&names.map(|name| (name, "ok"))));
    let said = err(&output);
    assert!(said.contains("ignored") && said.contains("is not a result"), "{said}");

    // Sent already, and their results are there: nothing is sent, and all of them are collected again.
    let again = dataset.run(&["-f", "jsonl"]);
    assert_eq!(code(&again), 0, "{}", err(&again));
    assert_eq!(summary(&lines(&again)), pairs(&names.map(|name| (name, "ok"))));
    assert!(err(&again).contains("uploaded            0 photos"), "{}", err(&again));
    assert_eq!(dataset.server.stored().len(), 4);
}

#[test]
fn photos_without_a_result_are_named_when_time_is_up() {
    let dataset = DatasetFixture::new().photos(4);
    let _function = Function::start(&dataset, |name, etag| {
        if ["2.jpg", "3.jpg"].contains(&name) { Vec::new() } else { vec![cat(name, etag).to_string()] }
    });
    let output = dataset.run(&["-f", "jsonl", "--timeout", "5"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let expected = [("1.jpg", "ok"), ("2.jpg", "no_result"), ("3.jpg", "no_result"), ("4.jpg", "ok")];
    assert_eq!(summary(&lines(&output)), pairs(&expected));
    let said = err(&output);
    assert!(said.contains("2 of 4 photos have no result, 5 s after the last news: "), "{said}");
    assert!(said.contains("2.jpg") && said.contains("/uploader collect "), "{said}");
    // With --force what was skipped is sent again, and only new results count.
    dataset.write_part("late", &[cat("2.jpg", &dataset.etag("2.jpg")), cat("3.jpg", &dataset.etag("3.jpg"))]);
    let output = dataset.run(&["--force", "-f", "jsonl", "--timeout", "2"]);
    assert_eq!(code(&output), 1);
    assert_eq!(summary(&lines(&output)).iter().filter(|(_, code)| code == "no_result").count(), 4);
    assert_eq!(dataset.server.stored().len(), 8);
}

#[test]
fn results_are_collected_later_here_and_elsewhere() {
    let dataset = DatasetFixture::new().photos(3);
    let output = dataset.run(&["--no-wait"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = err(&output);
    let command = said.lines().last().unwrap().trim();
    assert!(command.split_once(" collect ").is_some_and(|(program, _)| Path::new(program).is_file()), "{said}");
    let names = ["1.jpg", "2.jpg", "3.jpg"];
    dataset.write_part("a", &names.map(|name| cat(name, &dataset.etag(name))));
    dataset.write_part("b", &[cat("1.jpg", "0ther"), cat("1.jpg", &dataset.etag("1.jpg"))]);

    // The very command that was printed, as a shell reads it.
    let program = Path::new(env!("CARGO_BIN_EXE_uploader")).parent().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{command} -f jsonl")]);
    let with_env = dataset.command(&[]);
    for (name, value) in with_env.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = shell.env("PATH", path.unwrap()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(summary(&lines(&output)), pairs(&names.map(|name| (name, "ok"))));
    assert_eq!(
        lines(&output)[0]["photo"].as_str().unwrap().strip_suffix(".jpg").map(|p| &p[..p.len() - 1]),
        Some(&*format!("{}/", dataset.folder()))
    );

    let results = ["--results", "s3://results/run", "-f", "jsonl"];
    let collect = |args: &[&str]| {
        let output = dataset.command(&[&["collect"], args, &results].concat()).output().unwrap();
        assert_eq!(code(&output), 0, "{}", err(&output));
        output
    };
    // By the bucket's listing, as from another machine.
    let output = collect(&["--bucket", "s3://photos-in/set", "--exclude", "3*"]);
    assert_eq!(summary(&lines(&output)), pairs(&[("1.jpg", "ok"), ("2.jpg", "ok")]));
    assert!(out(&output).contains("\"photo\":\"s3://photos-in/set/1.jpg\""), "{}", out(&output));
    // By the journal.
    let journals: Vec<_> = std::fs::read_dir(dataset.state.path().join("spotter/bulk")).unwrap().collect();
    let journal = journals[0].as_ref().unwrap().path();
    let output = collect(&["--journal", text(&journal)]);
    assert_eq!(summary(&lines(&output)), pairs(&names.map(|name| (name, "ok"))));
    // Whatever is there.
    let output = collect(&[]);
    assert_eq!(lines(&output).len(), 4, "{}", out(&output));
    let output = dataset.command(&["collect", "--results", "s3://results/elsewhere"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("no results in s3://results/elsewhere"), "{}", err(&output));
    // A photo that was never uploaded is told as such.
    photo(&dataset.path("4.jpg"), 99, 9);
    let args = [&["collect", dataset.folder()], &PLACES[..], &["-f", "jsonl"]].concat();
    let output = dataset.command(&args).output().unwrap();
    assert_eq!(code(&output), 1);
    assert_eq!(summary(&lines(&output))[3], ("4.jpg".to_owned(), "not_uploaded".to_owned()));
}

#[test]
fn one_object_per_photo_is_read_as_well() {
    let dataset = DatasetFixture::new().photos(2);
    dataset.run(&["--no-wait", "--quiet"]);
    for name in ["1.jpg", "2.jpg"] {
        let line = cat(name, &dataset.etag(name)).to_string();
        s3::write(dataset.server.root(), "results", &format!("run/set/{name}.json"), line.as_bytes());
        s3::write(dataset.server.root(), "results", &format!("run/set/{name}.annotated.jpg"), b"a picture");
    }
    s3::write(dataset.server.root(), "results", "run/manifest.json", b"{}");
    let output = dataset.run(&["-f", "coco", "--quiet"]);
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    let list: Value = serde_json::from_str(&out(&output)).unwrap();
    let mut ids: Vec<u64> = list.as_array().unwrap().iter().map(|entry| entry["image_id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    assert_eq!(list[0]["bbox"], json!([64.0, 48.0, 256.0, 192.0]));
}

#[test]
fn formats_pictures_and_conditions() {
    let dataset = DatasetFixture::new().photos(2);
    let _function = Function::of_cats(&dataset);
    let (drawn, table) = (dataset.state.path().join("drawn"), dataset.state.path().join("out.csv"));
    let args = ["-f", "csv", "-o", text(&table), "--annotate", text(&drawn), "--fail-if", "p95<1ms"];
    let output = dataset.run(&args);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(out(&output), "");
    let table = std::fs::read_to_string(table).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains("1.jpg,640,480,cat,15,0.91,64,48,320,240,yolox-nano,7,"), "{table}");
    for name in ["1.jpg", "2.jpg"] {
        let size = image::image_dimensions(drawn.join(name)).unwrap();
        assert_eq!(size, image::image_dimensions(dataset.path(name)).unwrap());
    }
    let output = dataset.run(&["--fail-if", "inference>1ms", "--fail-if", "failures>0"]);
    assert_eq!(code(&output), 3, "{}", err(&output));
    assert!(err(&output).contains("--fail-if 'inference>1ms': measured 7 ms"), "{}", err(&output));
    assert!(out(&output).contains("1.jpg: cat 0.91 [64 48 320 240]\n"), "{}", out(&output));

    // Without the photos at hand they are fetched to be drawn upon.
    let fetched = dataset.state.path().join("fetched");
    let args = [&["collect"], &PLACES[..], &["--quiet", "-f", "jsonl", "--annotate", text(&fetched)]].concat();
    let output = dataset.command(&args).output().unwrap();
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    assert_eq!(image::image_dimensions(fetched.join("2.jpg")).unwrap(), (18, 16));
}

#[test]
fn datasets_are_collected_with_and_without_the_photos() {
    let dataset = DatasetFixture::new().photos(2);
    let _function = Function::of_cats(&dataset);
    let (yolo, sorted) = (dataset.state.path().join("yolo"), dataset.state.path().join("sorted"));
    let args = ["-f", "yolo", "-o", text(&yolo), "--with-photos", "link", "--xmp", "--sort-into", text(&sorted)];
    let output = dataset.run(&[&args[..], &["--quiet"]].concat());
    assert_eq!((code(&output), err(&output).as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(yolo.join("labels/1.txt")).unwrap(), "15 0.300000 0.300000 0.400000 0.400000\n");
    for name in ["1.jpg", "2.jpg"] {
        let content = std::fs::read(dataset.path(name)).unwrap();
        assert_eq!(std::fs::read(yolo.join("images").join(name)).unwrap(), content);
        assert_eq!(std::fs::read(sorted.join("cat").join(name)).unwrap(), content);
        let sidecar = std::fs::read_to_string(dataset.path(&format!("{name}.xmp"))).unwrap();
        assert!(sidecar.contains("<rdf:li>cat</rdf:li>"), "{sidecar}");
    }
    // Whatever is there: which photos that will be, nobody knows beforehand.
    let collect = ["collect", "--results", "s3://results/run", "-f", "coco-dataset", "--xmp"];
    let output = dataset.command(&collect).output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    let coco: Value = serde_json::from_str(&out(&output)).unwrap();
    // Results are fetched side by side and come in any order.
    let images = coco["images"].as_array().unwrap();
    let mut images: Vec<_> = images.iter().map(|image| image["file_name"].as_str().unwrap()).collect();
    images.sort_unstable();
    assert_eq!(images, ["1.jpg", "2.jpg"]);
    assert_eq!(coco["annotations"][1]["bbox"], json!([64.0, 48.0, 256.0, 192.0]));
    assert!(
        err(&output).contains("no XMP file was written for 2 photos, not files of this machine"),
        "{}",
        err(&output)
    );
}
