//! Results into tables: one Parquet file for each day, `date=YYYY-MM-DD/results.parquet`, replaced in one step.
//!
//! A file tells which files of results it holds, so that a later run reads only others. A row that is published stays where
//! it is, also when its results are deleted; repeats of it are dropped, on whatever day they come. Whoever finds that a
//! file was replaced meanwhile begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wire::partition;

use crate::file::Writer;
use crate::gather;
use crate::job::{Job, ListingSummary, Summary};
use crate::published::{Published, Replaced, SOURCES};
use crate::repeats::{Dropped, Group, Rank};
use crate::sources::Sources;
use crate::spill::Spill;
use crate::store::{Object, Stored};

/// The name of a day's file.
const FILE: &str = "results.parquet";
/// Times that others may come between.
const TRIES: u32 = 10;

impl Job<'_> {
    /// Does it.
    ///
    /// # Errors
    /// A store that cannot be listed or written, a file among the tables that is none of ours, no room for temporary files.
    /// A result that cannot be read is no error; it is counted, and read again by the next run.
    pub fn run(&self) -> Result<Summary> {
        let mut summary = Summary::default();
        for attempt in 0..TRIES {
            // What an earlier try has written is written.
            summary = Summary { listed: ListingSummary::default(), other_lines: 0, failed: 0, ..summary };
            match self.pass(&mut summary) {
                Ok(true) => return Ok(summary),
                Ok(false) => {}
                Err(error) if error.chain().any(|cause| cause.is::<Replaced>()) => {}
                Err(error) => return Err(error),
            }
            // The other run has a head start, and is likely to be through soon.
            thread::sleep(Duration::from_millis(100 << attempt.min(6)));
        }
        bail!("{}: other runs keep replacing the same tables; try again later", self.tables.place())
    }

    /// One try; false where somebody else came between.
    fn pass(&self, summary: &mut Summary) -> Result<bool> {
        let published = self.published()?;
        if self.dry_run {
            let mut days = BTreeSet::new();
            summary.listed = gather::list(self, &published, &mut |work| {
                days.insert(work.date);
                Ok(())
            })?;
            summary.days_written = days.len() as u64;
            return Ok(true);
        }
        let mut spill = Spill::new()?;
        gather::gather(self, &published, &mut spill, summary)?;
        let dropped = self.repeats(&mut spill, &published)?;
        let mut days: BTreeSet<String> = spill.dates().into_iter().collect();
        // Two runs at once may have published one row on two days: the later one goes.
        days.extend(published.keys().filter(|date| dropped.any(Group::of_published(date))).cloned());
        for date in days {
            self.go_on()?;
            if !self.write(&date, published.get(&date), &mut spill, &dropped, summary)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The files that are there, by their day.
    fn published(&self) -> Result<BTreeMap<String, Object>> {
        let mut published = BTreeMap::new();
        self.tables.list(&mut |object| {
            if let Some((date, FILE)) = partition::split(&object.name) {
                published.insert(date.to_owned(), object);
            }
            Ok(())
        })?;
        Ok(published)
    }

    /// Finds repeats among what is new, and of what is published on any day.
    fn repeats(&self, spill: &mut Spill, published: &BTreeMap<String, Object>) -> Result<Dropped> {
        if spill.lines() > 0 {
            for (date, object) in published {
                let file = Published::open(&self.tables, object)?;
                let mut row = 0;
                file.identities(|identity| {
                    self.go_on()?;
                    spill.repeats.add(identity, Rank::of_published(date, row))?;
                    row += 1;
                    Ok(())
                })?;
            }
        }
        spill.repeats.find()
    }

    /// Writes a day's file. False where somebody else has, meanwhile.
    fn write(
        &self,
        date: &str,
        old: Option<&Object>,
        spill: &mut Spill,
        dropped: &Dropped,
        summary: &mut Summary,
    ) -> Result<bool> {
        let mut sources = Sources::default();
        let mut writer = Writer::new(BufWriter::new(tempfile::tempfile().context("cannot make a temporary file")?))?;
        let mut before = 0;
        if let Some(old) = old {
            let old = Published::open(&self.tables, old)?;
            sources = old.sources()?;
            before = old.rows();
            old.copy(&mut writer, |row| !dropped.has(Group::of_published(date), row))?;
        }
        let (mut added, mut repeats) = (0, 0);
        spill.read(date, |number, row| {
            self.go_on()?;
            if dropped.has(Group::of_new(date), number) {
                repeats += 1;
                return Ok(());
            }
            added += 1;
            writer.push(row)
        })?;
        let sources = sources.with(spill.sources(date));
        let at = writer.embed(&sources.to_bytes())?;
        writer.note(SOURCES, format!("{at} {}", sources.count()));
        let (rows, file) = writer.into_file()?;
        let name = partition::folder_of(date) + FILE;
        if self.tables.replace(&name, old.map(|old| old.version.as_str()), &file)? == Stored::Conflict {
            return Ok(false);
        }
        summary.days_written += 1;
        summary.rows += rows;
        summary.rows_added += added;
        // Those of what is published, where two runs had come between each other, count as well.
        summary.repeats += repeats + (before + added).saturating_sub(rows);
        Ok(true)
    }
}

impl Writer<BufWriter<File>> {
    /// Completes the file. Gives its rows and the file itself.
    fn into_file(mut self) -> Result<(u64, File)> {
        let rows = self.finish()?;
        let file = self.inner_mut();
        file.flush()?;
        Ok((rows, file.get_ref().try_clone()?))
    }
}
