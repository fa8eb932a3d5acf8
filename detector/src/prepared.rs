//! Prepared graphs: files that the crate `prepare` makes of published ones, and how one is told to belong to its source.
//!
//! A prepared graph lies beside its source as `NAME.prepared.onnx`, or in the user's cache under its source's digest. It
//! counts only where the digest that it keeps inside is that of the source as it is now.

use std::path::{Path, PathBuf};

use ort::session::Session;
use ort::value::ValueType;

use crate::plan::UsualShape;
use crate::session::GraphFile;
use crate::{ModelError, catalog, runtime};

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

/// An opened model.
pub(crate) struct Opened {
    pub(crate) session: Session,
    /// The only input, width and height, that the session takes, where we fixed it.
    pub(crate) shape: Option<(u32, u32)>,
    /// The file that was opened: the source, or what was prepared of it.
    pub(crate) file: GraphFile,
    /// Digest of the source's file.
    pub(crate) sha256: String,
    pub(crate) prepared: bool,
}

/// Opens what was prepared of `source` where `wanted`, for the commonest photo's shape; else `source` itself.
pub(crate) fn open(
    source: &Path,
    threads: usize,
    wanted: bool,
    usual: Option<UsualShape>,
) -> Result<Opened, ModelError> {
    let shape = usual.map(|usual| usual.shape);
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
        let file = GraphFile { path, threads };
        // Whatever is wrong with it: the source is there.
        let Ok(session) = file.open(shape) else { continue };
        if origin(&session).is_some_and(|origin| origin == sha256) {
            let shape = shape.filter(|_| is_open(&session));
            return Ok(Opened { session, shape, file, sha256, prepared: true });
        }
    }
    let file = GraphFile { path: source.to_owned(), threads };
    let mut session = file.open(shape)?;
    if let Some(origin) = origin(&session) {
        let shape = shape.filter(|_| is_open(&session));
        return Ok(Opened { session, shape, file, sha256: origin, prepared: true });
    }
    // Another's graph whose open sizes happen to have our names. All of the input's size does no harm: nothing else comes.
    if usual.is_some_and(|usual| !usual.is_all && was_fixed(&session, usual.shape)) {
        session = file.open(None)?;
    }
    Ok(Opened { session, shape: None, file, sha256, prepared: false })
}

/// Whether an input has just that width and height.
fn was_fixed(session: &Session, (width, height): (u32, u32)) -> bool {
    session.inputs().iter().any(|input| match input.dtype() {
        ValueType::Tensor { shape, .. } => matches!(**shape, [_, _, h, w] if (h, w) == (height.into(), width.into())),
        _ => false,
    })
}

/// Whether the graph's sizes are open, but for what we fixed.
fn is_open(session: &Session) -> bool {
    session.metadata().ok().and_then(|metadata| metadata.custom(OPEN_KEY)).is_some()
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
