//! Prepared graphs: files that the crate `prepare` makes of published ones, and how one is told to belong to its source.
//!
//! A prepared graph lies beside its source as `NAME.prepared.onnx`, or in the user's cache under its source's digest. It
//! counts only where the digest that it keeps inside is that of the source as it is now.

use std::path::{Path, PathBuf};

use ort::session::Session;

use crate::{ModelError, catalog, runtime, session};

/// Metadata key: the version of what preparing does, [`VERSION`] when made by this code.
pub const VERSION_KEY: &str = "spotter.prepared";
/// Metadata key: SHA-256 of the source's file, lower-case hex.
pub const SOURCE_KEY: &str = "spotter.source_sha256";
/// Metadata key: `WIDTHxHEIGHT` of the source's input where its graph fixed it, in pixels.
pub const SIZE_KEY: &str = "spotter.source_size";
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

/// An opened model.
pub(crate) struct Opened {
    pub(crate) session: Session,
    /// The file that was opened: the source, or what was prepared of it.
    pub(crate) path: PathBuf,
    /// Digest of the source's file.
    pub(crate) sha256: String,
    pub(crate) prepared: bool,
}

/// Opens what was prepared of `source` where `wanted`, else `source` itself.
pub(crate) fn open(source: &Path, threads: usize, wanted: bool) -> Result<Opened, ModelError> {
    let unreadable =
        |e: std::io::Error| ModelError::Graph { path: source.display().to_string(), reason: e.to_string() };
    let path = source.to_owned();
    let digest = std::thread::spawn(move || catalog::sha256_file(&path));
    // Most of a start goes by in here, so the digest costs nothing.
    runtime::environment()?;
    let sha256 =
        digest.join().unwrap_or_else(|_| Err(std::io::Error::other("the digest failed"))).map_err(unreadable)?;
    let candidates = if wanted { [Some(beside(source)), in_cache(&sha256)] } else { [None, None] };
    for path in candidates.into_iter().flatten().filter(|path| path.is_file()) {
        // Whatever is wrong with it: the source is there.
        let Ok(session) = session::open(&path, threads) else { continue };
        if origin(&session).is_some_and(|origin| origin == sha256) {
            return Ok(Opened { session, path, sha256, prepared: true });
        }
    }
    let session = session::open(source, threads)?;
    let origin = origin(&session);
    let prepared = origin.is_some();
    Ok(Opened { session, path: source.to_owned(), sha256: origin.unwrap_or(sha256), prepared })
}

/// The digest of the source, where the graph was prepared by this version.
fn origin(session: &Session) -> Option<String> {
    let metadata = session.metadata().ok()?;
    metadata.custom(VERSION_KEY).filter(|version| version == VERSION)?;
    metadata.custom(SOURCE_KEY)
}

/// `WIDTHxHEIGHT` as numbers.
pub(crate) fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}
