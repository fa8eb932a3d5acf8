//! Which rows are repeats of others, however many rows there are: identities go to disk, by their first bits, and are then
//! sorted part by part.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result};

use crate::line::Identity;

/// A hundred million rows make parts of 19 MB, which is what memory holds of them at once.
const PARTS: usize = 128;
const RECORD: usize = size_of::<Identity>() + size_of::<u64>();
/// Bits of a rank that number the rows of a day.
const ROW_BITS: u32 = 36;

/// Which of several rows with one identity stays: the one with the lowest rank. What is published stays where it is; of new
/// rows the one of the earliest day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u64);

/// Rows of a day, published or new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group(u64);

impl Rank {
    pub(crate) fn of_new(date: &str, row: u64) -> Self {
        Self(Group::of_new(date).0 << ROW_BITS | row)
    }

    pub(crate) fn of_published(date: &str, row: u64) -> Self {
        Self(Group::of_published(date).0 << ROW_BITS | row)
    }
}

impl Group {
    pub(crate) fn of_new(date: &str) -> Self {
        Self(1 << (u64::BITS - ROW_BITS - 1) | digits(date))
    }

    pub(crate) fn of_published(date: &str) -> Self {
        Self(digits(date))
    }
}

/// `2026-11-30` as 20261130.
fn digits(date: &str) -> u64 {
    date.bytes().filter(u8::is_ascii_digit).fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Identities on disk.
#[derive(Debug)]
pub(crate) struct Repeats(Vec<BufWriter<File>>);

impl Repeats {
    pub(crate) fn new() -> Result<Self> {
        let part = || Ok(BufWriter::new(tempfile::tempfile()?));
        let parts = (0..PARTS).map(|_| part()).collect::<std::io::Result<_>>();
        Ok(Self(parts.with_context(|| format!("cannot make a file in {}", std::env::temp_dir().display()))?))
    }

    pub(crate) fn add(&mut self, identity: Identity, rank: Rank) -> Result<()> {
        let part = &mut self.0[usize::from(identity[0]) % PARTS];
        let mut write = || {
            part.write_all(&identity)?;
            part.write_all(&rank.0.to_le_bytes())
        };
        write().with_context(|| {
            format!("cannot write in {}; set TMPDIR to use another place", std::env::temp_dir().display())
        })
    }

    /// Finds the repeats.
    pub(crate) fn find(&mut self) -> Result<Dropped> {
        let mut dropped = Dropped::default();
        for part in &mut self.0 {
            let mut records = read(part).context("cannot read back identities")?;
            records.sort_unstable();
            for pair in records.windows(2) {
                if pair[0].0 == pair[1].0 {
                    dropped.add(pair[1].1);
                }
            }
        }
        Ok(dropped)
    }
}

fn read(part: &mut BufWriter<File>) -> std::io::Result<Vec<(Identity, Rank)>> {
    let count = usize::try_from(part.stream_position()?).unwrap_or(0) / RECORD;
    part.seek(SeekFrom::Start(0))?;
    let file = part.get_mut();
    let mut from = BufReader::new(file);
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        let (mut identity, mut rank) = (Identity::default(), [0; 8]);
        from.read_exact(&mut identity)?;
        from.read_exact(&mut rank)?;
        records.push((identity, Rank(u64::from_le_bytes(rank))));
    }
    Ok(records)
}

/// Rows that are repeats: one bit for each row of a day that has any.
#[derive(Debug, Default)]
pub(crate) struct Dropped(BTreeMap<Group, Vec<u64>>);

impl Dropped {
    fn add(&mut self, Rank(rank): Rank) {
        let row = rank & ((1 << ROW_BITS) - 1);
        let bits = self.0.entry(Group(rank >> ROW_BITS)).or_default();
        let word = usize::try_from(row / 64).unwrap_or(0);
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (row % 64);
    }

    /// Whether any row of a group is.
    pub(crate) fn any(&self, group: Group) -> bool {
        self.0.contains_key(&group)
    }

    pub(crate) fn has(&self, group: Group, row: u64) -> bool {
        let word = |bits: &Vec<u64>| bits.get(usize::try_from(row / 64).ok()?).copied();
        self.0.get(&group).and_then(word).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_and_then_the_earliest_stay() {
        let mut repeats = Repeats::new().unwrap();
        let id = |byte| [byte; 16];
        for (identity, rank) in [
            (id(1), Rank::of_new("2026-11-30", 0)),
            (id(1), Rank::of_published("2026-12-01", 7)),
            (id(2), Rank::of_new("2026-12-01", 3)),
            (id(2), Rank::of_new("2026-11-30", 1)),
            (id(2), Rank::of_new("2026-11-30", 90)),
            (id(3), Rank::of_new("2026-11-30", 2)),
            (id(4), Rank::of_published("2026-11-30", 1)),
            (id(4), Rank::of_published("2026-12-01", 8)),
        ] {
            repeats.add(identity, rank).unwrap();
        }
        let dropped = repeats.find().unwrap();
        let rows = |group| (0..100).filter(|row| dropped.has(group, *row)).collect::<Vec<u64>>();
        assert_eq!(rows(Group::of_new("2026-11-30")), [0, 90]);
        assert_eq!(rows(Group::of_new("2026-12-01")), [3]);
        assert_eq!(rows(Group::of_published("2026-12-01")), [8]);
        assert!(!dropped.any(Group::of_published("2026-11-30")));
    }
}
