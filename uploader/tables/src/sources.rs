//! Which files of results a table's file holds: a number for each, kept inside of the file.

use sha2::{Digest, Sha256};

use crate::store::Object;

/// What stands for a version of a file of results.
pub(crate) fn fingerprint(object: &Object) -> u64 {
    let mut digest = Sha256::new();
    for part in [&object.name, &object.version] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    u64::from_le_bytes(first)
}

/// Files of results, in order.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<u64>);

impl Sources {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let numbers = bytes.chunks_exact(8).map(|chunk| chunk.try_into().map(u64::from_le_bytes).unwrap_or_default());
        Self::of(numbers.collect())
    }

    pub(crate) fn of(mut numbers: Vec<u64>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers)
    }

    pub(crate) fn contains(&self, fingerprint: u64) -> bool {
        self.0.binary_search(&fingerprint).is_ok()
    }

    pub(crate) fn with(mut self, more: &[u64]) -> Self {
        self.0.extend(more);
        Self::of(self.0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}
