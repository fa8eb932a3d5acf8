//! What is printed, and when a run counts as failed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::hint;
use crate::notice::notice;
use crate::photo::{Inputs, folder_of};
use crate::report::{Condition, Tally};

/// Shape of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// One line per photo.
    Text,
    /// One JSON object per line and photo.
    Jsonl,
    /// One row per detection.
    Csv,
    /// A COCO results list.
    Coco,
    /// A Parquet file, one row per photo.
    Parquet,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Format of the results. The summary goes to standard output with text, else to standard error.
    #[arg(long, short, value_enum, default_value_t = ResultFormat::Text)]
    pub(crate) format: ResultFormat,

    /// Write the results to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Save each photo with its boxes drawn, as a JPEG in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) annotate: Option<PathBuf>,

    /// Print only results and warnings: no progress, no summary.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Do not print the summary.
    #[arg(long)]
    pub(crate) no_summary: bool,

    /// Exit with 3 if this is true, for example 'p95>300ms', 'failures>1%' or 'throughput<20' (repeatable).
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<Condition>,
}

impl ReportArgs {
    /// Whether the statistics are wanted.
    pub(crate) fn sums_up(&self) -> bool {
        !self.quiet && !self.no_summary
    }

    /// What has to be known of the models that answered, where no summary says it.
    pub(crate) fn warn_of_models(&self, tally: &Tally) {
        for note in tally.models.iter().filter_map(|model| model.note.as_ref()) {
            notice!("uploader: {}", hint::here(note));
        }
    }

    /// Refuses outputs that are what is read. `places` are where in its folder `--annotate` puts photos.
    pub(crate) fn spare<'a>(&self, inputs: &Inputs, places: impl Iterator<Item = &'a Path>) -> Result<()> {
        inputs.spare_standard_output()?;
        if let Some(output) = &self.output {
            inputs.spare("--output", output)?;
        }
        let Some(folder) = &self.annotate else { return Ok(()) };
        let folders: BTreeSet<PathBuf> = places.map(|place| folder.join(folder_of(place))).collect();
        folders.iter().try_for_each(|folder| inputs.spare_drawing_in(folder))
    }
}
