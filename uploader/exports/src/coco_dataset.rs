//! A COCO dataset (<https://cocodataset.org/#format-data>): images, annotations, categories. Annotations have a score besides.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

use anyhow::{Context, Result};
use detector::labels::coco_category;
use serde::Serialize;

use crate::categories::Categories;
use crate::dataset::{Format, Sample, hundredths};

#[derive(Serialize)]
struct Image<'a> {
    id: u64,
    width: u32,
    height: u32,
    file_name: &'a str,
}

#[derive(Serialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: usize,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    score: f64,
}

#[derive(Serialize)]
struct Category<'a> {
    id: usize,
    name: &'a str,
    supercategory: &'a str,
}

/// The dataset. Images are written as they come; annotations go to a file of their own until the images end.
pub struct CocoDataset {
    to: Box<dyn Write>,
    annotations: BufWriter<File>,
    images: u64,
    count: u64,
    categories: Categories,
}

impl CocoDataset {
    /// Writes to `to`.
    ///
    /// # Errors
    /// There is no place for a temporary file.
    pub fn new(to: Box<dyn Write>) -> Result<Self> {
        let annotations = BufWriter::new(tempfile::tempfile().context("cannot make a temporary file")?);
        Ok(Self { to, annotations, images: 0, count: 0, categories: Categories::default() })
    }
}

impl Format for CocoDataset {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        let Sample { id, width, height, name, .. } = *sample;
        let image = serde_json::to_string(&Image { id, width, height, file_name: name })?;
        write!(self.to, "{}{image}", if self.images == 0 { "{\"images\": [\n" } else { ",\n" })?;
        self.images += 1;
        for object in &sample.objects {
            // COCO's own number for COCO's labels, as in a results list.
            let wanted = coco_category(&object.label).unwrap_or_else(|| object.class_id.saturating_add(1));
            let [x, y, width, height] = object.xywh();
            let annotation = Annotation {
                id: self.count + 1,
                image_id: id,
                category_id: self.categories.id(&object.label, object.class_id, wanted),
                bbox: [x, y, hundredths(width), hundredths(height)],
                area: hundredths(width * height),
                iscrowd: 0,
                score: object.score,
            };
            let before = if self.count == 0 { "\n" } else { ",\n" };
            write!(self.annotations, "{before}{}", serde_json::to_string(&annotation)?)?;
            self.count += 1;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.to.write_all(if self.images == 0 { b"{\"images\": [" } else { b"\n" })?;
        self.to.write_all(b"],\n\"annotations\": [")?;
        self.annotations.flush()?;
        let annotations = self.annotations.get_mut();
        annotations.rewind()?;
        io::copy(annotations, &mut self.to)?;
        let categories = self.categories.iter().map(|(id, name)| Category { id, name, supercategory: "" });
        let categories = serde_json::to_string(&categories.collect::<Vec<_>>())?;
        writeln!(self.to, "],\n\"categories\": {categories},\n\"licenses\": [],\n\"info\": {{}}}}")?;
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{answer, dataset, records};

    fn read(records: &[crate::testing::Record]) -> Value {
        serde_json::from_str(&dataset(|to| Box::new(CocoDataset::new(to).unwrap()), records)).unwrap()
    }

    #[test]
    fn images_annotations_and_categories_belong_together() {
        let read = read(&records());
        assert_eq!(read["images"].as_array().unwrap().len(), 2, "the empty photo is there, the failed one is not");
        assert_eq!(read["images"][0], json!({"id": 42, "width": 640, "height": 480, "file_name": "in/0042.jpg"}));
        let cat = json!({
            "id": 1, "image_id": 42, "category_id": 17, "bbox": [12.5, 30.0, 187.5, 440.25], "area": 82546.88,
            "iscrowd": 0, "score": 0.913,
        });
        assert_eq!(read["annotations"][0], cat);
        assert_eq!(read["categories"][1], json!({"id": 18, "name": "dog", "supercategory": ""}));
    }

    #[test]
    fn labels_that_coco_does_not_know_never_share_a_number_with_another() {
        let found = answer(&[("unicorn", 0, [0.0, 0.0, 9.0, 9.0]), ("person", 5, [0.0, 0.0, 9.0, 9.0])]);
        let ids = |read: &Value| -> Vec<u64> {
            read["categories"].as_array().unwrap().iter().map(|category| category["id"].as_u64().unwrap()).collect()
        };
        assert_eq!(ids(&read(&[("a.jpg".to_owned(), found)])), [1, 2]);
        let none = read(&[]);
        assert_eq!((&none["images"], &none["annotations"], &none["categories"]), (&json!([]), &json!([]), &json!([])));
    }
}
