//! How photos are found beside the paths of the command line.

use std::path::PathBuf;

use clap::Args;

use crate::photo::Request;

/// More ways to name photos, and what is told of the search.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Photos")]
pub(crate) struct ListArgs {
    /// Also read paths from this list, one per line or separated by NUL (find -print0) (repeatable).
    #[arg(long, value_name = "LIST")]
    pub(crate) from_file: Vec<PathBuf>,

    /// Name each skipped file; show credentials, proxy and certificates in the summary.
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

impl ListArgs {
    /// What is looked for. `instead_of_urls` tells what to do with a photo behind a URL.
    pub(crate) fn request(&self, paths: &[PathBuf], instead_of_urls: &'static str) -> Request {
        let (paths, lists) = (paths.to_vec(), self.from_file.clone());
        Request { paths, lists, verbose: self.verbose, objects: false, instead_of_urls }
    }

    /// Whether anything that can be read only once is named: standard input.
    pub(crate) fn reads_standard_input(&self, paths: &[PathBuf]) -> bool {
        paths.iter().chain(&self.from_file).any(|path| path.as_os_str() == "-")
    }
}
