//! Which photos of a bucket are taken, by which listing, and what is told of them beforehand.

use super::*;

#[test]
fn a_dry_run_counts_and_says_what_it_costs() {
    let (dataset, queue) = (DatasetFixture::new(), Queue::start());
    numbered(&dataset, 1500);
    put(&dataset, &["set/notes.txt", "set/raw.dng"]);
    let output = run(&dataset, &queue, &["--dry-run", "--ms-per-photo", "100", "--function-concurrency", "5"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let said = out(&output);
    for part in [
        "photos              1500, 0.0 MB",
        "skipped             2 by --suffix",
        "would queue         1500 photos in 150 messages",
        "about 30s (100 ms per photo, concurrency 5)",
        "cost                $0.00",
        "list $0.0000, queue $0.0000, GET $0.0006, compute $0.0043, init $0.0000, results $0.0000, logs $0.0000",
        "with S3 Batch Operations",
    ] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    assert_eq!(queue.len(), 0);
    assert!(!dataset.state.path().join("spotter").exists(), "a dry run leaves no journal");
}

#[test]
fn photos_are_chosen_by_name_size_and_age_and_at_random() {
    let (dataset, queue) = (DatasetFixture::new(), Queue::start());
    put(&dataset, &["set/a.jpg", "set/large one.jpg", "set/b/c.png", "set/raw.dng", "set/none"]);
    let chosen = |options: &[&str]| {
        let output = run(&dataset, &queue, &[&["--dry-run"], options].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        out(&output)
            .lines()
            .find_map(|line| line.strip_prefix("photos              "))
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    for (options, expected) in [
        (vec![], 3),
        (vec!["--suffix", ".dng"], 1),
        (vec!["--suffix", "*"], 5),
        (vec!["--include", "*.jpg"], 2),
        (vec!["--exclude", "b/*"], 2),
        (vec!["--min-size", "12"], 1),
        (vec!["--max-size", "10B"], 1),
        (vec!["--newer-than", "1h"], 3),
        (vec!["--newer-than", "2020-01-01"], 3),
        (vec!["--sample", "2"], 2),
    ] {
        assert_eq!(chosen(&options), expected, "{options:?}");
    }
    let output = run(&dataset, &queue, &["--newer-than", "2999-01-01"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("3 by --newer-than"), "{}", err(&output));

    numbered(&dataset, 200);
    let sampled = |options: &[&str]| {
        let queue = Queue::start();
        let output = run(&dataset, &queue, &[&["--no-wait", "--sample", "20"], options].concat());
        assert_eq!(code(&output), 0, "{}", err(&output));
        let said = err(&output);
        let seed = said.split("--seed ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        (queue.keys(), seed)
    };
    let (first, seed) = sampled(&[]);
    assert_eq!(first.len(), 20);
    assert_eq!(sampled(&["--seed", &seed]).0, first);
    assert_ne!(sampled(&["--seed", "1"]).0, sampled(&["--seed", "2"]).0);
}

#[test]
fn an_inventory_stands_for_the_listing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory/parquet");
    let dataset = DatasetFixture::new();
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    for (name, from) in [("2026-11-01T00-00Z/manifest.json", "manifest.json"), ("data/1.parquet", "data/1.parquet")] {
        let key = format!("inventory/photos-in/all/{name}");
        s3::write(dataset.server.root(), "results", &key, &std::fs::read(folder.join(from)).unwrap());
    }
    let local = folder.join("manifest.json");
    for inventory in [text(&local), "s3://results/inventory/photos-in/all/2026-11-01T00-00Z/manifest.json"] {
        let queue = Queue::start();
        let output = run(&dataset, &queue, &["--no-wait", "--inventory", inventory]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        let mut versions: Vec<(String, Value)> = queue
            .records()
            .iter()
            .map(|record| {
                (
                    record["s3"]["object"]["key"].as_str().unwrap().to_owned(),
                    record["s3"]["object"]["versionId"].clone(),
                )
            })
            .collect();
        versions.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("set/A+file%2Bname+%C3%A9%281%29.jpg", "v1".into()),
            ("set/c%2520d.jpg", Value::Null),
            ("set/old.jpg", "v2".into()),
        ];
        assert_eq!(versions, expected.map(|(key, version)| (key.to_owned(), version)));
        let said = said(&output);
        assert!(said.contains("1 outside the prefix, 1 old versions, 1 delete markers"), "{said}");
        assert!(said.contains("inventory of 2023-11-14T22:13:20Z"), "{said}");
    }
    assert_eq!(dataset.server.count("GET", "/photos-in"), 0, "the bucket was listed all the same");

    let queue = Queue::start();
    let refused = |content: String, options: &[&str]| {
        let path = dataset.state.path().join("manifest.json");
        std::fs::write(&path, content).unwrap();
        let output = run(&dataset, &queue, &[&["--no-wait", "--inventory", text(&path)], options].concat());
        assert_eq!(code(&output), 2);
        err(&output)
    };
    let said = refused(manifest.replace("Parquet", "ORC"), &[]);
    assert!(said.contains("ORC are not supported"), "{said}");
    let said = refused(manifest.replace("\"photos-in\"", "\"other\""), &[]);
    assert!(said.contains("--existing") && said.contains("\"other\""), "{said}");
    let said = refused(manifest.clone(), &[]);
    assert!(said.contains("data file") && said.contains("1.parquet"), "{said}");
    let said = refused(manifest.replace("optional int64 size;", ""), &["--min-size", "1"]);
    assert!(said.contains("--min-size") && said.contains("no field Size"), "{said}");
    assert!(refused("{}".to_owned(), &[]).contains("not the manifest.json"));
    std::fs::create_dir(dataset.state.path().join("data")).unwrap();
    std::fs::write(dataset.state.path().join("data/1.parquet"), "another file").unwrap();
    let said = refused(manifest, &[]);
    assert!(said.contains("MD5"), "{said}");
    assert_eq!(queue.len(), 0);
}

#[test]
fn mistakes_name_their_flags() {
    let (dataset, queue) = (DatasetFixture::new(), Queue::start());
    put(&dataset, &["set/a.jpg"]);
    let said = |args: &[&str]| {
        let output = dataset.command(&[&["bulk"], args].concat()).output().unwrap();
        assert_eq!(code(&output), 2, "{args:?}");
        err(&output)
    };
    let (photos, url) = (["--existing", "s3://photos-in/set"], ["--queue", queue.url.as_str()]);
    for (args, says) in [
        ([&photos[..], &RESULTS].concat(), "--queue"),
        ([&url[..], &RESULTS].concat(), "--existing"),
        ([&photos[..], &url].concat(), "--results"),
        ([&photos[..], &url, &RESULTS, &["--bucket", "s3://photos-in/set"]].concat(), "--bucket"),
        ([&photos[..], &url, &RESULTS, &["a.jpg"]].concat(), "PATH"),
        ([&photos[..], &url, &RESULTS, &["--seed", "1"]].concat(), "--sample"),
        (
            ["--bucket", "s3://photos-in/set", "a.jpg", "--sample", "1"].iter().copied().chain(RESULTS).collect(),
            "--existing",
        ),
        (
            ["--bucket", "s3://photos-in/set", "a.jpg", "--per-message", "5"].iter().copied().chain(RESULTS).collect(),
            "--existing",
        ),
        ([&photos[..], &url, &RESULTS, &["--output", "/nonexistent/x"]].concat(), "--output"),
        ([&photos[..], &url, &RESULTS, &["--min-size", "big"]].concat(), "--min-size"),
        ([&photos[..], &url, &RESULTS, &["--newer-than", "soon"]].concat(), "--newer-than"),
        ([&photos[..], &RESULTS, &["--queue", "photos"]].concat(), "QueueUrl"),
        ([&photos[..], &RESULTS, &["--queue", "http://127.0.0.1:1/1/q.fifo"]].concat(), "FIFO"),
        ([&url[..], &["--existing", "s3://results/run/x"], &RESULTS].concat(), "results are not photos"),
        (
            [&url[..], &["--existing", "s3://photos-in/nothing"], &RESULTS].concat(),
            "no objects in s3://photos-in/nothing/",
        ),
        ([&url[..], &["--existing", "s3://nowhere/set"], &RESULTS].concat(), "no bucket \"nowhere\""),
    ] {
        let said = said(&args);
        assert!(said.contains(says), "{args:?}: {said}");
    }
    let other = queue.url.replace("/photos", "/other");
    let said = said(&[&photos[..], &RESULTS, &["--queue", &other]].concat());
    assert!(said.contains("no such queue"), "{said}");
    assert_eq!(queue.len(), 0);
}
