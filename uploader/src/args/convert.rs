//! Results in another format.

use std::path::PathBuf;

use clap::Args;

use super::{EXIT_CODES, ExportArgs, FilingArgs, ResultFormat};

/// What is converted, and into what.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ConvertArgs {
    /// Results as JSON lines: `--format jsonl`, or detect-bulk's; `-` for standard input.
    #[arg(required = true, value_name = "RESULTS")]
    pub(crate) results: Vec<PathBuf>,

    /// Only results of this model: its name, or at least 8 digits of its SHA-256.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Format of the results.
    #[arg(long, short, value_enum, help_heading = "Output")]
    pub(crate) format: ResultFormat,

    /// Write the results to this file, or folder (yolo, voc), instead of standard output.
    #[arg(long, short, value_name = "FILE|DIR", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Print only results and warnings: no summary.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) export: ExportArgs,
    #[command(flatten)]
    pub(crate) filing: FilingArgs,
}
