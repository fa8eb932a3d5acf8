//! A COCO results list: one JSON array, an entry per line. Photos that failed have no place in it.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use wire::Outcome;
use wire::coco::{CocoResult, ImageId, results};

use super::{Entry, ImageIds, Results};

/// An entry, with what COCO's own lacks: readers take what they know.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    result: CocoResult,
    /// The photo, as every other format names it.
    file_name: &'a str,
}

pub(crate) struct Coco {
    to: Box<dyn Write>,
    ids: Ids,
    any: bool,
}

/// The photos' numbers.
enum Ids {
    /// They are known: results are written as they come.
    Known(ImageIds),
    /// Which photos there are is known at the end only. Until then the results are kept.
    Unknown(Vec<(PathBuf, Vec<CocoResult>)>),
}

impl Coco {
    /// Writes to `to`, with the numbers of the photos where it is known which there will be.
    pub(crate) fn new(to: Box<dyn Write>, ids: Option<ImageIds>) -> Self {
        Self { to, ids: ids.map_or_else(|| Ids::Unknown(Vec::new()), Ids::Known), any: false }
    }

    fn write(&mut self, photo: &Path, id: u64, found: Vec<CocoResult>) -> Result<()> {
        let file_name = photo.to_string_lossy();
        for result in found {
            let line = Line { result: CocoResult { image_id: ImageId::Number(id), ..result }, file_name: &file_name };
            let before = if self.any { ",\n" } else { "[\n" };
            self.any = true;
            write!(self.to, "{before}{}", serde_json::to_string(&line)?)?;
        }
        Ok(())
    }
}

impl Results for Coco {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        let Outcome::Answer(answer) = entry.outcome else {
            return Ok(());
        };
        let found = results(answer, &ImageId::Number(0));
        match &mut self.ids {
            Ids::Unknown(kept) => kept.push((entry.photo.to_owned(), found)),
            Ids::Known(ids) => {
                let id = ids.get(entry.photo);
                let id = id.ok_or_else(|| anyhow::anyhow!("{} was not listed", entry.photo.display()))?;
                self.write(entry.photo, id, found)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if let Ids::Unknown(kept) = &mut self.ids {
            let mut kept = std::mem::take(kept);
            // They came in no particular order.
            kept.sort_by(|(a, _), (b, _)| a.cmp(b));
            let ids = ImageIds::of(kept.iter().map(|(photo, _)| photo.as_path()));
            for (photo, found) in kept {
                let id = ids.get(&photo).unwrap_or_default();
                self.write(&photo, id, found)?;
            }
        }
        writeln!(self.to, "{}", if self.any { "\n]" } else { "[]" })?;
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{records, written};
    use super::*;

    #[test]
    fn entries_of_all_photos_in_one_list() {
        let records = records();
        let ids = ImageIds::of(records.iter().map(|record| record.photo.as_path()));
        for ids in [Some(ids), None] {
            let text = written(|to| Box::new(Coco::new(to, ids)), &records);
            let list: Value = serde_json::from_str(&text).unwrap();
            let expected = json!({
                "image_id": 42, "category_id": 17, "bbox": [12.5, 30.0, 187.5, 440.25], "score": 0.913,
                "file_name": "in/0042.jpg",
            });
            assert_eq!(list[0], expected);
            assert_eq!(list.as_array().unwrap().len(), 2);
        }
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert_eq!(written(|to| Box::new(Coco::new(to, None)), &[]), "[]\n");
    }
}
