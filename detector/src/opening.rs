//! A model's file, or what was prepared of it, as an open session.

use std::path::Path;

use ort::session::Session;
use ort::value::ValueType;

use crate::plan::UsualShape;
use crate::session::GraphFile;
use crate::{ModelError, catalog, prepared, runtime};

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
    let candidates = if wanted { [Some(prepared::beside(source)), prepared::in_cache(&sha256)] } else { [None, None] };
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
    session.metadata().ok().and_then(|metadata| metadata.custom(prepared::OPEN_KEY)).is_some()
}

/// The digest of the source, where the graph was prepared by this version.
fn origin(session: &Session) -> Option<String> {
    let metadata = session.metadata().ok()?;
    metadata.custom(prepared::VERSION_KEY).filter(|version| version == prepared::VERSION)?;
    metadata.custom(prepared::SOURCE_KEY)
}
