//! Whole datasets through S3.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use glob::Pattern;
use wire::S3Uri;

use super::EXIT_CODES;
use super::ListArgs;
use super::report::ReportArgs;
use super::sending::seconds;
use crate::prices::Architecture;

const UPLOADING: &str = "Uploading";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BulkArgs {
    /// Photos, folders (searched for photos), globs, or `-` for a list on standard input.
    #[arg(required_unless_present = "from_file", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Where photos go: detect-bulk's input. A photo's key is this and its path inside the folder given.
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) bucket: S3Uri,

    /// Where detect-bulk stores results (its RESULTS_URI).
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) results: S3Uri,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Photos being checked and uploaded at once.
    #[arg(
        long,
        short,
        value_name = "N",
        help_heading = UPLOADING,
        default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub(crate) concurrency: u16,

    /// Say what would be uploaded and what the bucket already holds; upload nothing.
    #[arg(long, conflicts_with = "no_wait", help_heading = UPLOADING)]
    pub(crate) dry_run: bool,

    /// Where each upload is noted, so that a killed run continues where it stopped [default: a file for these paths and
    /// this bucket in ~/.local/state/spotter/bulk].
    #[arg(long, value_name = "FILE", help_heading = UPLOADING)]
    pub(crate) journal: Option<PathBuf>,

    /// Upload what the bucket already holds, too, and wait for new results of it.
    #[arg(long, help_heading = UPLOADING)]
    pub(crate) force: bool,

    /// Do not wait for results; `uploader collect` brings them later.
    #[arg(long, help_heading = UPLOADING)]
    pub(crate) no_wait: bool,

    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// The waiting half of `bulk` alone, also on another machine. Which results are waited for: those of the photos at PATH
/// as --bucket holds them; without PATH those of --journal, else those of everything in --bucket. With only --results,
/// whatever is there is collected and nothing is waited for.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct CollectArgs {
    /// Photos, folders, globs, or `-`, as they were given to bulk.
    #[arg(value_name = "PATH", requires = "bucket")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// Where detect-bulk stores results (its RESULTS_URI).
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) results: S3Uri,

    /// Where the photos are.
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub(crate) bucket: Option<S3Uri>,

    /// The journal of the run that uploaded the photos.
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
    /// Another S3 than AWS's, addressed path-style [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or AWS].
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// A profile of the AWS configuration [default: AWS_PROFILE].
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The buckets' region [default: AWS_REGION, the profile's; us-east-1 with another S3].
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// Which of the photos found.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Only photos whose path inside the folder given matches; may repeat. `*` matches `/`, too.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<Pattern>,

    /// Not the photos whose path inside the folder given matches; may repeat.
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<Pattern>,
}

/// How long results are waited for, and what they are thought to cost.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Results")]
pub(crate) struct WaitArgs {
    /// Give up when no upload was finished and no result has come for so many seconds. The default is a little more than
    /// a batch that failed takes to be delivered again.
    #[arg(long, value_name = "S", default_value = "1200", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// The deployed function's memory, for the estimate of what photos cost.
    #[arg(long, value_name = "MB", default_value_t = 1769, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub(crate) memory: u32,

    /// The deployed function's processor, for the same estimate.
    #[arg(long, value_enum, value_name = "ARCH", default_value_t = Architecture::X86_64)]
    pub(crate) architecture: Architecture,
}
