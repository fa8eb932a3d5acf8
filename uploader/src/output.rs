//! Results as they leave: one file per format.

mod coco;
mod csv;
mod image_ids;
mod jsonl;
mod progress;
mod text;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wire::{Outcome, Source};

use crate::args::ResultFormat;
use crate::journey::Record;
use crate::link::Phases;

pub(crate) use image_ids::ImageIds;
pub(crate) use progress::Progress;
pub(crate) use text::described;

/// One photo's result, whichever way it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// The photo: its path as given, or where in S3 it is.
    pub(crate) photo: &'a Path,
    /// The answer, or why there is none.
    pub(crate) outcome: &'a Outcome,
    /// Where the time went, where the photo was posted.
    pub(crate) phases: Option<&'a Phases>,
    /// How long the answer took, where that is known.
    pub(crate) round_trip: Option<Duration>,
    /// The object that the photo is in S3, where it is one.
    pub(crate) source: Option<&'a Source>,
}

impl<'a> From<&'a Record> for Entry<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            photo: &record.photo,
            outcome: &record.outcome,
            phases: Some(&record.phases),
            round_trip: Some(record.round_trip),
            source: None,
        }
    }
}

/// A format: told of each photo in order, then of the end.
pub(crate) trait Results {
    /// Writes one photo.
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()>;

    /// Writes what comes after the last photo.
    fn end(&mut self) -> Result<()>;
}

/// Results in a format, to a file or to standard output; of these photos, where it is known which there will be.
pub(crate) fn open<'a>(
    format: ResultFormat,
    file: Option<&Path>,
    photos: Option<impl Iterator<Item = &'a Path> + Clone>,
) -> Result<Box<dyn Results>> {
    let to: Box<dyn Write + Send> = match file {
        Some(path) => {
            Box::new(BufWriter::new(File::create(path).with_context(|| format!("--output {}", path.display()))?))
        }
        None => Box::new(io::stdout()),
    };
    Ok(match format {
        ResultFormat::Text => Box::new(text::Text::new(to)),
        ResultFormat::Jsonl => Box::new(jsonl::JsonLines::new(to)),
        ResultFormat::Csv => Box::new(csv::Csv::new(to)),
        ResultFormat::Parquet => Box::new(jsonl::JsonLines::new(parquet(to, file.is_none())?)),
        ResultFormat::Coco => Box::new(coco::Coco::new(to, photos.map(ImageIds::of))),
    })
}

/// Lines that become the rows of a Parquet file.
fn parquet(to: Box<dyn Write + Send>, to_standard_output: bool) -> Result<Box<dyn Write>> {
    if to_standard_output && io::stdout().is_terminal() {
        bail!("--format parquet is binary; use --output FILE");
    }
    #[cfg(feature = "tables")]
    return Ok(Box::new(tables::Lines::new(to)?));
    #[cfg(not(feature = "tables"))]
    drop(to);
    #[cfg(not(feature = "tables"))]
    bail!("--format parquet needs Parquet support, and {}", crate::NOT_BUILT_IN)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use wire::{Answer, FoundObject, ImageSize, ModelRef, ThresholdsUsed, TimingsMs};

    use super::*;

    /// A writer whose content outlives it.
    #[derive(Clone, Default)]
    pub(super) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(super) fn written(make: impl FnOnce(Box<dyn Write>) -> Box<dyn Results>, records: &[Record]) -> String {
        let page = Page::default();
        let mut results = make(Box::new(page.clone()));
        for record in records {
            results.photo(&Entry::from(record)).unwrap();
        }
        results.end().unwrap();
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    /// A cat and a dog, an empty photo, and one that failed.
    pub(super) fn records() -> Vec<Record> {
        let object =
            |label: &str, class_id, bbox| FoundObject { label: label.to_owned(), class_id, score: 0.913, bbox };
        let found = vec![object("cat", 15, [12.5, 30.0, 200.0, 470.25]), object("dog", 16, [0.0, 0.0, 10.0, 10.0])];
        let answer = |detections| {
            Outcome::Answer(Box::new(Answer {
                image: ImageSize { width: 640, height: 480 },
                detections,
                model: ModelRef { name: "yolox-nano".to_owned(), sha256: "ab".to_owned(), note: None },
                thresholds: ThresholdsUsed { confidence: 0.25, iou: 0.45, max_detections: 100 },
                timings_ms: TimingsMs { inference: 7.5, total: 10.25, ..TimingsMs::default() },
                cold_start: false,
                init_ms: 61.0,
                annotated: None,
            }))
        };
        let error = Outcome::Error { error: crate::photo::item_error("undecodable_image", "It ends, early.") };
        [("in/0042.jpg", answer(found)), ("in/empty.jpg", answer(Vec::new())), ("in/bad, really.jpg", error)]
            .into_iter()
            .map(|(photo, outcome)| Record {
                photo: photo.into(),
                outcome,
                phases: Phases {
                    wait: Duration::from_micros(1500),
                    total: Duration::from_millis(2),
                    ..Phases::default()
                },
                round_trip: Duration::from_millis(2),
                tries: 1,
                photo_bytes: 100,
                traffic: crate::link::Traffic::default(),
            })
            .collect()
    }
}
