//! What the tests share: fixtures of the tree, and the assets beside it.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

#[path = "../../../tests/assets.rs"]
mod assets;
pub mod picture;

use std::path::{Path, PathBuf};

use detector::catalog::{self, ModelFile};
use detector::{Detector, DetectorOptions};

#[allow(unused_imports, reason = "each test file uses its own part of this")]
pub use assets::asset;

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
