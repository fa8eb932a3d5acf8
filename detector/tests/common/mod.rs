//! What the tests share: fixtures of the tree, and the assets beside it.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

pub mod picture;

use std::path::{Path, PathBuf};

use detector::catalog::{self, ModelFile};
use detector::{Detector, DetectorOptions};

/// A file of the tree's `model/fixtures`.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/fixtures").join(path)
}

/// The model at a path, as a user would name it.
pub fn model(path: &Path) -> ModelFile {
    catalog::find(path.to_str()).unwrap()
}

/// A detector with one thread.
pub fn detector(path: &Path) -> Detector {
    Detector::load(model(path), &DetectorOptions::default()).unwrap()
}

/// A file or folder of the test assets (`SPOTTER_ASSETS`, else `../shared/assets` beside the tree). Where they are
/// missing the test is skipped in words; on CI it fails.
pub fn asset(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SPOTTER_ASSETS").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/assets"));
    let asset = root.join(path);
    if asset.exists() {
        return Some(asset);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and CI must have it", asset.display());
    eprintln!("SKIPPED: {} is missing (set SPOTTER_ASSETS to the test assets)", asset.display());
    None
}
