//! The numbers of a run, for people.

use std::fmt::{self, Display, Formatter};

use comfy_table::{CellAlignment, Table, presets};

use super::spread::Spread;
use super::tally::{CLIENT, SERVER, Tally};
use crate::hint;
use crate::photo::SkippedFiles;

/// Prints a tally: what the student project printed, and what it lacked.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// Where the photos went.
    pub(crate) target: &'a str,
    /// How many were under way at once.
    pub(crate) concurrency: usize,
    /// Photos per second, where they were sent by the clock.
    pub(crate) rate: Option<f64>,
    /// With what it was reached: what each is called, and what it is.
    pub(crate) means: &'a [(&'static str, String)],
    /// The numbers.
    pub(crate) tally: &'a Tally,
    /// What was found and not sent.
    pub(crate) skipped: &'a SkippedFiles,
    /// How far it came, where somebody ended it.
    pub(crate) stop: Option<Stop>,
}

/// A run that was ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Photos whose result is there.
    pub(crate) done: u64,
    /// Photos there were.
    pub(crate) all: u64,
}

impl Display for Stop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "after {} of {}", self.done, counted(self.all, "photo"))
    }
}

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        models(f, tally)?;
        line(f, "target", self.target)?;
        for (name, value) in self.means {
            line(f, name, value)?;
        }
        found(f, tally)?;
        if tally.sent_again > 0 {
            line(f, "retried", &counted(tally.sent_again, "photo"))?;
        }
        set_apart(f, self.skipped, self.stop)?;
        if tally.photos != 1 {
            line(f, "time", &self.pace())?;
        }
        if tally.answered() == 1 {
            return self.only_one(f);
        }
        if tally.cold.round_trip.count() > 0 {
            line(f, "cold starts", &self.cold_starts())?;
        }
        let times = tally.times();
        if times.round_trip.count() == 0 {
            return Ok(());
        }
        average(f, "inference", times.inference(), "")?;
        average(f, "upload", &times.upload, " (round trip minus time in the function)")?;
        let since = if self.rate.is_some() { ", measured from the scheduled send time" } else { "" };
        average(f, "round trip", &times.round_trip, since)?;
        writeln!(f, "\n{}", self.table())
    }
}

impl Summary<'_> {
    /// The times of a single answer, which nothing is an average of.
    fn only_one(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.tally.cold.round_trip.count() > 0 {
            line(f, "cold start", &format!("init {} ms", ms(self.tally.cold_inits.mean())))?;
        }
        let times = self.tally.times();
        let shown = |(name, spread): (&str, &Spread)| {
            (spread.mean() >= LEAST_MS).then(|| format!("{name} {}", ms(spread.mean())))
        };
        let client = CLIENT.iter().map(|(name, _)| *name).zip(&times.client).filter_map(shown).collect::<Vec<_>>();
        let server = SERVER.iter().map(|(name, _)| *name).zip(&times.server).filter_map(shown).collect::<Vec<_>>();
        let (client, server) = (client.join(", "), server.join(", "));
        let total = ms(times.round_trip.mean());
        line(f, "round trip", &format!("{total} ms (client: {client}; server: {server})"))
    }

    fn pace(&self) -> String {
        let tally = self.tally;
        let elapsed = tally.elapsed.as_secs_f64();
        let megabytes = tally.photo_bytes as f64 / 1e6;
        let asked = self.rate.map_or_else(String::new, |rate| format!(" (--rate {rate})"));
        let mut text =
            format!("{elapsed:.2} s, {:.1} photos/s{asked}, {} at once", tally.throughput(), self.concurrency);
        if megabytes >= 0.05 {
            let bits = if elapsed > 0.0 { megabytes * 8.0 / elapsed } else { 0.0 };
            text += &format!(", {megabytes:.1} MB sent at {bits:.1} Mbit/s");
        }
        text
    }

    fn cold_starts(&self) -> String {
        let cold = &self.tally.cold;
        let apart =
            if self.tally.warm.round_trip.count() == 0 { "all there was" } else { "excluded from the averages" };
        format!(
            "{} ({apart}): round trip {} ms, inference {} ms, init {} ms",
            cold.round_trip.count(),
            ms(cold.round_trip.mean()),
            ms(cold.inference().mean()),
            ms(self.tally.cold_inits.mean()),
        )
    }

    /// Where the time went: what took any, and of many photos how it was spread.
    fn table(&self) -> Table {
        let times = self.tally.times();
        let columns = columns(times.round_trip.count());
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["time in ms"].into_iter().chain(columns.iter().map(|(name, _)| *name)));
        let client = CLIENT.iter().map(|(name, _)| ("client", name)).zip(&times.client);
        let server = SERVER.iter().map(|(name, _)| ("server", name)).zip(&times.server);
        for ((side, name), spread) in client.chain(server).filter(|(_, spread)| spread.max() >= LEAST_MS) {
            let cells = columns.iter().map(|(_, value)| ms(value(spread)));
            table.add_row([format!("{side} {name}")].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// What is less is 0.0 in every column.
const LEAST_MS: f64 = 0.05;

/// A column of a table of times: what it is called, and what it holds of a spread.
pub(super) type Column = (&'static str, fn(&Spread) -> f64);

/// What so many times have to tell: a percentile only where so many lie beyond it that it differs from the largest.
pub(super) fn columns(count: u64) -> Vec<Column> {
    let all: [(u64, Column); 5] = [
        (1, ("mean", Spread::mean)),
        (3, ("p50", |spread| spread.percentile(50.0))),
        (10, ("p90", |spread| spread.percentile(90.0))),
        (100, ("p99", |spread| spread.percentile(99.0))),
        (2, ("max", Spread::max)),
    ];
    all.into_iter().filter(|(least, _)| count >= *least).map(|(_, column)| column).collect()
}

/// The line of a mean: called an average where there is more than one.
fn average(f: &mut Formatter<'_>, name: &str, spread: &Spread, note: &str) -> fmt::Result {
    let many = spread.count() > 1;
    let name = if many { format!("average {name}") } else { name.to_owned() };
    line(f, &name, &format!("{} ms{note}", ms(spread.mean())))
}

/// So many of something, in words.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The models that answered, and what has to be known of them.
pub(super) fn models(f: &mut Formatter<'_>, tally: &Tally) -> fmt::Result {
    for model in &tally.models {
        line(f, "model", &model.name)?;
        if let Some(note) = &model.note {
            line(f, "", &hint::here(note))?;
        }
    }
    Ok(())
}

/// What was found in how many photos, and how many failed.
pub(super) fn found(f: &mut Formatter<'_>, tally: &Tally) -> fmt::Result {
    if tally.answered() > 0 || tally.failed() == 0 {
        let text = format!("{} in {}", counted(tally.detections, "object"), counted(tally.answered(), "photo"));
        line(f, "found", &text)?;
    }
    failed(f, tally)
}

/// How many photos failed, and why.
pub(super) fn failed(f: &mut Formatter<'_>, tally: &Tally) -> fmt::Result {
    if tally.failed() == 0 {
        return Ok(());
    }
    let codes: Vec<String> = tally.failures.iter().map(|(code, count)| format!("{count} {code}")).collect();
    line(f, "failed", &format!("{} ({})", counted(tally.failed(), "photo"), codes.join(", ")))
}

/// A row of a summary: what it is called, and what it is.
pub(super) fn line(f: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<19} {value}")
}

/// What is no result, and has to be known.
pub(super) fn set_apart(f: &mut Formatter<'_>, skipped: &SkippedFiles, stop: Option<Stop>) -> fmt::Result {
    if !skipped.is_empty() {
        line(f, "skipped", &skipped.to_string())?;
    }
    match stop {
        Some(stop) => line(f, "interrupted", &stop.to_string()),
        None => Ok(()),
    }
}

fn ms(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::{Answer, ImageSize, ModelRef, Outcome, ThresholdsUsed, TimingsMs};

    use super::*;
    use crate::link::Phases;
    use crate::record::Record;

    fn record(ms: u64, cold_start: bool) -> Record {
        let answer = Answer {
            image: ImageSize { width: 1, height: 1 },
            detections: Vec::new(),
            model: ModelRef {
                name: "spotter-nano".to_owned(),
                note: Some("stands in for yolox-nano".to_owned()),
                ..ModelRef::default()
            },
            thresholds: ThresholdsUsed { confidence: 0.25, iou: 0.45, max_detections: 100 },
            timings_ms: TimingsMs { inference: 8.0, total: 10.0, ..TimingsMs::default() },
            cold_start,
            init_ms: 61.0,
            annotated: None,
            redacted: None,
        };
        Record {
            photo: "a.jpg".into(),
            outcome: Outcome::Answer(Box::new(answer)),
            phases: Phases::default(),
            round_trip: Duration::from_millis(ms),
            tries: 1,
            photo_bytes: 1000,
            traffic: crate::link::Traffic::default(),
        }
    }

    fn printed(records: &[Record]) -> String {
        let mut tally = Tally::begin();
        records.iter().for_each(|record| tally.add(record));
        let skipped = SkippedFiles::default();
        Summary { target: "here", concurrency: 4, rate: None, means: &[], tally: &tally, skipped: &skipped, stop: None }
            .to_string()
    }

    #[test]
    fn cold_starts_stand_apart() {
        let text = printed(&[record(500, true), record(20, false), record(30, false)]);
        assert!(text.contains("cold starts         1 (excluded from the averages): round trip 500.0 ms"), "{text}");
        assert!(text.contains("average round trip  25.0 ms"), "{text}");
        assert!(text.contains("average upload      15.0 ms"), "{text}");
        assert!(text.contains("average inference   8.0 ms"), "{text}");
    }

    #[test]
    fn a_model_that_stands_in_says_so() {
        assert!(printed(&[record(20, true)]).contains("stands in for yolox-nano"));
    }

    #[test]
    fn without_answers_there_are_no_averages() {
        let text = printed(&[]);
        assert!(text.contains("0 objects in 0 photos") && !text.contains("average"), "{text}");
    }

    #[test]
    fn the_summary_fits_what_was_run() {
        let header = |count: u64| {
            let records: Vec<Record> = (0..count).map(|ms| record(20 + ms, false)).collect();
            let text = printed(&records);
            let header = text.lines().find(|line| line.contains("time in ms")).unwrap_or_default();
            header.split_whitespace().skip(3).map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!([2, 4].map(header), ["mean max", "mean p50 max"]);
        assert_eq!([10, 100].map(header), ["mean p50 p90 max", "mean p50 p90 p99 max"]);
        let text = printed(&[record(20, false)]);
        assert!(
            text.contains("0 objects in 1 photo\n")
                && text.contains("round trip          20.0 ms (client: ; server: inference 8.0)"),
            "{text}"
        );
        for row in ["average", "photos/s", "client dns", "server queue"] {
            assert!(!text.contains(row), "{row}: {text}");
        }
    }
}
