//! The command line: what may be asked for, in one place per noun.

mod bulk;
mod compact;
mod compare;
mod convert;
mod evaluate;
mod existing;
mod export;
mod listing;
mod local;
mod model;
mod number;
mod page;
mod report;
mod sending;
mod target;
mod target_spec;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use bulk::{BulkArgs, CollectArgs, SelectionArgs, StoreArgs, WaitArgs};
pub(crate) use compact::{CompactArgs, Place as TablePlace};
pub(crate) use compare::{CompareArgs, MeasurementArgs};
pub(crate) use convert::ConvertArgs;
pub(crate) use evaluate::EvaluateArgs;
pub(crate) use existing::ExistingArgs;
pub(crate) use export::{ExportArgs, FilingArgs, SortedAs, WithPhotos, XmpName};
pub(crate) use listing::ListArgs;
pub(crate) use local::{FunctionArgs, LocalArgs};
pub(crate) use model::{CardArgs, ModelArgs, ModelVerb, PrepareArgs, PullArgs, TryArgs};
pub(crate) use page::PageArgs;
pub(crate) use report::{ReportArgs, ResultFormat};
pub(crate) use sending::SendArgs;
pub(crate) use target::{ContainerArgs, EmulatedArgs, Place, TargetArgs, UrlArgs};
pub(crate) use target_spec::TargetSpec;

pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  success
  1  some photos failed (model: download or check failed)
  2  usage or configuration error
  3  a --fail-if condition was met
  130, 143  interrupted (Ctrl-C, SIGTERM); results so far are written and summarized";

/// Find objects in photos with the Spotter function, on this machine or in the cloud, and measure where the time goes.
#[derive(Debug, Parser)]
#[command(name = "uploader", version, after_help = EXIT_CODES, max_term_width = 120)]
pub(crate) struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Send photos to the function; print the objects found and a timing summary.
    Detect(Box<DetectArgs>),
    /// Send the same photos to two or more targets: which is faster, why, and at what cost.
    Compare(Box<CompareArgs>),
    /// Measure how well models find what is known to be in photos: COCO AP, precision and recall.
    Evaluate(Box<EvaluateArgs>),
    /// Upload photos to S3, wait for detect-bulk, and download the results.
    Bulk(Box<BulkArgs>),
    /// Wait for and download the results of an earlier bulk upload.
    Collect(Box<CollectArgs>),
    /// Turn detect-bulk's results into Parquet tables, one file per day, without repeats.
    ///
    /// Writes TABLES/date=YYYY-MM-DD/results.parquet, for Athena, DuckDB, Spark and pandas. Reads only results that no table
    /// holds and replaces each file in one step, so it may run at any time and as often as you like.
    Compact(CompactArgs),
    /// Convert saved results (JSON lines) to another format.
    ///
    /// Repeated results of a photo count once, and an answer replaces an error.
    Convert(Box<ConvertArgs>),
    /// Run the function on this machine as an HTTP server with a web page.
    Local(LocalArgs),
    /// Serve a function's page on this machine: forward what the browser asks to its URL, signed.
    Page(PageArgs),
    /// List, download, prepare, try and verify models.
    Model(ModelArgs),
    /// Print a shell completion script.
    ///
    /// For bash: `source <(uploader completions bash)`. `make install` installs those of bash, zsh and fish.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page: `uploader man detect | man -l -`.
    Man {
        /// A subcommand, such as `detect` or `model pull` [default: uploader itself].
        #[arg(value_name = "SUBCOMMAND")]
        words: Vec<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct DetectArgs {
    /// Photos, folders, globs, s3://bucket/prefix, or `-` to read a list from standard input.
    #[arg(required_unless_present_any = ["from_file", "stdin_photo"], value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Read one photo from standard input: `curl -s URL | uploader detect --stdin-photo`.
    #[arg(long, help_heading = "Photos")]
    pub(crate) stdin_photo: bool,

    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) sending: SendArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Send like the student project's client: base64 in JSON, one at a time, a new connection each.
    #[arg(long, help_heading = "Sending", conflicts_with_all = ["body", "concurrency", "resize"])]
    pub(crate) like_2023: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
