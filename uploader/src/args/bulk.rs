//! Whole datasets through S3.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use glob::Pattern;
use wire::S3Uri;

use super::number::{share, whole};
use super::report::ReportArgs;
use super::sending::seconds;
use super::{EXIT_CODES, ExistingArgs, ListArgs};
use crate::prices::Architecture;

const UPLOADING: &str = "Uploading";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BulkArgs {
    /// Photos, folders, globs, or `-` to read a list from standard input.
    #[arg(required_unless_present_any = ["from_file", "existing"], value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Upload to this prefix, detect-bulk's input. A photo's key is the prefix and its path in the folder given.
    #[arg(long, value_name = "s3://BUCKET/PREFIX", required_unless_present = "existing")]
    pub(crate) bucket: Option<S3Uri>,

    /// Where detect-bulk stores results (its RESULTS_URI).
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) results: S3Uri,

    #[command(flatten)]
    pub(crate) existing: ExistingArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Number of photos to check and upload in parallel; with --existing, of requests that list.
    #[arg(
        long,
        short,
        value_name = "N",
        help_heading = UPLOADING,
        default_value_t = 16,
        value_parser = whole(1_u16, 1000)
    )]
    pub(crate) concurrency: u16,

    /// Show what would be uploaded; upload nothing. With --existing: count, cost and duration; queue nothing.
    #[arg(long, conflicts_with = "no_wait", help_heading = UPLOADING)]
    pub(crate) dry_run: bool,

    /// File that records what was uploaded or queued, so that an interrupted run resumes [default: one per paths and
    /// bucket, in ~/.local/state/spotter/bulk].
    #[arg(long, value_name = "FILE", help_heading = UPLOADING)]
    pub(crate) journal: Option<PathBuf>,

    /// Also upload photos that are already in the bucket, or queue those that were queued before, and wait for new results.
    #[arg(long, help_heading = UPLOADING)]
    pub(crate) force: bool,

    /// Do not wait for results; `uploader collect` downloads them later.
    #[arg(long, help_heading = UPLOADING)]
    pub(crate) no_wait: bool,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// Waits for and downloads the results of an earlier bulk upload, on this machine or another. Waits for the results of the
/// photos at PATH; without PATH, for those in --journal, else for everything in --bucket. With --results alone, downloads
/// what is there and does not wait.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct CollectArgs {
    /// Photos, folders, globs, or `-`, as given to bulk.
    #[arg(value_name = "PATH", requires = "bucket")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Where detect-bulk stores results (its RESULTS_URI).
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) results: S3Uri,

    /// Prefix the photos were uploaded to.
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) bucket: Option<S3Uri>,

    /// Journal of the bulk run that uploaded the photos.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// Which S3.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "S3")]
pub(crate) struct StoreArgs {
    /// S3 endpoint, addressed path-style [default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, or AWS].
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// AWS profile [default: $AWS_PROFILE].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Region of the buckets [default: $AWS_REGION, the profile's; us-east-1 with --endpoint-url].
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// Which of the photos found.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Only photos whose path in the folder given matches (repeatable); `*` also matches `/`.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<Pattern>,

    /// Skip photos whose path in the folder given matches (repeatable).
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<Pattern>,
}

/// How long results are waited for, and what they are thought to cost.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct WaitArgs {
    /// Give up after this many seconds without an upload or a result. The default allows for a failed batch to be
    /// redelivered.
    #[arg(long, value_name = "S", default_value = "1200", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Memory of the deployed function, for the cost estimate.
    #[arg(long, value_name = "MB", default_value_t = 1769, value_parser = whole(128_u32, 10_240))]
    pub(crate) memory: u32,

    /// Processor of the deployed function, for the cost estimate.
    #[arg(long, value_enum, value_name = "ARCH", default_value_t = Architecture::X86_64)]
    pub(crate) architecture: Architecture,

    /// Share of batches, 0 to 1, whose trace X-Ray records, for the cost estimate: the template's Tracing=Active takes 0.05
    /// and one a second.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(crate) traced: f64,
}
