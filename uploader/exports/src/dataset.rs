//! What all formats of datasets have in common: photos that were looked at, once each, with boxes that lie in the photo.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};
use wire::{Answer, ItemError, ModelRef, Outcome};

use crate::catalog::Catalog;
use crate::{Entry, Exporter};

/// One object of a photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<'a> {
    /// The class in words, never blank.
    pub label: Cow<'a, str>,
    /// The class as the model numbers it.
    pub class_id: usize,
    /// Confidence, 0..=1.
    pub score: f64,
    /// x1, y1, x2, y2 in pixels of the upright photo, inside it.
    pub bbox: [f64; 4],
}

impl Object<'_> {
    /// x, y, width, height.
    #[must_use]
    pub fn xywh(&self) -> [f64; 4] {
        let [x1, y1, x2, y2] = self.bbox;
        [x1, y1, x2 - x1, y2 - y1]
    }
}

/// One photo that was looked at.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// The photo, as it is called in the results.
    pub photo: &'a Path,
    /// Its path in the dataset.
    pub name: &'a str,
    /// The same without extension, and no other photo's.
    pub stem: &'a str,
    /// Its number.
    pub id: u64,
    /// Width of the upright photo.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// What is on it, best score first.
    pub objects: Vec<Object<'a>>,
    /// Which model looked at it.
    pub model: &'a ModelRef,
}

/// A format of datasets.
pub trait Format {
    /// Writes one photo.
    ///
    /// # Errors
    /// The output cannot be written.
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()>;

    /// Writes a photo that has no answer. Whether the format has a place for it.
    ///
    /// # Errors
    /// The output cannot be written.
    fn failed(&mut self, _name: &str, _error: &ItemError) -> Result<bool> {
        Ok(false)
    }

    /// Writes what comes after the last photo.
    ///
    /// # Errors
    /// The output cannot be written.
    fn end(&mut self) -> Result<()>;

    /// What people are to be told when all is written.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A dataset that is written.
pub struct Dataset {
    format: Box<dyn Format>,
    catalog: Catalog,
    written: HashSet<u64>,
    left_out: u64,
    repeats: u64,
    without_area: u64,
}

impl Dataset {
    /// A dataset of the photos of a catalog.
    #[must_use]
    pub fn new(format: Box<dyn Format>, catalog: Catalog) -> Self {
        Self { format, catalog, written: HashSet::new(), left_out: 0, repeats: 0, without_area: 0 }
    }
}

impl Exporter for Dataset {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        let listed = self.catalog.get(entry.photo);
        // A photo that was given twice is one photo.
        if listed.is_some_and(|listed| !self.written.insert(listed.id)) {
            self.repeats += 1;
            return Ok(());
        }
        match entry.outcome {
            Outcome::Error { error } => {
                // What cannot even be uploaded is on no list.
                let name = listed.map_or_else(|| entry.photo.to_string_lossy(), |listed| listed.name.into());
                self.left_out += u64::from(!self.format.failed(&name, error)?);
            }
            Outcome::Answer(answer) => {
                let listed = listed.with_context(|| format!("{} was not listed", entry.photo.display()))?;
                let objects = objects(answer);
                self.without_area += (answer.detections.len() - objects.len()) as u64;
                self.format.sample(&Sample {
                    photo: entry.photo,
                    name: listed.name,
                    stem: listed.stem,
                    id: listed.id,
                    width: answer.image.width,
                    height: answer.image.height,
                    objects,
                    model: &answer.model,
                })?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.format.end()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.format.notes();
        if self.left_out > 0 {
            notes.push(format!(
                "{} failed and {} not in the dataset",
                counted(self.left_out, "photo"),
                are(self.left_out)
            ));
        }
        if self.repeats > 0 {
            let what = counted(self.repeats, "more result");
            notes.push(format!("{what} of photos that have one {} left out", were(self.repeats)));
        }
        if self.without_area > 0 {
            let what = counted(self.without_area, "box");
            notes.push(format!("{what} outside the photo or without area {} left out", were(self.without_area)));
        }
        notes
    }
}

/// The objects of an answer whose boxes have anything in common with the photo.
fn objects(answer: &Answer) -> Vec<Object<'_>> {
    let (width, height) = (f64::from(answer.image.width), f64::from(answer.image.height));
    let inside = answer.detections.iter().map(|object| {
        let [x1, y1, x2, y2] = object.bbox;
        Object {
            label: label(&object.label, object.class_id),
            class_id: object.class_id,
            score: object.score.clamp(0.0, 1.0),
            bbox: [x1.clamp(0.0, width), y1.clamp(0.0, height), x2.clamp(0.0, width), y2.clamp(0.0, height)],
        }
    });
    inside.filter(|object| object.bbox[0] < object.bbox[2] && object.bbox[1] < object.bbox[3]).collect()
}

/// A label, or what stands for it where a model has a blank one.
pub(crate) fn label(label: &str, class_id: usize) -> Cow<'_, str> {
    if label.trim().is_empty() { format!("class {class_id}").into() } else { label.into() }
}

/// To a hundredth of a pixel, as answers have it.
pub(crate) fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// So many things, in words.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = if noun.ends_with('x') { "es" } else { "s" };
    format!("{count} {noun}{}", if count == 1 { "" } else { plural })
}

pub(crate) fn are(count: u64) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::testing::{answer, catalog};

    type Boxes = (String, Vec<[f64; 4]>);

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Boxes>>>);

    impl Format for Seen {
        fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
            let boxes = sample.objects.iter().map(|object| object.bbox).collect();
            self.0.lock().unwrap().push((sample.name.to_owned(), boxes));
            Ok(())
        }

        fn end(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn boxes_lie_in_the_photo_and_photos_come_once() {
        let seen = Seen::default();
        let mut dataset = Dataset::new(Box::new(seen.clone()), catalog(&["a.jpg", "b.jpg"]));
        let found = answer(&[
            ("cat", 15, [-5.0, 10.0, 700.0, 500.0]),
            ("cat", 15, [640.0, 0.0, 650.0, 10.0]),
            ("", 3, [9.0, 9.0, 5.0, 12.0]),
        ]);
        let error = Outcome::Error { error: ItemError { code: "unreadable".into(), message: String::new() } };
        for (photo, outcome) in [("a.jpg", &found), ("b.jpg", &error), ("a.jpg", &found)] {
            let photo = Path::new(photo);
            dataset.photo(&Entry { photo, outcome, client_ms: None, round_trip_ms: None, source: None }).unwrap();
        }
        dataset.end().unwrap();
        assert_eq!(*seen.0.lock().unwrap(), [("a.jpg".to_owned(), vec![[0.0, 10.0, 640.0, 480.0]])]);
        assert_eq!(
            dataset.notes(),
            [
                "1 photo failed and is not in the dataset",
                "1 more result of photos that have one was left out",
                "2 boxes outside the photo or without area were left out",
            ]
        );
        assert_eq!(label(" ", 3), "class 3");
    }
}
