//! A COCO results list: one JSON array, an entry per line. Photos that failed have no place in it.

use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;
use wire::Outcome;
use wire::coco::{CocoResult, ImageId, results};

use crate::{Catalog, Entry, Exporter};

/// An entry, with what COCO's own lacks: readers take what they know.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    result: CocoResult,
    /// The photo, as every other format names it.
    file_name: &'a str,
}

/// The list.
pub struct Coco {
    to: Box<dyn Write>,
    catalog: Catalog,
    any: bool,
}

impl Coco {
    /// Writes to `to`, with the numbers of the photos.
    #[must_use]
    pub fn new(to: Box<dyn Write>, catalog: Catalog) -> Self {
        Self { to, catalog, any: false }
    }
}

impl Exporter for Coco {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        let Outcome::Answer(answer) = entry.outcome else {
            return Ok(());
        };
        let listed = self.catalog.get(entry.photo);
        let id = listed.with_context(|| format!("{} was not listed", entry.photo.display()))?.id;
        let file_name = entry.photo.to_string_lossy();
        for result in results(answer, &ImageId::Number(id)) {
            let before = if self.any { ",\n" } else { "[\n" };
            self.any = true;
            let line = Line { result, file_name: &file_name };
            write!(self.to, "{before}{}", serde_json::to_string(&line)?)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        writeln!(self.to, "{}", if self.any { "\n]" } else { "[]" })?;
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{catalog, names, records, written};

    #[test]
    fn entries_of_all_photos_in_one_list() {
        let records = records();
        let text = written(|to| Box::new(Coco::new(to, catalog(&names(&records)))), &records);
        let list: Value = serde_json::from_str(&text).unwrap();
        let expected = json!({
            "image_id": 42, "category_id": 17, "bbox": [12.5, 30.0, 187.5, 440.25], "score": 0.913,
            "file_name": "in/0042.jpg",
        });
        assert_eq!(list[0], expected);
        assert_eq!(list.as_array().unwrap().len(), 2);
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert_eq!(written(|to| Box::new(Coco::new(to, Catalog::default())), &[]), "[]\n");
    }
}
