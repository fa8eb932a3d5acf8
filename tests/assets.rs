//! The test assets: photos, weights and hostile files, which are not part of the tree. Shared by the tests of several crates.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

use std::path::{Path, PathBuf};

/// Where they are: `SPOTTER_ASSETS`, else `../shared/assets` beside the tree.
fn root() -> PathBuf {
    if let Some(root) = std::env::var_os("SPOTTER_ASSETS") {
        return root.into();
    }
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").exists());
    tree.unwrap_or(Path::new(".")).join("../shared/assets")
}

/// A file or folder of the assets, or all of them (""). A machine without them skips the test in a line; in CI it fails.
pub fn asset(path: &str) -> Option<PathBuf> {
    let asset = root().join(path);
    if asset.exists() {
        return Some(asset);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and CI must have it", asset.display());
    eprintln!("SKIPPED: {} is missing (set SPOTTER_ASSETS to the test assets)", asset.display());
    None
}
