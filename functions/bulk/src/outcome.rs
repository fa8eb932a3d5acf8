//! What became of a photo.

use wire::{ItemError, Line, TimingsMs};

/// What is answered for a photo.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It was looked at, and this many objects were found.
    Found(usize),
    /// Nobody ever can.
    Never(ItemError),
    /// It is to be delivered again, and why.
    Later(String),
}

/// What looking at a photo took and brought.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) pixels: u64,
    pub(crate) detections: usize,
    pub(crate) timings: TimingsMs,
}

/// A photo's verdict, and what is stored before it is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Its line, as JSON.
    pub(crate) line: Option<Vec<u8>>,
    /// The annotated photo, as a JPEG.
    pub(crate) picture: Option<Vec<u8>>,
    /// Bytes fetched.
    pub(crate) bytes: u64,
    pub(crate) seen: Seen,
}

impl Outcome {
    pub(crate) fn with_line(line: &Line, verdict: Verdict, seen: Seen) -> Self {
        match serde_json::to_vec(line) {
            Ok(json) => {
                let bytes = line.source.size.unwrap_or(0);
                Self { verdict, line: Some(json), picture: None, bytes, seen }
            }
            Err(error) => Self::later(format!("cannot write the result as JSON: {error}")),
        }
    }

    pub(crate) fn later(reason: String) -> Self {
        Self { verdict: Verdict::Later(reason), line: None, picture: None, bytes: 0, seen: Seen::default() }
    }
}
