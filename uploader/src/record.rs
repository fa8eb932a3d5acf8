//! What became of one photo.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wire::{ItemError, Outcome};

use crate::link::{Phases, Traffic};

/// What became of one photo.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its path as given.
    pub(crate) photo: PathBuf,
    /// The answer, or why there is none.
    pub(crate) outcome: Outcome,
    /// Where the time went.
    pub(crate) phases: Phases,
    /// From sending (with a rate: from when it should have been sent) to the whole answer, all tries included.
    pub(crate) round_trip: Duration,
    /// How often it was sent.
    pub(crate) tries: u32,
    /// Bytes of the photo as it travelled, before base64.
    pub(crate) photo_bytes: usize,
    /// Bytes on the wire, all tries included.
    pub(crate) traffic: Traffic,
}

impl Record {
    /// A photo that was never sent.
    pub(crate) fn unsent(photo: &Path, error: ItemError) -> Self {
        Self {
            photo: photo.to_owned(),
            outcome: Outcome::Error { error },
            phases: Phases::default(),
            round_trip: Duration::ZERO,
            tries: 0,
            photo_bytes: 0,
            traffic: Traffic::default(),
        }
    }
}
