//! How a photo travels.

use clap::ValueEnum;

/// How a photo travels in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BodyKind {
    /// JSON with the photo as base64: a third more bytes.
    Base64,
    /// The file's bytes.
    Binary,
}
