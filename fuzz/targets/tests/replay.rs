//! Every target over its corpus and what fuzzing has found: what once failed does not fail again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use fuzz_targets::TARGETS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn no_input_of_the_corpora_fails() {
    fuzz_targets::tolerate_panics_of_others();
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, target) in TARGETS {
        let corpus = files(&fuzz.join("corpus").join(name));
        assert!(!corpus.is_empty(), "{name} has no corpus: fuzz/corpus.py");
        for file in corpus.into_iter().chain(files(&fuzz.join("found").join(name))) {
            println!("{}", file.display());
            target(&std::fs::read(&file).unwrap());
        }
    }
    let targets: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    for folder in files(&fuzz.join("corpus")).into_iter().chain(files(&fuzz.join("found"))) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(targets.contains(&name), "no target {name}");
    }
}
