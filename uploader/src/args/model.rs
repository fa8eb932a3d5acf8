//! Known models.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    pub(crate) verb: ModelVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelVerb {
    /// The known models and where each is found on this machine.
    List,
    /// Fetch a known model; an interrupted download goes on where it ended.
    Pull(PullArgs),
    /// A model's card.
    Show {
        /// A known model's name, or a path to an .onnx file.
        #[arg(value_name = "NAME|PATH")]
        model: String,
    },
    /// Compare a model file's digest with its card.
    Verify {
        /// A known model's name, or a path to an .onnx file named like one.
        #[arg(value_name = "NAME|PATH")]
        model: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// A known model's name.
    pub(crate) name: String,

    /// Fetch from this mirror: a folder, a file, or the URL of either [default: the card's source].
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) from: Option<String>,

    /// Where the file goes [default: the user's cache].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// No progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
