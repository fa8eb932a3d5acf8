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
    /// The same card, to be saved beside the graph.
    Card(CardArgs),
    /// Try a model on photos: how its graph is read, what it finds, what looks wrong; leaves annotated photos.
    Try(TryArgs),
    /// Check a model file's SHA-256 against its card.
    Verify {
        /// A known model's name, or a path to an .onnx file named like one.
        #[arg(value_name = "NAME|PATH")]
        model: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CardArgs {
    /// A path to an .onnx file, or a known model's name.
    #[arg(value_name = "FILE")]
    pub(crate) model: String,

    /// Save it beside the graph, as NAME.toml.
    #[arg(long)]
    pub(crate) write: bool,

    /// Which card, where several may fit: 1 is the first that `model show` prints.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) reading: Option<u8>,

    /// Replace a card that is there.
    #[arg(long, requires = "write")]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TryArgs {
    /// A path to an .onnx file, a card, or a folder with both, or a known model's name.
    #[arg(value_name = "FILE")]
    pub(crate) model: String,

    /// Photos, and folders of photos.
    #[arg(value_name = "PHOTO", required = true)]
    pub(crate) photos: Vec<PathBuf>,

    /// Least score of the boxes shown [default: the model's own].
    #[arg(long)]
    pub(crate) confidence: Option<f32>,

    /// Save each photo with its boxes drawn, as a JPEG in this folder.
    #[arg(long, value_name = "DIR", default_value = "model-try")]
    pub(crate) annotate: PathBuf,
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
