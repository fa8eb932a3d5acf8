//! Why a graph cannot be prepared.

use std::path::{Path, PathBuf};

use detector::ModelError;

/// Why a graph cannot be prepared. It runs as it is.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a graph that can be taken apart.
    #[error("{path} cannot be prepared: {reason}")]
    Graph {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The model cannot be served at all.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The error of a file.
pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> PrepareError + use<> {
    let path = path.to_owned();
    |source| PrepareError::File { path, source }
}
