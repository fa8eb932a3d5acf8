//! Label Studio: tasks with predictions (<https://labelstud.io/guide/predictions>), and the labelling interface for them.

use std::io::Write;

use anyhow::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::categories::Categories;
use crate::dataset::{Format, Sample};
use crate::photo_name::is_path;
use crate::xml::{attribute, writer};

/// How Label Studio serves files of its own machine.
const LOCAL_FILES: &str = "/data/local-files/?d=";

/// All that has a meaning in a URL, but for slashes.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The names in the labelling interface.
const LABEL: &str = "label";
const IMAGE: &str = "image";

/// A list of tasks.
pub struct LabelStudio {
    to: Box<dyn Write>,
    url: String,
    any: bool,
}

impl LabelStudio {
    /// Writes to `to`. Photos are at `url`, followed by their names; where there is none, among Label Studio's local files.
    #[must_use]
    pub fn new(to: Box<dyn Write>, url: Option<&str>) -> Self {
        Self { to, url: url.unwrap_or(LOCAL_FILES).to_owned(), any: false }
    }

    fn image(&self, sample: &Sample<'_>) -> String {
        let photo = sample.photo.to_string_lossy();
        if self.url == LOCAL_FILES && !is_path(&photo) {
            return photo.into_owned();
        }
        format!("{}{}", self.url, utf8_percent_encode(sample.name, RESERVED))
    }
}

impl Format for LabelStudio {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        let (width, height) = (f64::from(sample.width), f64::from(sample.height));
        let regions = sample.objects.iter().enumerate().map(|(number, object)| {
            let [x, y, w, h] = object.xywh();
            json!({
                "id": format!("{}-{}", sample.id, number + 1),
                "type": "rectanglelabels", "from_name": LABEL, "to_name": IMAGE,
                "original_width": sample.width, "original_height": sample.height, "image_rotation": 0,
                "value": {
                    "x": x / width * 100.0, "y": y / height * 100.0, "width": w / width * 100.0, "height": h / height * 100.0,
                    "rotation": 0, "rectanglelabels": [object.label],
                },
                "score": object.score,
            })
        });
        let regions: Vec<_> = regions.collect();
        let mut prediction = json!({"model_version": sample.model.name, "result": regions});
        if !sample.objects.is_empty() {
            let sum: f64 = sample.objects.iter().map(|object| object.score).sum();
            prediction["score"] = json!(sum / sample.objects.len() as f64);
        }
        let task = json!({"data": {IMAGE: self.image(sample)}, "predictions": [prediction]});
        write!(self.to, "{}{task}", if self.any { ",\n" } else { "[\n" })?;
        self.any = true;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        writeln!(self.to, "{}", if self.any { "\n]" } else { "[]" })?;
        self.to.flush()?;
        Ok(())
    }
}

/// The labelling interface of a project that these tasks fit: its labels.
pub struct LabelStudioConfig {
    to: Box<dyn Write>,
    categories: Categories,
}

impl LabelStudioConfig {
    /// Writes to `to`.
    #[must_use]
    pub fn new(to: Box<dyn Write>) -> Self {
        Self { to, categories: Categories::default() }
    }
}

impl Format for LabelStudioConfig {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        for object in &sample.objects {
            self.categories.id(&object.label, object.class_id, object.class_id);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let mut xml = writer(&mut self.to);
        let categories = &self.categories;
        xml.create_element("View").write_inner_content(|xml| {
            let image = [("name", IMAGE), ("value", "$image")].map(|(key, value)| attribute(key, value));
            xml.create_element("Image").with_attributes(image).write_empty()?;
            let labels = [("name", LABEL), ("toName", IMAGE)].map(|(key, value)| attribute(key, value));
            xml.create_element("RectangleLabels").with_attributes(labels).write_inner_content(|xml| {
                for (_, label) in categories.iter() {
                    xml.create_element("Label").with_attribute(attribute("value", label)).write_empty()?;
                }
                Ok(())
            })?;
            Ok(())
        })?;
        writeln!(self.to)?;
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{answer, dataset};

    #[test]
    fn boxes_are_in_percent_and_photos_have_urls() {
        let found = || answer(&[("cat", 15, [64.0, 48.0, 320.0, 480.0])]);
        let records = [("a b/ü&1.jpg".to_owned(), found()), ("s3://in/x.jpg".to_owned(), answer(&[]))];
        let read = |url: Option<&str>| -> Value {
            serde_json::from_str(&dataset(|to| Box::new(LabelStudio::new(to, url)), &records)).unwrap()
        };
        let tasks = read(None);
        assert_eq!(tasks[0]["data"]["image"], "/data/local-files/?d=a%20b/%C3%BC%261.jpg");
        assert_eq!(tasks[1]["data"]["image"], "s3://in/x.jpg");
        let region = &tasks[0]["predictions"][0]["result"][0];
        let value =
            json!({"x": 10.0, "y": 10.0, "width": 40.0, "height": 90.0, "rotation": 0, "rectanglelabels": ["cat"]});
        assert_eq!((&region["value"], &region["original_height"]), (&value, &json!(480)));
        assert_eq!(tasks[1]["predictions"][0]["result"], json!([]));
        assert_eq!(read(Some("https://h/p/"))[0]["data"]["image"], "https://h/p/a%20b/%C3%BC%261.jpg");
    }

    #[test]
    fn the_interface_has_the_labels() {
        let records = [("a.jpg".to_owned(), answer(&[("cat & dog", 15, [0.0, 0.0, 9.0, 9.0])]))];
        let xml = dataset(|to| Box::new(LabelStudioConfig::new(to)), &records);
        assert!(xml.contains("<Label value=\"cat &amp; dog\"/>") && xml.contains("toName=\"image\""), "{xml}");
    }
}
