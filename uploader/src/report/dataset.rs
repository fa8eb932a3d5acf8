//! The numbers of a dataset that went through S3.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use clap::ValueEnum;
use detector::DetectorOptions;
use wire::Outcome;

use super::spread::Spread;
use super::summary::{Stop, columns, counted, failed, found, line, models, set_apart};
use super::tally::{SERVER, Tally};
use crate::photo::SkippedFiles;
use crate::prices::{self, Architecture, BATCH, Existing};

impl Tally {
    /// Counts a photo that went through S3. `waited` is the time from the end of its upload to its result, where it is
    /// known.
    pub(crate) fn add_result(&mut self, outcome: &Outcome, waited: Option<Duration>) {
        self.photos += 1;
        if let Some(waited) = waited {
            self.warm.round_trip.add(waited);
        }
        match outcome {
            Outcome::Error { error } => *self.failures.entry(error.code.clone()).or_default() += 1,
            Outcome::Answer(answer) => {
                self.detections += answer.detections.len() as u64;
                if !self.models.contains(&answer.model) {
                    self.models.push(answer.model.clone());
                }
                for (spread, (_, stage)) in self.warm.server.iter_mut().zip(SERVER) {
                    spread.add_ms(stage(answer));
                }
            }
        }
    }

    /// Stops the clock.
    pub(crate) fn end(&mut self) {
        self.elapsed = self.start.elapsed();
    }

    /// Counts an upload.
    pub(crate) fn add_upload(&mut self, bytes: u64, took: Duration) {
        self.photo_bytes += bytes;
        self.warm.upload.add(took);
    }
}

/// The function that photos are thought to be paid for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) architecture: Architecture,
    pub(crate) memory_mb: u32,
    /// The share of invocations whose trace is recorded.
    pub(crate) traced: f64,
    /// Photos in an invocation, on average, where any were seen.
    pub(crate) batch: Option<f64>,
    /// Photos in a message of the queue, where they were in their bucket already and nothing had to be uploaded.
    pub(crate) per_message: Option<f64>,
}

impl Cost {
    fn batches(&self) -> String {
        match self.batch {
            Some(batch) => format!("{batch:.1} photos per invocation measured"),
            None => format!("{BATCH} photos per invocation assumed"),
        }
    }

    fn estimate(&self, tally: &Tally) -> String {
        let stages = &tally.times().server;
        let work: f64 = stages.iter().map(Spread::mean).sum();
        // detect-bulk looks at one photo per vCPU at a time.
        let billed = work / DetectorOptions::threads_for_memory(self.memory_mb) as f64;
        let batch = self.batch.unwrap_or(BATCH);
        let (bill, batches) = match self.per_message {
            Some(per_message) => {
                let (architecture, memory_mb) = (self.architecture, self.memory_mb);
                let like_these = Existing {
                    photos: 1e6,
                    list_requests: 1e3,
                    per_message,
                    billed_ms: billed,
                    memory_mb,
                    architecture,
                };
                (like_these.per_thousand(), format!("{per_message} photos per message"))
            }
            None => (prices::bulk_per_thousand(self.architecture, self.memory_mb, billed, batch), self.batches()),
        };
        let bill = bill.traced(self.traced);
        format!(
            "${:.4} ({bill}; estimated: {billed:.1} ms per photo billed at {} MB on {}, {batches}; list prices of {}, {})",
            bill.total(),
            self.memory_mb,
            architecture_name(self.architecture),
            prices::REGION,
            prices::AS_OF,
        )
    }
}

/// Prints a dataset's numbers.
#[derive(Debug)]
pub(crate) struct DatasetSummary<'a> {
    /// Where photos are and where their results.
    pub(crate) places: String,
    /// With what S3 was reached: what each is called, and what it is.
    pub(crate) means: &'a [(&'static str, String)],
    pub(crate) tally: &'a Tally,
    /// Photos sent by this run.
    pub(crate) uploaded: u64,
    /// What was put on the queue, where photos were in their bucket already.
    pub(crate) queued: Option<String>,
    /// Photos that the bucket held already, with the same content.
    pub(crate) held: u64,
    /// How many were uploaded at once, where any could be.
    pub(crate) concurrency: Option<usize>,
    /// Between which moments the time from upload to result was taken.
    pub(crate) clock: Clock,
    /// `None` where no result was awaited.
    pub(crate) cost: Option<Cost>,
    /// Lines that were nobody's result: how many, and why.
    pub(crate) ignored_lines: Vec<(u64, &'static str)>,
    /// What was found and is no photo.
    pub(crate) skipped: &'a SkippedFiles,
    /// How far it came, where somebody ended it.
    pub(crate) stop: Option<Stop>,
}

impl Display for DatasetSummary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        models(f, tally)?;
        line(f, "dataset", &self.places)?;
        for (name, value) in self.means {
            line(f, name, value)?;
        }
        if let Some(concurrency) = self.concurrency {
            line(f, "uploaded", &self.uploads(concurrency))?;
        }
        if let Some(queued) = &self.queued {
            line(f, "queued", queued)?;
        }
        if self.cost.is_some() {
            found(f, tally)?;
        } else {
            failed(f, tally)?;
        }
        set_apart(f, self.skipped, self.stop)?;
        line(f, "time", &self.pace())?;
        let times = tally.times();
        if times.inference().count() > 0 {
            line(f, "average inference", &format!("{:.1} ms", times.inference().mean()))?;
        }
        if times.upload.count() > 0 {
            line(f, "average upload", &format!("{:.1} ms", times.upload.mean()))?;
        }
        if times.round_trip.count() > 0 {
            line(f, "upload to result", &self.clock.spread(&times.round_trip))?;
        }
        if let Some(cost) = self.cost.filter(|_| times.inference().count() > 0) {
            line(f, "cost per 1000", &cost.estimate(tally))?;
        }
        let ignored: Vec<String> = self
            .ignored_lines
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        if !ignored.is_empty() {
            line(f, "ignored", &ignored.join(", "))?;
        }
        Ok(())
    }
}

/// Between which moments the time from upload to result is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// From the end of the upload until the result was read, both here.
    Here,
    /// By S3's times of photo and result.
    S3,
    /// From the upload as the journal has it to S3's time of the result.
    Journal,
}

impl Clock {
    fn spread(self, spread: &Spread) -> String {
        let (unit, note) = match self {
            Self::Here => (0.01, "from the end of the upload until the result was read"),
            Self::S3 => (1.0, "by S3's timestamps, which are whole seconds"),
            Self::Journal => {
                (1.0, "from the journal's time of upload to S3's timestamp of the result, in whole seconds")
            }
        };
        let seconds = |ms: f64| match ms / 1e3 {
            short if short < unit => format!("under {unit} s"),
            long if unit < 1.0 => format!("{long:.2} s"),
            long => format!("{long:.0} s"),
        };
        let values = match spread.count() {
            1 => seconds(spread.mean()),
            // A median says more than a mean, where there is one.
            count => columns(count)
                .iter()
                .filter(|(name, _)| *name != "mean" || count == 2)
                .map(|(name, value)| format!("{name} {}", seconds(value(spread))))
                .collect::<Vec<_>>()
                .join(", "),
        };
        format!("{values} ({note})")
    }
}

impl DatasetSummary<'_> {
    fn uploads(&self, concurrency: usize) -> String {
        let megabytes = self.tally.photo_bytes as f64 / 1e6;
        let mut text = counted(self.uploaded, "photo");
        if self.uploaded > 0 {
            text += &format!(", {megabytes:.1} MB, {concurrency} at once");
        }
        if self.held > 0 {
            text += &format!("; skipped {}: already in the bucket", self.held);
        }
        text
    }

    fn pace(&self) -> String {
        let elapsed = self.tally.elapsed.as_secs_f64();
        if self.concurrency.is_none() && (self.queued.is_none() || self.cost.is_none()) {
            return format!("{elapsed:.2} s");
        }
        if self.cost.is_some() {
            return format!("{elapsed:.2} s, {:.1} photos/s", self.tally.throughput());
        }
        if self.uploaded == 0 {
            return format!("{elapsed:.2} s");
        }
        let per_second = if elapsed > 0.0 { self.uploaded as f64 / elapsed } else { 0.0 };
        format!("{elapsed:.2} s, {per_second:.1} uploads/s")
    }
}

fn architecture_name(architecture: Architecture) -> String {
    architecture.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use wire::{Answer, ImageSize, ModelRef, ThresholdsUsed, TimingsMs};

    use super::*;

    fn answered() -> Tally {
        let mut tally = Tally::begin();
        let answer = Answer {
            image: ImageSize { width: 1, height: 1 },
            detections: Vec::new(),
            model: ModelRef {
                name: "spotter-nano".to_owned(),
                note: Some("stands in".to_owned()),
                ..ModelRef::default()
            },
            thresholds: ThresholdsUsed { confidence: 0.25, iou: 0.45, max_detections: 100 },
            timings_ms: TimingsMs { decode: 2.0, inference: 8.0, total: 10.0, ..TimingsMs::default() },
            cold_start: false,
            init_ms: 0.0,
            annotated: None,
            redacted: None,
        };
        tally.add_upload(1_000_000, Duration::from_millis(30));
        tally.add_result(&Outcome::Answer(Box::new(answer)), Some(Duration::from_millis(1500)));
        let error = crate::photo::item_error("no_result", "");
        tally.add_result(&Outcome::Error { error }, None);
        tally
    }

    fn printed(tally: &Tally, cost: Option<Cost>) -> String {
        let skipped = SkippedFiles::default();
        let summary = DatasetSummary {
            places: "s3://in/ -> s3://out/".to_owned(),
            means: &[],
            tally,
            uploaded: 1,
            queued: None,
            held: 1,
            concurrency: Some(4),
            clock: Clock::Here,
            cost,
            ignored_lines: vec![(0, "repeats"), (3, "results of other photos")],
            skipped: &skipped,
            stop: None,
        };
        summary.to_string()
    }

    #[test]
    fn the_summary_has_what_was_measured_and_nothing_else() {
        let (architecture, batch) = (Architecture::Arm64, Some(50.0));
        let cost = Cost { architecture, memory_mb: 1769, traced: 0.0, batch, per_message: None };
        let text = printed(&answered(), Some(cost));
        for part in [
            "model               spotter-nano\n                    stands in\n",
            "uploaded            1 photo, 1.0 MB, 4 at once; skipped 1",
            "found               0 objects in 1 photo\n",
            "failed              1 photo (1 no_result)",
            "average inference   8.0 ms",
            "average upload      30.0 ms",
            "upload to result    1.50 s (from the end of",
            "10.0 ms per photo billed at 1769 MB on arm64, 50.0 photos per invocation measured",
            "ignored             3 results of other photos\n",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        let text = printed(&Tally::begin(), None);
        assert!(!text.contains("cost") && !text.contains("average") && text.contains("uploads/s"), "{text}");
    }

    #[test]
    fn two_processors_bill_half_the_time() {
        let (architecture, batch) = (Architecture::X86_64, Some(1.0));
        let cost =
            |memory_mb| Cost { architecture, memory_mb, traced: 0.0, batch, per_message: None }.estimate(&answered());
        assert!(cost(3538).contains("5.0 ms per photo") && cost(1024).contains("10.0 ms per photo"), "{}", cost(3538));
    }

    #[test]
    fn a_time_is_no_finer_than_its_clock() {
        let mut spread = Spread::default();
        spread.add(Duration::from_millis(3));
        assert!(Clock::S3.spread(&spread).starts_with("under 1 s ("), "{}", Clock::S3.spread(&spread));
        spread.add(Duration::from_secs(3));
        assert!(Clock::S3.spread(&spread).starts_with("mean 2 s, max 3 s ("), "{}", Clock::S3.spread(&spread));
    }
}
