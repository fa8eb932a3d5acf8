//! Results into tables, in folders: what is in them, who comes between, and what is left out.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use tables::{Folder, Job, Object, Store, Stored, Summary};
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
    notices: Mutex<Vec<String>>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("results")).unwrap();
        Self { folder, notices: Mutex::default() }
    }

    fn put(&self, name: &str, lines: &[String]) {
        let path = self.folder.path().join("results").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    }

    fn store(&self, name: &str) -> Arc<dyn Store> {
        Arc::new(Folder::new(self.folder.path().join(name)))
    }

    fn run_with(&self, tables: Arc<dyn Store>, dry_run: bool) -> anyhow::Result<Summary> {
        let notice = |text: &str| self.notices.lock().unwrap().push(text.to_owned());
        let stop = AtomicBool::new(false);
        Job { results: self.store("results"), tables, dry_run, stop: &stop, notice: &notice, progress: &|_, _| {} }
            .run()
    }

    fn run(&self) -> Summary {
        self.run_with(self.store("tables"), false).unwrap()
    }

    fn file(&self, date: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("tables/date={date}/results.parquet"))
    }

    /// Keys of the rows by their day, in order.
    fn keys(&self) -> BTreeMap<String, Vec<String>> {
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(self.folder.path().join("tables")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let date = name.strip_prefix("date=").unwrap();
            let mut found: Vec<String> =
                rows(&self.file(date)).iter().map(|row| row["source"]["key"].as_str().unwrap().to_owned()).collect();
            found.sort();
            keys.insert(date.to_owned(), found);
        }
        keys
    }
}

fn rows(path: &Path) -> Vec<Value> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_json_value()).collect()
}

fn cat(key: &str, etag: &str, model: &str) -> String {
    json!({
        "source": {"bucket": "in", "key": key, "etag": etag, "size": 7},
        "image": {"width": 640, "height": 480},
        "detections": [
            {"label": "cat", "class_id": 15, "score": 0.91, "box": [64.0, 48.0, 320.0, 240.0]},
            {"label": "dog", "class_id": 16, "score": 0.5, "box": [0.0, 0.25, 1.0, 2.0]},
        ],
        "model": {"name": "yolox-nano", "sha256": model},
        "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
        "timings_ms": {"queue": 0.25, "decode": 1.0, "preprocess": 0.5, "inference": 7.0, "postprocess": 0.5, "total": 9.25, "slices": 3},
        "cold_start": false, "init_ms": 0.0, "something_new": {"a": 1}
    })
    .to_string()
}

fn broken(key: &str) -> String {
    json!({
        "source": {"bucket": "in", "key": key},
        "error": {"code": "not_found", "message": "It is gone."},
        "model": {"name": "yolox-nano", "sha256": "c789"}
    })
    .to_string()
}

fn strings(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[test]
fn a_row_holds_what_its_line_says() {
    let fixture = Fixture::new();
    let mut empty: Value = serde_json::from_str(&cat("empty.jpg", "e", "c789")).unwrap();
    empty["detections"] = json!([]);
    empty["request_id"] = json!("r-1");
    fixture.put("date=2026-11-30/part-1.jsonl", &[cat("a.jpg", "e", "c789"), broken("b.jpg"), empty.to_string()]);
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.repeats, summary.other_lines), (3, 0, 0));
    let rows = rows(&fixture.file("2026-11-30"));
    let line: Value = serde_json::from_str(&cat("a.jpg", "e", "c789")).unwrap();
    for (name, value) in line.as_object().unwrap() {
        if name != "something_new" && name != "source" && name != "model" {
            assert_eq!(rows[0][name], *value, "{name}");
        }
    }
    assert_eq!(rows[0]["source"], json!({"bucket": "in", "key": "a.jpg", "version_id": null, "etag": "e", "size": 7}));
    assert_eq!(rows[0]["error"], Value::Null);
    assert_eq!(rows[1]["error"], json!({"code": "not_found", "message": "It is gone."}));
    assert_eq!((&rows[1]["detections"], &rows[1]["image"]), (&Value::Null, &Value::Null));
    assert_eq!((&rows[2]["detections"], &rows[2]["request_id"]), (&json!([]), &json!("r-1")));
}

#[test]
fn repeats_are_dropped_on_whatever_day_they_come() {
    let fixture = Fixture::new();
    let (a, b) = (cat("a.jpg", "e", "m1"), cat("b.jpg", "e", "m1"));
    fixture.put("date=2026-11-30/part-1.jsonl", &[a.clone(), a.clone(), b.clone(), cat("a.jpg", "e2", "m1")]);
    fixture.put("date=2026-12-01/part-2.jsonl", &[a.clone(), cat("a.jpg", "e", "m2"), cat("c.jpg", "e", "m1")]);
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.repeats, summary.days_written), (5, 2, 2));
    let expected = [("2026-11-30", vec!["a.jpg", "a.jpg", "b.jpg"]), ("2026-12-01", vec!["a.jpg", "c.jpg"])];
    let expected: BTreeMap<String, Vec<String>> =
        expected.into_iter().map(|(date, keys)| (date.to_owned(), strings(&keys))).collect();
    assert_eq!(fixture.keys(), expected);

    // A second run has nothing to do; files stay as they are.
    let before = fs::metadata(fixture.file("2026-11-30")).unwrap().modified().unwrap();
    let summary = fixture.run();
    assert_eq!((summary.files(), summary.new_files().0, summary.days_written), (2, 0, 0));
    assert_eq!(fs::metadata(fixture.file("2026-11-30")).unwrap().modified().unwrap(), before);

    // What comes later is added where it belongs, also to an earlier day, and only if it is nowhere.
    fixture.put("date=2026-11-30/part-3.jsonl", &[cat("c.jpg", "e", "m1"), cat("d.jpg", "e", "m1"), b]);
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.repeats, summary.days_written, summary.new_files().0), (1, 2, 1, 1));
    assert_eq!(fixture.keys()["2026-11-30"], strings(&["a.jpg", "a.jpg", "b.jpg", "d.jpg"]));

    // Rows stay when their results are deleted.
    fs::remove_dir_all(fixture.folder.path().join("results/date=2026-11-30")).unwrap();
    fixture.put("date=2026-11-30/part-4.jsonl", &[cat("e.jpg", "e", "m1"), a]);
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.repeats), (1, 1));
    assert_eq!(fixture.keys()["2026-11-30"], strings(&["a.jpg", "a.jpg", "b.jpg", "d.jpg", "e.jpg"]));
}

#[test]
fn every_layout_is_read_and_nothing_else() {
    let fixture = Fixture::new();
    fixture.put("part-old.jsonl", &[cat("1.jpg", "e", "m")]);
    fixture.put("albums/2.jpg.json", &[cat("albums/2.jpg", "e", "m")]);
    fixture.put("date=2024-02-29/albums/3.jpg.json", &[cat("albums/3.jpg", "e", "m")]);
    // One object, printed over several lines.
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(&cat("4.jpg", "e", "m")).unwrap()).unwrap();
    fixture.put("date=2024-02-29/4.jpg.json", &[pretty]);
    let mut torn = cat("5.jpg", "e", "m");
    torn.truncate(80);
    let long = format!("{{\"source\": \"{}\"}}", "x".repeat(2 << 20));
    let huge = cat("7.jpg", "e", "m").replace("\"class_id\":15", "\"class_id\":99999999999999999999");
    let foreign = json!({"level": "INFO"}).to_string();
    fixture.put("date=2024-02-29/part-1.jsonl", &[torn, foreign, long, huge, String::new(), cat("6.jpg", "e", "m")]);
    fixture.put("date=2024-02-29/a.jpg.annotated.jpg", &["a picture".to_owned()]);
    fixture.put("manifest.csv", &["in,a.jpg".to_owned()]);
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.other_lines, summary.failed, summary.files()), (5, 4, 0, 5));
    let keys = fixture.keys();
    assert_eq!(keys["2024-02-29"], strings(&["4.jpg", "6.jpg", "albums/3.jpg"]));
    // What lies in no day's folder was stored just now.
    let today: Vec<&Vec<String>> =
        keys.iter().filter(|(date, _)| *date != "2024-02-29").map(|(_, keys)| keys).collect();
    assert_eq!(today.into_iter().flatten().cloned().collect::<Vec<_>>(), strings(&["1.jpg", "albums/2.jpg"]));
    let notices = fixture.notices.lock().unwrap();
    assert_eq!(notices.len(), 4);
    assert!(notices.iter().all(|notice| notice.starts_with("date=2024-02-29/part-1.jsonl line ")), "{notices:?}");
    // They are no news to the next run.
    assert_eq!(fixture.run().new_files().0, 0);
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let fixture = Fixture::new();
    fixture.put("date=2026-11-30/part-1.jsonl", &[cat("a.jpg", "e", "m")]);
    fixture.put("date=2026-12-01/part-2.jsonl", &[cat("a.jpg", "e", "m")]);
    let summary = fixture.run_with(fixture.store("tables"), true).unwrap();
    assert_eq!((summary.files(), summary.new_files().0, summary.days_written), (2, 2, 2));
    assert!(!fixture.folder.path().join("tables").exists());
}

#[test]
fn files_of_others_are_not_replaced() {
    let fixture = Fixture::new();
    fixture.put("date=2026-11-30/part-1.jsonl", &[cat("a.jpg", "e", "m")]);
    fs::create_dir_all(fixture.file("2026-11-30").parent().unwrap()).unwrap();
    fs::write(fixture.file("2026-11-30"), "PAR1 of somebody else's making").unwrap();
    let error = fixture.run_with(fixture.store("tables"), false).unwrap_err();
    assert!(format!("{error:#}").contains("is no Parquet file"), "{error:#}");
    assert_eq!(fs::read(fixture.file("2026-11-30")).unwrap(), b"PAR1 of somebody else's making");
}

/// A folder in which somebody else does something just before a file is replaced, once.
struct RacingStore {
    inner: Arc<dyn Store>,
    before: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Store for RacingStore {
    fn list(&self, each: &mut dyn FnMut(Object) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.inner.list(each)
    }
    fn read(&self, object: &Object) -> anyhow::Result<Option<Box<dyn Read + Send>>> {
        self.inner.read(object)
    }
    fn read_range(&self, object: &Object, range: Range<u64>) -> anyhow::Result<Bytes> {
        self.inner.read_range(object, range)
    }
    fn replace(&self, name: &str, version: Option<&str>, file: &File) -> anyhow::Result<Stored> {
        if let Some(before) = self.before.lock().unwrap().take() {
            before();
        }
        self.inner.replace(name, version, file)
    }
    fn place(&self) -> String {
        self.inner.place()
    }
}

#[test]
fn who_comes_second_loses_nothing() {
    let fixture = Arc::new(Fixture::new());
    fixture.put("date=2026-11-30/part-1.jsonl", &[cat("a.jpg", "e", "m")]);
    let other = Arc::clone(&fixture);
    let meanwhile = move || {
        // Another run sees one result more, and is through first.
        other.put("date=2026-11-30/part-2.jsonl", &[cat("b.jpg", "e", "m"), cat("a.jpg", "e", "m")]);
        assert_eq!(other.run().rows_added, 2);
        other.put("date=2026-11-30/part-3.jsonl", &[cat("c.jpg", "e", "m")]);
    };
    let racing = RacingStore { inner: fixture.store("tables"), before: Mutex::new(Some(Box::new(meanwhile))) };
    let summary = fixture.run_with(Arc::new(racing), false).unwrap();
    assert_eq!((summary.rows_added, summary.rows), (1, 3));
    assert_eq!(fixture.keys()["2026-11-30"], strings(&["a.jpg", "b.jpg", "c.jpg"]));
}

#[test]
fn a_row_on_two_days_is_mended() {
    let fixture = Fixture::new();
    // Two runs that knew nothing of each other: made in two places, and put together.
    for (date, keys) in [("2026-11-30", ["a.jpg", "b.jpg"]), ("2026-12-01", ["a.jpg", "c.jpg"])] {
        let apart = Fixture::new();
        apart.put(&format!("date={date}/part-1.jsonl"), &keys.map(|key| cat(key, "e", "m")));
        apart.run();
        fs::create_dir_all(fixture.file(date).parent().unwrap()).unwrap();
        fs::copy(apart.file(date), fixture.file(date)).unwrap();
    }
    fixture.put("date=2026-12-02/part-1.jsonl", &[cat("d.jpg", "e", "m")]);
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.repeats, summary.days_written), (1, 1, 2));
    let keys = fixture.keys();
    assert_eq!(keys["2026-11-30"], strings(&["a.jpg", "b.jpg"]));
    assert_eq!(keys["2026-12-01"], strings(&["c.jpg"]));
}

#[test]
fn row_groups_grow_to_a_sane_size() {
    let fixture = Fixture::new();
    let lines = |from: usize, to: usize| (from..to).map(|n| cat(&format!("{n}.jpg"), "e", "m")).collect::<Vec<_>>();
    let groups = || -> Vec<i64> {
        let reader = SerializedFileReader::new(File::open(fixture.file("2026-11-30")).unwrap()).unwrap();
        reader.metadata().row_groups().iter().map(parquet::file::metadata::RowGroupMetaData::num_rows).collect()
    };
    fixture.put("date=2026-11-30/part-1.jsonl", &lines(0, 1000));
    fixture.run();
    fixture.put("date=2026-11-30/part-2.jsonl", &lines(500, 124_000));
    fixture.run();
    fixture.put("date=2026-11-30/part-3.jsonl", &lines(124_000, 125_000));
    let summary = fixture.run();
    assert_eq!((summary.rows_added, summary.rows), (1000, 125_000));
    assert_eq!(groups(), [122_880, 2120]);
    let keys = &fixture.keys()["2026-11-30"];
    assert!(keys.len() == 125_000 && keys.windows(2).all(|pair| pair[0] != pair[1]));
}
