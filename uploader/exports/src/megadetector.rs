//! MegaDetector's batch output, format 1.5
//! (<https://lila.science/megadetector-output-format>): Timelapse and camera-trap tools read it.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wire::ItemError;

use crate::categories::Categories;
use crate::dataset::{Format, Sample};

#[derive(Serialize)]
struct Image<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_detection_conf: Option<f64>,
    /// `null` where the photo failed.
    detections: Option<Vec<Detection>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

#[derive(Serialize)]
struct Detection {
    category: String,
    conf: f64,
    bbox: [f64; 4],
}

/// The file: images as they come, categories after the last.
pub struct MegaDetector {
    to: Box<dyn Write>,
    any: bool,
    categories: Categories,
    models: BTreeSet<String>,
}

impl MegaDetector {
    /// Writes to `to`.
    #[must_use]
    pub fn new(to: Box<dyn Write>) -> Self {
        Self { to, any: false, categories: Categories::default(), models: BTreeSet::new() }
    }

    fn image(&mut self, image: &Image<'_>) -> Result<()> {
        let before = if self.any { ",\n" } else { "{\"images\": [\n" };
        self.any = true;
        write!(self.to, "{before}{}", serde_json::to_string(image)?)?;
        Ok(())
    }
}

impl Format for MegaDetector {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        let (width, height) = (f64::from(sample.width), f64::from(sample.height));
        let detections = sample.objects.iter().map(|object| {
            let [x, y, w, h] = object.xywh();
            Detection {
                // MegaDetector's own count from 1: animal, person, vehicle.
                category: self
                    .categories
                    .id(&object.label, object.class_id, object.class_id.saturating_add(1))
                    .to_string(),
                conf: object.score,
                bbox: [x / width, y / height, w / width, h / height].map(|share| (share * 1e6).round() / 1e6),
            }
        });
        let detections: Vec<Detection> = detections.collect();
        if !self.models.contains(&sample.model.name) {
            self.models.insert(sample.model.name.clone());
        }
        self.image(&Image {
            file: sample.name,
            max_detection_conf: Some(detections.iter().map(|detection| detection.conf).fold(0.0, f64::max)),
            detections: Some(detections),
            failure: None,
            width: Some(sample.width),
            height: Some(sample.height),
        })
    }

    fn failed(&mut self, name: &str, error: &ItemError) -> Result<bool> {
        let failure = Some(format!("{}: {}", error.code, error.message));
        self.image(&Image {
            file: name,
            max_detection_conf: None,
            detections: None,
            failure,
            width: None,
            height: None,
        })?;
        Ok(true)
    }

    fn end(&mut self) -> Result<()> {
        let categories: Map<String, Value> =
            self.categories.iter().map(|(id, label)| (id.to_string(), label.into())).collect();
        let models: Vec<&str> = self.models.iter().map(String::as_str).collect();
        let info = json!({"format_version": "1.5", "detector": models.join(", ")});
        self.to.write_all(if self.any { b"\n" } else { b"{\"images\": [" })?;
        let categories = serde_json::to_string(&categories)?;
        writeln!(self.to, "],\n\"detection_categories\": {categories},\n\"info\": {info}}}")?;
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{dataset, records};

    #[test]
    fn images_failures_and_categories() {
        let text = dataset(|to| Box::new(MegaDetector::new(to)), &records());
        let read: Value = serde_json::from_str(&text).unwrap();
        let cat = json!({"category": "16", "conf": 0.913, "bbox": [0.019531, 0.0625, 0.292969, 0.917188]});
        assert_eq!(read["images"][0]["detections"][0], cat);
        assert_eq!(
            (&read["images"][1]["detections"], &read["images"][1]["max_detection_conf"]),
            (&json!([]), &json!(0.0))
        );
        let failed = json!({
            "file": "in/bad, really.jpg", "detections": null, "failure": "undecodable_image: It ends, early."
        });
        assert_eq!(read["images"][2], failed);
        assert_eq!(read["detection_categories"], json!({"16": "cat", "17": "dog"}));
        assert_eq!(read["info"], json!({"format_version": "1.5", "detector": "yolox-nano"}));
        let empty: Value = serde_json::from_str(&dataset(|to| Box::new(MegaDetector::new(to)), &[])).unwrap();
        assert_eq!(empty["images"], json!([]));
    }
}
