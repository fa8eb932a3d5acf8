//! An object that may be a photo, as a listing or an inventory tells of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An object of the photos' bucket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// Its key, decoded.
    pub(crate) key: String,
    /// Its size in bytes, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// Its entity tag, without quotes, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    /// Its version, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<String>,
    /// When it was stored, in seconds since 1970, where it is told.
    #[serde(skip)]
    pub(crate) modified: Option<f64>,
}

/// Some objects that follow one another, and whether more do.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Stored>,
    pub(crate) more: bool,
}

/// A key in 16 bytes: a million of them are remembered in a few tens of megabytes.
pub(crate) type Digest16 = [u8; 16];

/// The first half of a digest.
pub(crate) fn digest(parts: &[&[u8]]) -> Digest16 {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let whole: [u8; 32] = digest.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}
