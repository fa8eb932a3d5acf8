//! One row per detection; a photo without any, or without an answer, still gets its row.

use std::io::Write;

use anyhow::Result;
use wire::Outcome;

use crate::{Entry, Exporter};

const HEADER: [&str; 14] = [
    "photo",
    "width",
    "height",
    "label",
    "class_id",
    "score",
    "x1",
    "y1",
    "x2",
    "y2",
    "model",
    "inference_ms",
    "round_trip_ms",
    "error",
];

/// The table.
pub struct Csv {
    rows: csv::Writer<Box<dyn Write>>,
    started: bool,
}

impl Csv {
    /// Writes to `to`.
    #[must_use]
    pub fn new(to: Box<dyn Write>) -> Self {
        Self { rows: csv::Writer::from_writer(to), started: false }
    }

    fn start(&mut self) -> Result<()> {
        if !self.started {
            self.rows.write_record(HEADER)?;
            self.started = true;
        }
        Ok(())
    }
}

impl Exporter for Csv {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        self.start()?;
        let photo = entry.photo.to_string_lossy().into_owned();
        let round_trip = entry.round_trip_ms.map_or_else(String::new, |time| time.to_string());
        let mut row = |size: [String; 2], object: [String; 7], model: &str, inference: String, error: String| {
            let fields = [photo.clone()].into_iter().chain(size).chain(object);
            self.rows.write_record(fields.chain([model.to_owned(), inference, round_trip.clone(), error]))
        };
        match entry.outcome {
            Outcome::Error { error } => {
                row(
                    Default::default(),
                    Default::default(),
                    "",
                    String::new(),
                    format!("{}: {}", error.code, error.message),
                )?;
            }
            Outcome::Answer(answer) => {
                let size = [answer.image.width.to_string(), answer.image.height.to_string()];
                let inference = answer.timings_ms.inference.to_string();
                if answer.detections.is_empty() {
                    row(size.clone(), Default::default(), &answer.model.name, inference.clone(), String::new())?;
                }
                for object in &answer.detections {
                    let [x1, y1, x2, y2] = object.bbox.map(|value| value.to_string());
                    let fields =
                        [object.label.clone(), object.class_id.to_string(), object.score.to_string(), x1, y1, x2, y2];
                    row(size.clone(), fields, &answer.model.name, inference.clone(), String::new())?;
                }
            }
        }
        // A reader of a long run sees each photo when it is done.
        self.rows.flush()?;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.start()?;
        self.rows.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{records, written};

    #[test]
    fn a_row_per_detection_and_at_least_one_per_photo() {
        let text = written(|to| Box::new(Csv::new(to)), &records());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], HEADER.join(","));
        assert_eq!(lines[1], "in/0042.jpg,640,480,cat,15,0.913,12.5,30,200,470.25,yolox-nano,7.5,2,");
        assert_eq!(lines[3], "in/empty.jpg,640,480,,,,,,,,yolox-nano,7.5,2,");
        assert_eq!(lines[4], "\"in/bad, really.jpg\",,,,,,,,,,,,2,\"undecodable_image: It ends, early.\"");
        assert_eq!(lines.len(), 5);
    }
}
