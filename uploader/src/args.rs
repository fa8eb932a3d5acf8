//! The command line: what may be asked for, in one place per noun.

mod bulk;
mod compare;
mod contender;
mod listing;
mod local;
mod model;
mod report;
mod sending;
mod target;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use bulk::{BulkArgs, CollectArgs, SelectionArgs, StoreArgs, WaitArgs};
pub(crate) use compare::{CompareArgs, CourseArgs};
pub(crate) use contender::{Contender, Kind};
pub(crate) use listing::ListArgs;
pub(crate) use local::{FunctionArgs, LocalArgs};
pub(crate) use model::{CardArgs, ModelArgs, ModelVerb, PrepareArgs, PullArgs, TryArgs};
pub(crate) use report::{ReportArgs, ResultFormat};
pub(crate) use sending::{BodyKind, SendArgs};
pub(crate) use target::{ContainerArgs, EmulatedArgs, Place, TargetArgs, UrlArgs};

pub(crate) const EXIT_CODES: &str = "Exit codes:
  0  all good
  1  some photos failed (model: the file could not be fetched, or has wrong bytes)
  2  wrong use or configuration
  3  a --fail-if condition came true
  130, 143  ended by Ctrl-C, or by a request to end: what was done by then is written and summed up";

/// Sends photos to the detection function, here or in the cloud, and tells where the time went.
#[derive(Debug, Parser)]
#[command(name = "uploader", version, after_help = EXIT_CODES, max_term_width = 120)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Post photos, print what was found and where the time went.
    Detect(Box<DetectArgs>),
    /// The same photos through two or more targets, side by side: which is faster, why, and what it costs.
    Compare(Box<CompareArgs>),
    /// Upload a dataset to S3, wait, and bring the results home.
    Bulk(Box<BulkArgs>),
    /// Bring the results of a dataset home: the waiting half of bulk.
    Collect(Box<CollectArgs>),
    /// Serve the function on this machine, for curl, a browser or another uploader.
    Local(LocalArgs),
    /// Known models: list, fetch, show, verify.
    Model(ModelArgs),
    /// Not for people: runs a command that ends when its parent does.
    #[command(name = "__child", hide = true)]
    Child(ChildArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct DetectArgs {
    /// Photos, folders (searched for photos), globs, or `-` for a list on standard input.
    #[arg(required_unless_present_any = ["from_file", "stdin_photo"], value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// One photo by standard input: `curl -s URL | uploader detect --stdin-photo`.
    #[arg(long, help_heading = "Photos")]
    pub(crate) stdin_photo: bool,

    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) sending: SendArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,

    /// Send as the student project's client did: base64 in JSON, one after the other, each on a new connection.
    #[arg(long, help_heading = "Sending", conflicts_with_all = ["body", "concurrency", "resize"])]
    pub(crate) like_2023: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChildArgs {
    /// The parent's process id, as the parent saw it.
    pub(crate) parent: i32,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
