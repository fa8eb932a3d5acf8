//! Why a function has no model.

use detector::ModelError;

/// Why a function has no model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It cannot be fetched, or is not what was asked for: what, why, and what to do.
    #[error("{0}")]
    Source(String),
}

/// What is said of a file whose digest is not the one that was asked for.
pub(crate) fn mismatch(name: &str, found: &str, wanted: &str) -> String {
    format!(
        "{name} has the SHA-256 {found}, and MODEL_SHA256 is {wanted}. It is another file, or was changed: check both, and set \
         MODEL_SHA256 to what sha256sum prints for the file that you mean."
    )
}
