//! For formats that have to know all photos beforehand, where nobody does: results wait in a temporary file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};

use anyhow::{Context, Result};

use crate::lines::Content;
use crate::{Catalog, Entry, Exporter, JsonLines, LineSelection, Lines};

/// What makes the exporter, once the photos are known.
pub type ExporterFactory = Box<dyn FnOnce(Catalog) -> Result<Box<dyn Exporter>>>;

/// An exporter that is told of all photos at the end.
pub struct Spool {
    lines: JsonLines,
    file: File,
    factory: Option<(Option<crate::Root>, ExporterFactory)>,
    notes: Vec<String>,
}

impl Spool {
    /// An exporter that `factory` makes; names are inside `root`.
    ///
    /// # Errors
    /// There is no place for a temporary file.
    pub fn new(root: Option<crate::Root>, factory: ExporterFactory) -> Result<Self> {
        let file = tempfile::tempfile().context("cannot make a temporary file")?;
        let lines: Box<dyn Write> = Box::new(BufWriter::new(file.try_clone().context("cannot make a temporary file")?));
        Ok(Self { lines: JsonLines::new(lines), file, factory: Some((root, factory)), notes: Vec::new() })
    }

    fn lines(&mut self) -> Result<Lines<BufReader<File>>> {
        self.file.rewind()?;
        Ok(Lines::new(BufReader::new(self.file.try_clone()?), "a temporary file"))
    }
}

impl Exporter for Spool {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.lines.photo(entry)
    }

    fn end(&mut self) -> Result<()> {
        self.lines.end()?;
        let Some((root, factory)) = self.factory.take() else { return Ok(()) };
        let mut selection = LineSelection::default();
        let mut lines = self.lines()?;
        while let Some(content) = lines.next_line()? {
            if let Content::Found(found) = content {
                selection.add(&found, None);
            }
        }
        // They came in no particular order.
        let mut exporter = factory(selection.catalog(root.as_ref(), true))?;
        let mut lines = self.lines()?;
        while let Some(content) = lines.next_line()? {
            if let Content::Found(found) = content {
                exporter.photo(&found.entry())?;
            }
        }
        let ended = exporter.end();
        self.notes = exporter.notes();
        ended
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{records, written};
    use crate::{CocoDataset, Dataset};

    #[test]
    fn what_waits_comes_out_as_if_the_photos_had_been_known() {
        let text = written(
            |to| {
                let factory: ExporterFactory = Box::new(|catalog| {
                    let format = Box::new(CocoDataset::new(to)?);
                    Ok(Box::new(Dataset::new(format, catalog)))
                });
                Box::new(Spool::new(None, factory).unwrap())
            },
            &records(),
        );
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&read["images"][0]["id"], &read["images"][0]["file_name"]), (&42.into(), &"0042.jpg".into()));
        assert_eq!(read["annotations"].as_array().unwrap().len(), 2);
    }
}
