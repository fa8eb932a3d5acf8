//! Prepared graphs: files that the crate `prepare` makes of published ones, and how one is told to belong to its source.
//!
//! A prepared graph lies beside its source as `NAME.prepared.onnx`, or in the user's cache under its source's digest. It
//! counts only where the digest that it keeps inside is that of the source as it is now.

use std::path::{Path, PathBuf};

use crate::catalog;

/// Metadata key: the version of what preparing does, [`VERSION`] when made by this code.
pub const VERSION_KEY: &str = "spotter.prepared";
/// Metadata key: SHA-256 of the source's file, lower-case hex.
pub const SOURCE_KEY: &str = "spotter.source_sha256";
/// Metadata key: `WIDTHxHEIGHT` of the source's input where its graph fixed it, in pixels.
pub const SIZE_KEY: &str = "spotter.source_size";
/// Metadata key: present where height and width of the input are open, named as [`OPEN_SIZES`].
pub const OPEN_KEY: &str = "spotter.open_sizes";
/// The names of open height and width.
pub const OPEN_SIZES: [&str; 2] = ["height", "width"];
/// Metadata key: the card that was inferred of the source, as TOML. A card beside the source counts before it.
pub const CARD_KEY: &str = "spotter.card";
/// Files of another version are as if they were not there.
pub const VERSION: &str = "1";

/// Where the prepared graph of `source` lies beside it.
#[must_use]
pub fn beside(source: &Path) -> PathBuf {
    source.with_extension("prepared.onnx")
}

/// Where the prepared graph of a source with that digest lies where its own folder is not ours to write to.
#[must_use]
pub fn in_cache(sha256: &str) -> Option<PathBuf> {
    Some(catalog::cache_dir()?.join("prepared").join(format!("{sha256}.onnx")))
}

/// `WIDTHxHEIGHT` as numbers.
pub(crate) fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}
