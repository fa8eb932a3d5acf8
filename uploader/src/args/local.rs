//! The function on this machine.

use std::path::PathBuf;

use clap::Args;

/// How the local function is found and configured; shared by `local` and by the `--local` target.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Local function")]
pub(crate) struct FunctionArgs {
    /// The model: a known name or a path (with --docker: inside the image) to an .onnx file [default: the function's
    /// own choice].
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) model: Option<String>,

    /// The function's memory as Lambda would grant it; decides its threads (one per 1769 MB).
    #[arg(long, value_name = "MB", default_value_t = 1769, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub(crate) memory: u32,

    /// The function's binary [default: detect-http beside this program].
    #[arg(long, value_name = "PATH")]
    pub(crate) function: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,

    /// How many copies of the function run [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,

    /// Only the URL on standard output; no log of the function on standard error.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}
