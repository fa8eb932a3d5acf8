//! Results that lie about: lines of JSON, one for each photo, or a COCO results list.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// What was found in a photo.
    Photo {
        /// Its path, or its key.
        name: String,
        /// Its width and height.
        size: Option<(u32, u32)>,
        /// The objects, or nothing where the photo has failed.
        boxes: Option<Vec<Boxes>>,
        /// The model that looked at it.
        model: Option<String>,
        /// How long the function took, in milliseconds, waiting apart.
        ms: Option<f64>,
    },
    /// One object of COCO's results.
    Object {
        /// The image's number in the truth.
        image_id: Option<i64>,
        /// The photo's path, where the entry has one.
        name: Option<String>,
        /// The category's number in the truth.
        category_id: i64,
        /// 0 to 1.
        score: f64,
        /// Left, top, right, bottom.
        bbox: [f64; 4],
    },
}

/// A labelled box.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Boxes {
    /// What it is.
    pub label: String,
    /// 0 to 1.
    pub score: f64,
    /// Left, top, right, bottom.
    #[serde(rename = "box")]
    pub bbox: [f64; 4],
}

/// Why they cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ResultsError {
    path: PathBuf,
    reason: String,
}

#[derive(Deserialize)]
struct Line {
    photo: Option<String>,
    source: Option<Source>,
    image: Option<Size>,
    detections: Option<Vec<Boxes>>,
    error: Option<IgnoredAny>,
    model: Option<Model>,
    timings_ms: Option<Timings>,
}

#[derive(Deserialize)]
struct Source {
    key: String,
}

#[derive(Deserialize)]
struct Size {
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Model {
    name: String,
}

#[derive(Deserialize)]
struct Timings {
    #[serde(default)]
    queue: f64,
    total: f64,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    image_id: Option<serde_json::Value>,
    #[serde(default)]
    file_name: Option<String>,
    category_id: i64,
    bbox: [f64; 4],
    score: f64,
}

/// Reads results as `uploader detect` writes them with `--format jsonl` and `--format coco`, and hands on each entry as it
/// comes.
///
/// # Errors
/// [`ResultsError`] names the line, and what `take` says of an entry.
pub fn read_results(path: &Path, take: &mut dyn FnMut(Row) -> Result<(), String>) -> Result<(), ResultsError> {
    let failed = |reason: String| ResultsError { path: path.to_owned(), reason };
    let mut from = BufReader::with_capacity(1 << 16, File::open(path).map_err(|error| failed(error.to_string()))?);
    let begin = from.fill_buf().map_err(|error| failed(error.to_string()))?;
    let is_list = begin.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let wrong = |error: serde_json::Error| {
        failed(format!("neither JSON lines of `detect --format jsonl` nor COCO results: {error}"))
    };
    if is_list {
        let mut json = serde_json::Deserializer::from_reader(from);
        Entries(take).deserialize(&mut json).map_err(wrong)?;
        return json.end().map_err(wrong);
    }
    let mut any = false;
    for line in serde_json::Deserializer::from_reader(from).into_iter::<Line>() {
        any = true;
        take(row(line.map_err(wrong)?).map_err(failed)?).map_err(failed)?;
    }
    if any { Ok(()) } else { Err(failed("it is empty".to_owned())) }
}

fn row(line: Line) -> Result<Row, String> {
    let Line { photo, source, image, detections, error, model, timings_ms } = line;
    let name = photo.or(source.map(|source| source.key)).ok_or("a line names no photo")?;
    if detections.is_none() && error.is_none() {
        return Err(format!("the line of {name} has neither detections nor an error"));
    }
    let size = image.map(|size| (size.width, size.height));
    let ms = timings_ms.map(|timings| (timings.total - timings.queue).max(0.0));
    Ok(Row::Photo { name, size, boxes: detections, model: model.map(|model| model.name), ms })
}

/// The entries of a list, one after the other: a list may be larger than what is to be kept of it.
struct Entries<'t>(&'t mut dyn FnMut(Row) -> Result<(), String>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("a list of COCO results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(Entry { image_id, file_name, category_id, bbox: [x, y, w, h], score }) = list.next_element()? {
            let (image_id, name) = match image_id {
                Some(serde_json::Value::String(text)) => (None, file_name.or(Some(text))),
                Some(value) => (value.as_i64(), file_name),
                None => (None, file_name),
            };
            let bbox = [x, y, x + w, y + h];
            let row = Row::Object { image_id, name, category_id, score, bbox };
            (self.0)(row).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}
