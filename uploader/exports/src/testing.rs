//! What the tests of the formats share.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use wire::{Answer, FoundObject, ImageSize, ItemError, ModelRef, Outcome, ThresholdsUsed, TimingsMs};

use crate::{Catalog, ClientMs, Dataset, Entry, Exporter, Format};

/// A writer whose content outlives it.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A photo and what became of it.
pub(crate) type Record = (String, Outcome);

/// An exporter told of records, to its end.
pub(crate) fn told(exporter: &mut dyn Exporter, records: &[Record]) {
    for (photo, outcome) in records {
        let client_ms = ClientMs(vec![("wait".into(), 1.5), ("total".into(), 2.0)]);
        let entry = Entry {
            photo: Path::new(photo),
            outcome,
            client_ms: Some(client_ms),
            round_trip_ms: Some(2.0),
            source: None,
        };
        exporter.photo(&entry).unwrap();
    }
    exporter.end().unwrap();
}

/// What an exporter writes of records.
pub(crate) fn written(make: impl FnOnce(Box<dyn Write>) -> Box<dyn Exporter>, records: &[Record]) -> String {
    let page = Page::default();
    told(make(Box::new(page.clone())).as_mut(), records);
    page.text()
}

/// What a format writes of records.
pub(crate) fn dataset(make: impl FnOnce(Box<dyn Write>) -> Box<dyn Format>, records: &[Record]) -> String {
    let catalog = catalog(&names(records));
    written(|to| Box::new(Dataset::new(make(to), catalog)), records)
}

pub(crate) fn names(records: &[Record]) -> Vec<&str> {
    records.iter().map(|(photo, _)| photo.as_str()).collect()
}

pub(crate) fn catalog(photos: &[&str]) -> Catalog {
    Catalog::of(photos.iter().map(|photo| (Path::new(*photo), Some(Path::new(*photo)))), None)
}

/// Objects in a photo of 640 by 480.
pub(crate) fn answer(objects: &[(&str, usize, [f64; 4])]) -> Outcome {
    let object = |(label, class_id, bbox): &(&str, usize, [f64; 4])| FoundObject {
        label: (*label).to_owned(),
        class_id: *class_id,
        score: 0.913,
        bbox: *bbox,
    };
    Outcome::Answer(Box::new(Answer {
        image: ImageSize { width: 640, height: 480 },
        detections: objects.iter().map(object).collect(),
        model: ModelRef { name: "yolox-nano".to_owned(), sha256: "ab".to_owned(), note: None },
        thresholds: ThresholdsUsed { confidence: 0.25, iou: 0.45, max_detections: 100 },
        timings_ms: TimingsMs { inference: 7.5, total: 10.25, ..TimingsMs::default() },
        cold_start: false,
        init_ms: 61.0,
        annotated: None,
        redacted: None,
    }))
}

/// A cat and a dog, an empty photo, and one that failed.
pub(crate) fn records() -> Vec<Record> {
    let found = answer(&[("cat", 15, [12.5, 30.0, 200.0, 470.25]), ("dog", 16, [0.0, 0.0, 10.0, 10.0])]);
    let error = ItemError { code: "undecodable_image".to_owned(), message: "It ends, early.".to_owned() };
    [("in/0042.jpg", found), ("in/empty.jpg", answer(&[])), ("in/bad, really.jpg", Outcome::Error { error })]
        .map(|(photo, outcome)| (photo.to_owned(), outcome))
        .into()
}
