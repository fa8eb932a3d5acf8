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

/// What a photo is made into, as JPEGs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pictures {
    /// With its boxes drawn.
    pub(crate) annotated: Option<Vec<u8>>,
    /// With its objects made unrecognisable.
    pub(crate) redacted: Option<Vec<u8>>,
}

/// A photo's verdict, and what is stored before it is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Its line, as JSON.
    pub(crate) line: Option<Vec<u8>>,
    /// What the photo was made into.
    pub(crate) pictures: Pictures,
    /// Bytes fetched.
    pub(crate) bytes: u64,
    pub(crate) seen: Seen,
}

impl Outcome {
    pub(crate) fn with_line(line: &Line, verdict: Verdict, seen: Seen) -> Self {
        match serde_json::to_vec(line) {
            Ok(json) => {
                let bytes = line.source.size.unwrap_or(0);
                Self { verdict, line: Some(json), pictures: Pictures::default(), bytes, seen }
            }
            Err(error) => Self::later(format!("cannot write the result as JSON: {error}")),
        }
    }

    pub(crate) fn later(reason: String) -> Self {
        Self {
            verdict: Verdict::Later(reason),
            line: None,
            pictures: Pictures::default(),
            bytes: 0,
            seen: Seen::default(),
        }
    }
}
