//! Where photos go.

use std::path::PathBuf;

use clap::Args;

use super::FunctionArgs;
use crate::link::{Endpoint, is_function_url};
use crate::server::ServerArgs;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// The function on this machine, as an HTTP server on all cores (default).
    #[arg(long)]
    pub(crate) local: bool,

    /// The function on this machine, in the cargo-lambda emulator (`tools/setup emulator` fetches it).
    #[arg(long, conflicts_with_all = ["local", "sessions", "threads"])]
    pub(crate) emulator: bool,

    /// URL of a function.
    #[arg(long, value_name = "URL", conflicts_with_all = ["local", "emulator", "model", "function", "workers", "sessions", "threads"])]
    pub(crate) url: Option<String>,

    /// A container image in Docker on this machine, with Lambda's limits; one container per photo in flight.
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["local", "emulator", "url", "function", "workers", "sessions", "threads"])]
    pub(crate) docker: Option<String>,

    /// With --docker: CPUs per container [default: as in Lambda, one per 1769 MB of --memory].
    #[arg(long, value_name = "N", requires = "docker", value_parser = cpus)]
    pub(crate) cpus: Option<f64>,

    /// Sign requests (SigV4) for this region [default: that of *.lambda-url.REGION.on.aws].
    #[arg(long, value_name = "REGION", requires = "url", conflicts_with = "no_sign")]
    pub(crate) sign: Option<String>,

    /// Never sign requests.
    #[arg(long, requires = "url")]
    pub(crate) no_sign: bool,

    /// Connect to this address instead of the URL's host, as for a tunnel.
    #[arg(long, value_name = "HOST:PORT", requires = "url")]
    pub(crate) connect_to: Option<String>,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,
}

/// A target, not yet opened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// The function on this machine, over plain HTTP.
    Local(ServerArgs),
    /// The same under Lambda's emulator.
    Emulator(EmulatedArgs),
    /// Containers on this machine.
    Docker(ContainerArgs),
    /// Wherever a URL leads.
    Url(UrlArgs),
}

/// A function under the emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmulatedArgs {
    pub(crate) model: Option<String>,
    /// MB.
    pub(crate) memory: u32,
    pub(crate) function: Option<PathBuf>,
    /// Copies; as many as there are cores where it is not said.
    pub(crate) workers: Option<u16>,
}

/// An image and its limits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContainerArgs {
    pub(crate) image: String,
    pub(crate) model: Option<String>,
    /// MB.
    pub(crate) memory: u32,
    /// As the memory buys where it is not said.
    pub(crate) cpus: Option<f64>,
}

/// A URL and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlArgs {
    pub(crate) url: String,
    pub(crate) sign: Option<String>,
    pub(crate) no_sign: bool,
    pub(crate) connect_to: Option<String>,
}

impl Place {
    /// Whether what Lambda takes at most holds there.
    pub(crate) fn is_lambda(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Emulator(_) | Self::Docker(_) => true,
            Self::Url(args) => Endpoint::parse(&args.url).is_ok_and(|endpoint| is_function_url(&endpoint.host)),
        }
    }
}

impl TargetArgs {
    /// The target that was chosen.
    pub(crate) fn place(&self) -> Place {
        let Self { url, docker, emulator, function, .. } = self;
        match (url, docker, emulator) {
            (Some(url), _, _) => Place::Url(UrlArgs {
                url: url.clone(),
                sign: self.sign.clone(),
                no_sign: self.no_sign,
                connect_to: self.connect_to.clone(),
            }),
            (None, Some(image), _) => Place::Docker(function.container(image.clone(), self.cpus)),
            (None, None, true) => Place::Emulator(function.emulated()),
            (None, None, false) => {
                function.warn_of_what_servers_ignore();
                Place::Local(function.server())
            }
        }
    }
}

pub(super) fn cpus(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|cpus: &f64| *cpus >= 0.01 && cpus.is_finite())
        .ok_or_else(|| "must be at least 0.01".to_owned())
}
