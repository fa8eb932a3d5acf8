//! Where photos go.

use clap::Args;

use super::FunctionArgs;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// The function built here, under the Lambda emulator (the default).
    #[arg(long)]
    pub(crate) local: bool,

    /// A function's URL: its base, or its /detect.
    #[arg(long, value_name = "URL", conflicts_with_all = ["local", "model", "function", "workers"])]
    pub(crate) url: Option<String>,

    /// A container image, in Docker on this machine, limited as Lambda limits: one container per photo under way.
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["local", "url", "function", "workers"])]
    pub(crate) docker: Option<String>,

    /// With --docker: CPUs of each container [default: as Lambda grants, one per 1769 MB of --memory].
    #[arg(long, value_name = "N", requires = "docker", value_parser = cpus)]
    pub(crate) cpus: Option<f64>,

    /// Sign requests (SigV4) for this region. Hosts named *.lambda-url.REGION.on.aws are signed without being asked.
    #[arg(long, value_name = "REGION", requires = "url", conflicts_with = "no_sign")]
    pub(crate) sign: Option<String>,

    /// Never sign requests.
    #[arg(long, requires = "url")]
    pub(crate) no_sign: bool,

    /// Connect here instead of where the URL's host name leads: a tunnel, or one address of several.
    #[arg(long, value_name = "HOST:PORT", requires = "url")]
    pub(crate) connect_to: Option<String>,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,

    /// With --local: how many copies of the function run [default: one per core, never more than --concurrency].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
}

pub(super) fn cpus(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|cpus: &f64| *cpus >= 0.01 && cpus.is_finite())
        .ok_or_else(|| "give a number of CPUs, 0.01 or more".to_owned())
}
