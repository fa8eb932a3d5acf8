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
    /// Make a graph load and run faster, with the same answers; from then on the functions take what was prepared.
    Prepare(PrepareArgs),
    /// The card in use, also where it is inferred from the graph, ready to be saved as model.toml.
    Show {
        /// A known model's name, or a path to an .onnx file, a card, or a folder with both.
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

#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    /// A known model's name, or a path to an .onnx file.
    #[arg(value_name = "NAME|PATH")]
    pub(crate) model: String,

    /// Photos on which the graph and what is made of it must find the same boxes.
    #[arg(value_name = "PHOTO")]
    pub(crate) photos: Vec<PathBuf>,

    /// Where the prepared graph goes [default: beside the graph, as NAME.prepared.onnx; where that folder cannot be written
    /// to, the user's cache].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
