//! The function on this machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::number::whole;
use super::target::{ContainerArgs, EmulatedArgs};
use crate::notice::notice;
use crate::server::ServerArgs;

/// The function's memory in MB where none is given: one vCPU.
const MEMORY: u32 = 1769;

/// How a function on this machine is found and configured; shared by `local` and by the targets.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Function on this machine")]
pub(crate) struct FunctionArgs {
    /// Model: a known name, or the path of an .onnx file (with --docker: in the image) [default: the function's].
    // One, but for a verb that takes several: there the action is another.
    #[arg(long, value_name = "NAME|PATH", action = ArgAction::Set, num_args = 1)]
    pub(crate) model: Vec<String>,

    /// Path of detect-http [default: next to this program, or in its lib/spotter].
    #[arg(long, value_name = "PATH")]
    pub(crate) function: Option<PathBuf>,

    /// Photos that the server processes in parallel [default: one per core].
    #[arg(long, value_name = "N", value_parser = whole(1_u16, 256))]
    pub(crate) sessions: Option<u16>,

    /// Threads per photo in the server [default: 1].
    #[arg(long, value_name = "N", value_parser = whole(1_u16, 256))]
    pub(crate) threads: Option<u16>,

    /// With --emulator and --docker: Lambda memory, which sets the threads (one per 1769 MB) and the price [default: 1769].
    #[arg(long, value_name = "MB", value_parser = whole(128_u32, 10_240))]
    pub(crate) memory: Option<u32>,

    /// With --emulator: number of function processes [default: one per core, at most --concurrency].
    #[arg(long, value_name = "N", value_parser = whole(1_u16, 64))]
    pub(crate) workers: Option<u16>,
}

impl FunctionArgs {
    /// MB.
    pub(crate) fn memory(&self) -> u32 {
        self.memory.unwrap_or(MEMORY)
    }

    fn model(&self) -> Option<String> {
        self.model.first().cloned()
    }

    /// As a plain server.
    pub(crate) fn server(&self) -> ServerArgs {
        let Self { function, sessions, threads, .. } = self.clone();
        ServerArgs { model: self.model(), function, sessions, threads }
    }

    /// Under the emulator.
    pub(crate) fn emulated(&self) -> EmulatedArgs {
        let Self { function, workers, .. } = self.clone();
        EmulatedArgs { model: self.model(), memory: self.memory(), function, workers }
    }

    /// In containers of an image.
    pub(crate) fn container(&self, image: String, cpus: Option<f64>) -> ContainerArgs {
        ContainerArgs { image, model: self.model(), memory: self.memory(), cpus }
    }

    /// What has an effect elsewhere only is not passed over in silence.
    pub(crate) fn warn_of_what_servers_ignore(&self) {
        if self.memory.is_some() || self.workers.is_some() {
            notice!(
                "uploader: --memory and --workers are ignored: they apply to --emulator and --docker; see --sessions and \
                 --threads"
            );
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long, value_name = "PORT", default_value_t = 9000, value_parser = whole(0_u16, u16::MAX))]
    pub(crate) port: u16,

    /// Run in the cargo-lambda emulator (`tools/setup emulator` fetches it). With RESULTS_URI set, also runs detect-bulk
    /// against the S3 that the environment names.
    #[arg(long, conflicts_with_all = ["sessions", "threads"])]
    pub(crate) emulator: bool,

    /// Print only the addresses and warnings.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Log every request, unless RUST_LOG says otherwise.
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,

    #[command(flatten)]
    pub(crate) local_stack: LocalStackArgs,
}

/// The bulk path on this machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bucket, queue and detect-bulk")]
pub(crate) struct LocalStackArgs {
    /// Also run a bucket, a queue (both in moto; `tools/setup bulk` fetches it) and detect-bulk, in the emulator.
    #[arg(long, conflicts_with_all = ["sessions", "threads"])]
    pub(crate) bulk: bool,

    /// Messages per invocation of detect-bulk, at most.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "bulk", value_parser = whole(1_u16, 1000))]
    pub(crate) batch_size: u16,

    /// Seconds to wait for a batch to fill.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, requires = "bulk", value_parser = whole(0_u16, 300))]
    pub(crate) batch_window: u16,

    /// Seconds until unprocessed messages are redelivered; a batch must not take longer [default: 30, plus 3 per message of
    /// a batch].
    #[arg(long, value_name = "SECONDS", requires = "bulk", value_parser = whole(1_u16, 43_200))]
    pub(crate) visibility: Option<u16>,

    /// Path of detect-bulk [default: next to this program].
    #[arg(long, value_name = "PATH")]
    pub(crate) bulk_function: Option<PathBuf>,
}

impl LocalArgs {
    /// The level of the functions' logs, where the environment does not say it: their requests are noise to most.
    pub(crate) fn log_level(&self) -> &'static str {
        if self.verbose { "info" } else { "warn" }
    }
}

impl LocalStackArgs {
    /// How long a received message stays hidden.
    pub(crate) fn visibility(&self) -> Duration {
        Duration::from_secs(self.visibility.map_or_else(|| 30 + 3 * u64::from(self.batch_size), u64::from))
    }
}
