//! The function on this machine.

use std::path::PathBuf;
use std::time::Duration;

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

    /// Only the addresses on standard output; no log on standard error.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,

    /// How many copies of each function run [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,

    #[command(flatten)]
    pub(crate) onebox: OneBoxArgs,
}

/// The bulk path on this machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bucket, queue and detect-bulk")]
pub(crate) struct OneBoxArgs {
    /// Run the bulk path, too: a bucket and a queue (played by moto), and detect-bulk behind them. Without this,
    /// detect-bulk runs where RESULTS_URI is set, and works with whatever S3 the environment names.
    #[arg(long)]
    pub(crate) bulk: bool,

    /// Most messages that one call of detect-bulk gets.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "bulk", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) batch_size: u16,

    /// Seconds that a batch may take to fill.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, requires = "bulk", value_parser = clap::value_parser!(u16).range(0..=300))]
    pub(crate) batch_window: u16,

    /// Seconds after which messages that were handed back, or whose worker died, come again; a batch must not take
    /// longer [default: 30, and 3 for each message of a batch].
    #[arg(long, value_name = "SECONDS", requires = "bulk", value_parser = clap::value_parser!(u16).range(1..=43_200))]
    pub(crate) visibility: Option<u16>,

    /// The binary behind the bucket [default: detect-bulk beside this program].
    #[arg(long, value_name = "PATH")]
    pub(crate) bulk_function: Option<PathBuf>,
}

impl OneBoxArgs {
    /// How long a received message stays hidden.
    pub(crate) fn visibility(&self) -> Duration {
        Duration::from_secs(self.visibility.map_or_else(|| 30 + 3 * u64::from(self.batch_size), u64::from))
    }
}
