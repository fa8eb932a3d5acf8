//! Several formats at once.

use anyhow::Result;

use crate::{Entry, Exporter};

/// Each is told of each photo.
pub struct Several(pub Vec<Box<dyn Exporter>>);

impl Exporter for Several {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.0.iter_mut().try_for_each(|exporter| exporter.photo(entry))
    }

    fn end(&mut self) -> Result<()> {
        // What one cannot write is no reason to leave another torn.
        let ended: Vec<Result<()>> = self.0.iter_mut().map(|exporter| exporter.end()).collect();
        ended.into_iter().collect()
    }

    fn notes(&self) -> Vec<String> {
        self.0.iter().flat_map(|exporter| exporter.notes()).collect()
    }
}
