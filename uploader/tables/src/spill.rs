//! New results on their way into tables: on disk, by day, until it is known which are repeats.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;
use snap::read::FrameDecoder;
use snap::write::FrameEncoder;
use tempfile::TempDir;

use crate::line::Identity;
use crate::repeats::{Rank, Repeats};

/// Lines held in memory, of all days together.
const HELD: usize = 32 << 20;

/// What is new on one day.
#[derive(Debug, Default)]
struct Day {
    held: Vec<u8>,
    lines: u64,
    sources: Vec<u64>,
}

/// New results on disk.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: TempDir,
    days: BTreeMap<String, Day>,
    held: usize,
    pub(crate) repeats: Repeats,
}

impl Spill {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("spotter-compact-").tempdir();
        let folder = folder.with_context(|| format!("cannot make a folder in {}", std::env::temp_dir().display()))?;
        Ok(Self { folder, days: BTreeMap::new(), held: 0, repeats: Repeats::new()? })
    }

    /// Takes in a line, which ends with a newline.
    pub(crate) fn line(&mut self, date: &str, identity: Identity, line: &[u8]) -> Result<()> {
        let day = self.day(date);
        let number = day.lines;
        day.held.extend_from_slice(line);
        day.lines += 1;
        self.held += line.len();
        self.repeats.add(identity, Rank::of_new(date, number))?;
        if self.held >= HELD { self.write() } else { Ok(()) }
    }

    /// A file of results has been read to its end.
    pub(crate) fn source(&mut self, date: &str, fingerprint: u64) {
        self.day(date).sources.push(fingerprint);
    }

    /// Days with anything new, the earliest first.
    pub(crate) fn dates(&self) -> Vec<String> {
        self.days.keys().cloned().collect()
    }

    /// How many lines there are.
    pub(crate) fn lines(&self) -> u64 {
        self.days.values().map(|day| day.lines).sum()
    }

    /// Files of results that were read for a day.
    pub(crate) fn sources(&self, date: &str) -> &[u64] {
        self.days.get(date).map(|day| day.sources.as_slice()).unwrap_or_default()
    }

    /// Hands a day's lines to `each`, with their numbers.
    pub(crate) fn read(&mut self, date: &str, mut each: impl FnMut(u64, &Value) -> Result<()>) -> Result<()> {
        self.write()?;
        let path = self.path(date);
        if self.days.get(date).is_none_or(|day| day.lines == 0) {
            return Ok(());
        }
        let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = BufReader::new(FrameDecoder::new(file));
        let (mut line, mut number) = (Vec::new(), 0);
        while lines.read_until(b'\n', &mut line).with_context(|| format!("cannot read {}", path.display()))? > 0 {
            each(number, &serde_json::from_slice(&line)?)?;
            number += 1;
            line.clear();
        }
        Ok(())
    }

    fn day(&mut self, date: &str) -> &mut Day {
        if !self.days.contains_key(date) {
            self.days.insert(date.to_owned(), Day::default());
        }
        self.days.entry(date.to_owned()).or_default()
    }

    /// Moves what is held in memory to disk.
    fn write(&mut self) -> Result<()> {
        for (date, day) in self.days.iter_mut().filter(|(_, day)| !day.held.is_empty()) {
            let path = self.folder.path().join(date);
            let append = || {
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                let mut encoder = FrameEncoder::new(file);
                encoder.write_all(&day.held)?;
                encoder.flush()
            };
            append().with_context(|| format!("cannot write {}; set TMPDIR to use another place", path.display()))?;
            day.held = Vec::new();
        }
        self.held = 0;
        Ok(())
    }

    fn path(&self, date: &str) -> PathBuf {
        self.folder.path().join(date)
    }
}
