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
    /// List known models and their files on this machine.
    List,
    /// Download a known model; resumes an interrupted download.
    Pull(PullArgs),
    /// Make a model load and run faster, with the same boxes; the functions then use the prepared file.
    Prepare(PrepareArgs),
    /// The card in use, also where it is inferred from the graph, ready to be saved as model.toml.
    Show {
        /// A known model's name, or a path to an .onnx file, a card, or a folder with both.
        #[arg(value_name = "NAME|PATH")]
        model: String,
    },
    /// Check a model file's SHA-256 against its card.
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

    /// Download from this folder, file or URL [default: the card's source].
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) from: Option<String>,

    /// Save the file in this folder [default: the user's cache].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Print no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PrepareArgs {
    /// A known model's name, or a path to an .onnx file.
    #[arg(value_name = "NAME|PATH")]
    pub(crate) model: String,

    /// Photos to check: the prepared model must find the same boxes in them.
    #[arg(value_name = "PHOTO")]
    pub(crate) photos: Vec<PathBuf>,

    /// Write the prepared model to this file [default: NAME.prepared.onnx next to the model, or in the user's cache if that
    /// folder is not writable].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
