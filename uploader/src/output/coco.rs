//! A COCO results list: one JSON array, an entry per line. Photos that failed have no place in it.

use std::io::Write;

use anyhow::Result;
use wire::Outcome;
use wire::coco::{ImageId, results};

use super::{Entry, Results};

pub(crate) struct Coco {
    to: Box<dyn Write>,
    any: bool,
}

impl Coco {
    pub(crate) fn new(to: Box<dyn Write>) -> Self {
        Self { to, any: false }
    }
}

impl Results for Coco {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        let Outcome::Answer(answer) = entry.outcome else {
            return Ok(());
        };
        let stem = entry.photo.file_stem().unwrap_or_default().to_string_lossy();
        for object in results(answer, &ImageId::from_stem(&stem)) {
            let before = if self.any { ",\n" } else { "[\n" };
            self.any = true;
            write!(self.to, "{before}{}", serde_json::to_string(&object)?)?;
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

    use super::super::tests::{records, written};
    use super::*;

    #[test]
    fn entries_of_all_photos_in_one_list() {
        let text = written(|to| Box::new(Coco::new(to)), &records());
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            list[0],
            json!({"image_id": 42, "category_id": 17, "bbox": [12.5, 30.0, 187.5, 440.25], "score": 0.913})
        );
        assert_eq!(list.as_array().unwrap().len(), 2);
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert_eq!(written(|to| Box::new(Coco::new(to)), &[]), "[]\n");
    }
}
