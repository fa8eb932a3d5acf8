//! What is printed, and when a run counts as failed.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::photo::Inputs;
use crate::report::Condition;

/// Shape of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// One readable line per photo.
    Text,
    /// One JSON object per photo and line.
    Jsonl,
    /// One row per detection.
    Csv,
    /// A COCO results list.
    Coco,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Shape of the results. The summary goes to standard output for text, else to standard error.
    #[arg(long, short, value_enum, default_value_t = ResultFormat::Text)]
    pub(crate) format: ResultFormat,

    /// Write the results here instead of to standard output.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Save each photo with its boxes drawn, as JPEG, in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) annotate: Option<PathBuf>,

    /// Only the results: no progress, no notices, no summary.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Exit with 3 when this comes true, for example 'p95>300ms', 'failures>1%' or 'throughput<20'; may repeat.
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<Condition>,
}

impl ReportArgs {
    /// Refuses outputs that are what is read.
    pub(crate) fn spare(&self, inputs: &Inputs) -> Result<()> {
        inputs.spare_standard_output()?;
        if let Some(output) = &self.output {
            inputs.spare("--output", output)?;
        }
        match &self.annotate {
            Some(folder) => inputs.spare_drawing_in(folder),
            None => Ok(()),
        }
    }
}
