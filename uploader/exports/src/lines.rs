//! Results that lie about as JSON lines, as `detect`, `bulk`, `collect` and detect-bulk write them, read back.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use wire::{Outcome, Source};

use crate::photo_name::Root;
use crate::{Catalog, ClientMs, Entry};

/// A longer line is no result; one with an annotated photo may have millions of bytes.
const LONGEST_LINE: u64 = 64 << 20;

/// One line.
#[derive(Debug, Deserialize)]
struct Line {
    photo: Option<String>,
    source: Option<Source>,
    client_ms: Option<ClientMs>,
    upload_to_result_ms: Option<f64>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A photo's result.
#[derive(Debug)]
pub struct Found {
    photo: PathBuf,
    line: Line,
}

impl Found {
    /// As exporters take it.
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            photo: &self.photo,
            outcome: &self.line.outcome,
            client_ms: self.line.client_ms.clone(),
            round_trip_ms: self.line.upload_to_result_ms,
            source: self.line.source.as_ref(),
        }
    }

    /// What tells the model from others.
    fn model(&self) -> Option<(&str, &str)> {
        match &self.line.outcome {
            Outcome::Answer(answer) => Some((&answer.model.name, &answer.model.sha256)),
            Outcome::Error { .. } => None,
        }
    }
}

/// What a line holds.
#[derive(Debug)]
pub enum Content {
    /// A photo's result.
    Found(Box<Found>),
    /// Something else, and why.
    Broken(String),
}

/// The lines of one input.
pub struct Lines<R> {
    from: R,
    name: String,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Reads an input that is called `name`.
    pub fn new(from: R, name: &str) -> Self {
        Self { from, name: name.to_owned(), number: 0, line: Vec::new() }
    }

    /// The next line that is not blank; `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn next_line(&mut self) -> Result<Option<Content>> {
        loop {
            self.line.clear();
            self.number += 1;
            let read = self.from.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.line);
            if read.with_context(|| format!("cannot read {}", self.name))? == 0 {
                return Ok(None);
            }
            if self.line.len() as u64 == LONGEST_LINE && self.line.last() != Some(&b'\n') {
                self.skip_rest()?;
                return Ok(Some(self.broken("it is too long")));
            }
            let line = self.line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&self.line);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Ok(Some(match parse(line) {
                Ok((photo, line)) => Content::Found(Box::new(Found { photo, line })),
                Err(reason) => self.broken(&reason),
            }));
        }
    }

    fn broken(&self, reason: &str) -> Content {
        Content::Broken(format!("{} line {} is not a result: {reason}", self.name, self.number))
    }

    fn skip_rest(&mut self) -> Result<()> {
        loop {
            let buffer = self.from.fill_buf().with_context(|| format!("cannot read {}", self.name))?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let (length, is_last) = (end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty());
            self.from.consume(length);
            if is_last {
                return Ok(());
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<(PathBuf, Line), String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
        if is_json {
            "it has neither an answer nor an error".to_owned()
        } else {
            format!("it is not JSON, by column {}", error.column())
        }
    })?;
    let photo = match (&line.photo, &line.source) {
        (Some(photo), _) => photo.clone(),
        (None, Some(source)) => format!("s3://{}/{}", source.bucket, source.key),
        (None, None) => return Err("it names no photo".to_owned()),
    };
    Ok((photo.into(), line))
}

/// Which lines count: photos may have several, because S3's events come at least once, and because files overlap.
#[derive(Debug, Default)]
pub struct LineSelection {
    photos: HashMap<PathBuf, Picks>,
    /// Names and digests of the models met.
    models: Vec<(String, String)>,
    count: u64,
    /// Lines that say again what another says.
    pub repeats: u64,
    /// Lines of other models than the one that was asked for.
    pub others: u64,
}

/// The lines of one photo.
#[derive(Debug)]
struct Picks {
    first: u64,
    /// The line's place among all.
    pick: Pick,
    /// First answers of other models.
    more: Vec<(usize, u64)>,
}

/// The line that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// The first answer of a model.
    Answer(usize, u64),
    /// The first failure: it counts where there is no answer.
    Failure(u64),
}

impl Picks {
    fn answers(&self) -> impl Iterator<Item = (usize, u64)> {
        let first = match self.pick {
            Pick::Answer(model, place) => Some((model, place)),
            Pick::Failure(_) => None,
        };
        first.into_iter().chain(self.more.iter().copied())
    }
}

impl LineSelection {
    /// Notes a line; `only` is a model's name or the beginning of its digest.
    pub fn add(&mut self, found: &Found, only: Option<&str>) {
        self.count += 1;
        if self.is_other(found, only) {
            self.others += 1;
            return;
        }
        let model = found.model().map(|(name, digest)| self.index(name, digest));
        let place = self.count;
        let pick = model.map_or(Pick::Failure(place), |model| Pick::Answer(model, place));
        let Some(picks) = self.photos.get_mut(&found.photo) else {
            self.photos.insert(found.photo.clone(), Picks { first: place, pick, more: Vec::new() });
            return;
        };
        match (picks.pick, model) {
            (Pick::Failure(_), Some(_)) => {
                self.repeats += 1;
                picks.pick = pick;
            }
            (Pick::Answer(..), Some(model)) if picks.answers().all(|(known, _)| known != model) => {
                picks.more.push((model, place));
            }
            _ => self.repeats += 1,
        }
    }

    fn is_other(&self, found: &Found, only: Option<&str>) -> bool {
        let (Some(only), Some((name, digest))) = (only, found.model()) else { return false };
        name != only && !(only.len() >= 8 && digest.starts_with(only))
    }

    fn index(&mut self, name: &str, digest: &str) -> usize {
        let known = self.models.iter().position(|(a, b)| (a.as_str(), b.as_str()) == (name, digest));
        known.unwrap_or_else(|| {
            self.models.push((name.to_owned(), digest.to_owned()));
            self.models.len() - 1
        })
    }

    /// Whether the line at a place among all, counted from 1, is one that counts.
    #[must_use]
    pub fn counts(&self, photo: &Path, place: u64) -> bool {
        self.photos.get(photo).is_some_and(|picks| {
            picks.pick == Pick::Failure(place) || picks.answers().any(|(_, answer)| answer == place)
        })
    }

    /// How many photos there are.
    #[must_use]
    pub fn photos(&self) -> usize {
        self.photos.len()
    }

    /// How many of them have no answer.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.photos.values().filter(|picks| matches!(picks.pick, Pick::Failure(_))).count()
    }

    /// A photo that several models have looked at, and what they are called.
    #[must_use]
    pub fn ambiguous(&self) -> Option<(&Path, Vec<String>)> {
        let several = self.photos.iter().filter(|(_, picks)| !picks.more.is_empty());
        let (photo, picks) = several.min_by_key(|(_, picks)| picks.first)?;
        let same_name = |name: &str| self.models.iter().filter(|(other, _)| other == name).count() > 1;
        let names = picks.answers().map(|(model, _)| {
            let (name, digest) = &self.models[model];
            if same_name(name) { digest.chars().take(12).collect() } else { name.clone() }
        });
        Some((photo, names.collect()))
    }

    /// The photos as a catalog, numbered in the order in which they came, or by name where that has no meaning.
    #[must_use]
    pub fn catalog(&self, root: Option<&Root>, by_name: bool) -> Catalog {
        let mut photos: Vec<(&Path, u64)> =
            self.photos.iter().map(|(photo, picks)| (photo.as_path(), picks.first)).collect();
        if by_name {
            photos.sort_unstable();
        } else {
            photos.sort_unstable_by_key(|(_, first)| *first);
        }
        Catalog::of(photos.iter().map(|(photo, _)| (*photo, None)), root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::JsonLines;
    use crate::testing::{answer, records, written};

    fn read(text: &str) -> (LineSelection, Vec<Found>, Vec<String>) {
        let mut lines = Lines::new(text.as_bytes(), "in.jsonl");
        let (mut selection, mut found, mut broken) = (LineSelection::default(), Vec::new(), Vec::new());
        while let Some(content) = lines.next_line().unwrap() {
            match content {
                Content::Found(line) => {
                    selection.add(&line, None);
                    found.push(*line);
                }
                Content::Broken(reason) => broken.push(reason),
            }
        }
        (selection, found, broken)
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let records = records();
        let text = written(|to| Box::new(JsonLines::new(to)), &records);
        let (selection, found, broken) = read(&format!("\u{feff}{}\n\n", text.replace('\n', "\r\n")));
        assert_eq!((selection.photos(), selection.failed(), broken.len()), (3, 1, 0));
        let again = written(
            |to| Box::new(JsonLines::new(to)),
            &found.into_iter().map(|found| (found.photo.display().to_string(), found.line.outcome)).collect::<Vec<_>>(),
        );
        assert_eq!(again, text);
    }

    #[test]
    fn the_functions_own_lines_are_called_by_their_objects() {
        let wire::Outcome::Answer(found) = answer(&[]) else { unreachable!() };
        let mut line = serde_json::to_value(found).unwrap();
        line["source"] = serde_json::json!({"bucket": "in", "key": "a b.jpg", "etag": "e", "size": 3});
        let (_, found, _) = read(&line.to_string());
        assert_eq!(found[0].photo, Path::new("s3://in/a b.jpg"));
    }

    #[test]
    fn what_is_no_result_is_told_by_its_line() {
        let (selection, _, broken) =
            read("{}\n{\"photo\": \"a.jpg\"\nnonsense\n{\"error\": {\"code\": \"x\", \"message\": \"y\"}}\n");
        assert_eq!(selection.photos(), 0);
        assert!(broken[0].starts_with("in.jsonl line 1 is not a result: it has neither an answer nor an error"));
        assert!(broken[3].ends_with("line 4 is not a result: it names no photo"), "{broken:?}");
    }

    #[test]
    fn repeats_count_once_and_an_answer_makes_up_for_a_failure() {
        let [found, _, failed] = <[_; 3]>::try_from(records()).unwrap();
        let failed = ("in/0042.jpg".to_owned(), failed.1);
        let records = [failed.clone(), found.clone(), found, failed];
        let (selection, _, _) = read(&written(|to| Box::new(JsonLines::new(to)), &records));
        assert_eq!((selection.photos(), selection.failed(), selection.repeats), (1, 0, 3));
        let counts: Vec<bool> = (1..=4).map(|place| selection.counts(Path::new("in/0042.jpg"), place)).collect();
        assert_eq!(counts, [false, true, false, false]);
        assert!(selection.ambiguous().is_none());
    }

    #[test]
    fn a_photo_that_two_models_looked_at_is_found() {
        let text = written(|to| Box::new(JsonLines::new(to)), &records()[..1]);
        let both = format!("{text}{}", text.replace("yolox-nano", "d-fine-n"));
        let (selection, found, _) = read(&both);
        assert_eq!(
            selection.ambiguous(),
            Some((Path::new("in/0042.jpg"), vec!["yolox-nano".into(), "d-fine-n".into()]))
        );
        let mut one = LineSelection::default();
        found.iter().for_each(|found| one.add(found, Some("d-fine-n")));
        assert!(one.ambiguous().is_none() && one.others == 1);
    }
}
