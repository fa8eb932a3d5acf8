//! The function on this machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::target::{ContainerArgs, EmulatedArgs};
use crate::notice::notice;
use crate::server::ServerArgs;

/// The function's memory in MB where none is given: one vCPU.
const MEMORY: u32 = 1769;

/// How a function on this machine is found and configured; shared by `local` and by the targets.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Function on this machine")]
pub(crate) struct FunctionArgs {
    /// The model: a known name or a path (with --docker: inside the image) to an .onnx file [default: the function's
    /// own choice].
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) model: Option<String>,

    /// The function's binary [default: detect-http beside this program or where `make install` puts it].
    #[arg(long, value_name = "PATH")]
    pub(crate) function: Option<PathBuf>,

    /// Photos that the plain server looks at at once [default: the server's own, for all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) sessions: Option<u16>,

    /// Threads of the plain server for each of these photos [default: the server's own].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// With --emulator and --docker: the memory as Lambda would grant it, which decides the threads (one per 1769 MB)
    /// and the price [default: 1769].
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub(crate) memory: Option<u32>,

    /// With --emulator: how many copies of the function run [default: one per core, as many as photos under way].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
}

impl FunctionArgs {
    /// MB.
    pub(crate) fn memory(&self) -> u32 {
        self.memory.unwrap_or(MEMORY)
    }

    /// As a plain server.
    pub(crate) fn server(&self) -> ServerArgs {
        let Self { model, function, sessions, threads, .. } = self.clone();
        ServerArgs { model, function, sessions, threads }
    }

    /// Under the emulator.
    pub(crate) fn emulated(&self) -> EmulatedArgs {
        let Self { model, function, workers, .. } = self.clone();
        EmulatedArgs { model, memory: self.memory(), function, workers }
    }

    /// In containers of an image.
    pub(crate) fn container(&self, image: String, cpus: Option<f64>) -> ContainerArgs {
        ContainerArgs { image, model: self.model.clone(), memory: self.memory(), cpus }
    }

    /// What has an effect elsewhere only is not passed over in silence.
    pub(crate) fn tell_what_is_not_for_servers(&self, quiet: bool) {
        if !quiet && (self.memory.is_some() || self.workers.is_some()) {
            notice!(
                "uploader: --memory and --workers are for --emulator and --docker; the plain server takes --sessions and \
                 --threads"
            );
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    /// Port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 9000)]
    pub(crate) port: u16,

    /// Under Lambda's emulator, cargo-lambda, instead of over plain HTTP (`tools/setup emulator` fetches it). There
    /// detect-bulk runs, too, where RESULTS_URI is set, and works with whatever S3 the environment names.
    #[arg(long, conflicts_with_all = ["sessions", "threads"])]
    pub(crate) emulator: bool,

    /// Only the addresses on standard output; no log on standard error.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,

    #[command(flatten)]
    pub(crate) onebox: OneBoxArgs,
}

/// The bulk path on this machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bucket, queue and detect-bulk")]
pub(crate) struct OneBoxArgs {
    /// Run the bulk path, too, all under the emulator: a bucket and a queue (played by moto; `tools/setup bulk` fetches
    /// both), and detect-bulk behind them.
    #[arg(long, conflicts_with_all = ["sessions", "threads"])]
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
