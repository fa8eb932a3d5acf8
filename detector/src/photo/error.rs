//! Why a photo cannot be looked at.

use super::{PhotoFormat, UnsupportedType};

/// The texts are for whoever sent the photo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// No bytes at all.
    #[error("The photo is empty (0 bytes).")]
    Empty,
    /// The file is larger than [`Limits::max_bytes`](super::Limits::max_bytes).
    #[error("The photo is {bytes} bytes; the limit is {max}. Shrink it before sending.")]
    TooManyBytes {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More pixels than [`Limits::max_pixels`](super::Limits::max_pixels), or than its kind of pixel allows within the
    /// same memory, or a side longer than [`Limits::max_side`](super::Limits::max_side).
    #[error("The photo is {width} x {height} pixels; the limits are {max_pixels} pixels and {max_side} per side.")]
    TooManyPixels {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// The limit on width times height.
        max_pixels: u64,
        /// The limit on each side.
        max_side: u32,
    },
    /// A file that is not read.
    #[error("Unsupported file type: {found}. Supported: {}.", PhotoFormat::LIST)]
    Unsupported {
        /// What it is.
        found: UnsupportedType,
    },
    /// A file of a kind that is read, but broken.
    #[error("{}", undecodable(*format, reason))]
    Undecodable {
        /// Which kind it looks like.
        format: PhotoFormat,
        /// What the decoder said.
        reason: String,
    },
}

/// What is wrong with a file that ends too early.
pub(super) const TRUNCATED: &str = "truncated";

fn undecodable(format: PhotoFormat, reason: &str) -> String {
    if reason == TRUNCATED {
        format!("The {format} is {TRUNCATED}.")
    } else {
        format!("Cannot decode the {format}: {reason}.")
    }
}

/// Whether a decoder's complaint means that the file ends too early. Each has its own words for it.
fn is_shortage(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    [
        "truncated",
        "unexpected end of",
        "unexpected eof",
        "not enough bytes",
        "failed to fill whole buffer",
        "incomplete",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// What a decoder ends in where it does not end in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The file is broken: how, in one clause.
    Damaged(String),
    /// A good file of a kind that is not read.
    NotRead(UnsupportedType),
}

impl Failure {
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    pub(super) fn into_error(self, format: PhotoFormat) -> PhotoError {
        match self {
            Self::Damaged(reason) if is_shortage(&reason) => {
                PhotoError::Undecodable { format, reason: TRUNCATED.to_owned() }
            }
            Self::Damaged(reason) => PhotoError::Undecodable { format, reason },
            Self::NotRead(found) => PhotoError::Unsupported { found },
        }
    }
}

impl From<image::ImageError> for Failure {
    fn from(error: image::ImageError) -> Self {
        let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        Self::Damaged(clause(&text))
    }
}

/// A decoder's complaint in one clause, without the crate's own prefixes.
pub(super) fn clause(text: &str) -> String {
    let text = text.split(['\n', '\r']).next().unwrap_or_default().trim().trim_end_matches('.');
    let text: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
    if text.is_empty() { "corrupt data".to_owned() } else { text }
}
