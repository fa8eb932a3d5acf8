//! Results into tables.

use std::convert::Infallible;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use wire::S3Uri;

use super::StoreArgs;

const EXIT_CODES: &str = "Exit codes:
  0  success
  1  some results could not be read
  2  usage or configuration error
  130, 143  interrupted (Ctrl-C, SIGTERM)";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct CompactArgs {
    /// Where detect-bulk stores results (its RESULTS_URI), or a folder with a copy.
    #[arg(value_name = "RESULTS")]
    pub(crate) results: Place,

    /// Where tables go: s3://BUCKET/PREFIX or a folder.
    #[arg(value_name = "TABLES")]
    pub(crate) tables: Place,

    /// Show what would be read and written; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print only warnings.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// A folder, in S3 or on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In S3.
    S3(S3Uri),
    /// On this machine.
    Folder(PathBuf),
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("s3:") {
            return text.parse().map(Self::S3);
        }
        if text.is_empty() {
            return Err("expected s3://bucket/prefix or a folder");
        }
        let folder: Result<PathBuf, Infallible> = text.parse();
        Ok(folder.map_or_else(|never| match never {}, Self::Folder))
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(uri) => uri.fmt(f),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}
