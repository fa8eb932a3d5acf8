//! The numbers of a run, for people.

use std::fmt::{self, Display, Formatter};

use comfy_table::{CellAlignment, Table, presets};

use super::spread::Spread;
use super::tally::{CLIENT, SERVER, Tally};
use crate::photo::Passed;

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
    pub(crate) passed: &'a Passed,
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
        write!(f, "with {} of {} photos done; there is nothing here about the others", self.done, self.all)
    }
}

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        for model in &tally.models {
            line(f, "model", &model.name)?;
            if let Some(note) = &model.note {
                line(f, "", note)?;
            }
        }
        line(f, "target", self.target)?;
        for (name, value) in self.means {
            line(f, name, value)?;
        }
        line(f, "photos", &self.counts())?;
        set_apart(f, self.passed, self.stop)?;
        line(f, "time", &self.pace())?;
        if tally.cold.round_trip.count() > 0 {
            line(f, "cold starts", &self.cold_starts())?;
        }
        let times = tally.times();
        if times.round_trip.count() == 0 {
            return Ok(());
        }
        line(f, "average inference", &seconds(times.inference()))?;
        line(
            f,
            "average upload",
            &format!("{} (the round trip less the function's own time)", seconds(&times.upload)),
        )?;
        line(f, "average round trip", &seconds(&times.round_trip))?;
        let [p50, p90, p99] = [50.0, 90.0, 99.0].map(|p| ms(times.round_trip.percentile(p)));
        let since = if self.rate.is_some() { ", counted from when each should have left" } else { "" };
        let max = ms(times.round_trip.max());
        line(f, "round trip", &format!("p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, max {max} ms{since}"))?;
        writeln!(f, "\n{}", self.table())
    }
}

impl Summary<'_> {
    fn counts(&self) -> String {
        let tally = self.tally;
        let mut text = format!("{}: {} answered with {} detections", tally.photos, tally.answered(), tally.detections);
        if tally.failed() > 0 {
            let codes: Vec<String> = tally.failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
            text += &format!(", {} failed ({})", tally.failed(), codes.join(", "));
        }
        if tally.sent_again > 0 {
            text += &format!(", {} sent more than once", tally.sent_again);
        }
        text
    }

    fn pace(&self) -> String {
        let tally = self.tally;
        let elapsed = tally.elapsed.as_secs_f64();
        let bits = if elapsed > 0.0 { tally.photo_bytes as f64 * 8.0 / elapsed / 1e6 } else { 0.0 };
        let clock = self.rate.map_or_else(String::new, |rate| format!(", {rate} asked for"));
        format!(
            "{elapsed:.2} s, {:.1} photos/s{clock}, {} at once; {:.1} MB of photos sent, {bits:.1} Mbit/s",
            tally.throughput(),
            self.concurrency,
            tally.photo_bytes as f64 / 1e6,
        )
    }

    fn cold_starts(&self) -> String {
        let cold = &self.tally.cold;
        let only = if self.tally.warm.round_trip.count() == 0 {
            "there was nothing else to average"
        } else {
            "not in the averages"
        };
        format!(
            "{} ({only}): round trip {} ms, inference {} ms, init {} ms on average",
            cold.round_trip.count(),
            ms(cold.round_trip.mean()),
            ms(cold.inference().mean()),
            ms(self.tally.cold_inits.mean()),
        )
    }

    /// Where the time went.
    fn table(&self) -> Table {
        let times = self.tally.times();
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["where the time went, in ms", "mean", "p50", "p90", "p99", "max"]);
        let mut row = |name: String, spread: &Spread| {
            let [p50, p90, p99] = [50.0, 90.0, 99.0].map(|p| ms(spread.percentile(p)));
            table.add_row([name, ms(spread.mean()), p50, p90, p99, ms(spread.max())]);
        };
        for ((name, _), spread) in CLIENT.iter().zip(&times.client) {
            row(format!("client {name}"), spread);
        }
        for ((name, _), spread) in SERVER.iter().zip(&times.server) {
            row(format!("server {name}"), spread);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// A row of a summary: what it is called, and what it is.
pub(super) fn line(f: &mut Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<19} {value}")
}

/// What is no result, and has to be known.
pub(super) fn set_apart(f: &mut Formatter<'_>, passed: &Passed, stop: Option<Stop>) -> fmt::Result {
    if !passed.is_empty() {
        line(f, "passed over", &passed.to_string())?;
    }
    match stop {
        Some(stop) => line(f, "ended early", &stop.to_string()),
        None => Ok(()),
    }
}

fn seconds(spread: &Spread) -> String {
    format!("{:.4} s", spread.mean() / 1e3)
}

fn ms(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::{Answer, ImageSize, ModelRef, Outcome, ThresholdsUsed, TimingsMs};

    use super::*;
    use crate::journey::Record;
    use crate::link::Phases;

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
        let passed = Passed::default();
        Summary { target: "here", concurrency: 4, rate: None, means: &[], tally: &tally, passed: &passed, stop: None }
            .to_string()
    }

    #[test]
    fn cold_starts_stand_apart() {
        let text = printed(&[record(500, true), record(20, false), record(30, false)]);
        assert!(text.contains("cold starts         1 (not in the averages): round trip 500.0 ms"), "{text}");
        assert!(text.contains("average round trip  0.0250 s"), "{text}");
        assert!(text.contains("average upload      0.0150 s"), "{text}");
        assert!(text.contains("average inference   0.0080 s"), "{text}");
    }

    #[test]
    fn a_model_that_stands_in_says_so() {
        assert!(printed(&[record(20, true)]).contains("stands in for yolox-nano"));
    }

    #[test]
    fn without_answers_there_are_no_averages() {
        let text = printed(&[]);
        assert!(text.contains("0 answered") && !text.contains("average"), "{text}");
    }
}
