//! `uploader page`.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;

use super::UrlArgs;
use super::number::whole;
use super::sending::seconds;

#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// URL of the function.
    #[arg(long, value_name = "URL")]
    url: String,

    /// Port to listen on; 0 picks a free one.
    #[arg(long, value_name = "PORT", default_value_t = 9001, value_parser = whole(0_u16, u16::MAX))]
    pub(crate) port: u16,

    /// Address to listen on. On any but this machine's own, whoever reaches it uses the function with your credentials.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,

    /// Sign requests (SigV4) for this region [default: that of *.lambda-url.REGION.on.aws].
    #[arg(long, value_name = "REGION", conflicts_with = "no_sign")]
    sign: Option<String>,

    /// Never sign requests.
    #[arg(long)]
    no_sign: bool,

    /// Connect to this address instead of the URL's host, as for a tunnel.
    #[arg(long, value_name = "HOST:PORT")]
    connect_to: Option<String>,

    /// Seconds to wait for a response of the function.
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,

    /// Print only the address and warnings.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl PageArgs {
    /// The function, and how it is asked.
    pub(crate) fn target(&self) -> UrlArgs {
        let Self { url, sign, no_sign, connect_to, .. } = self;
        UrlArgs { url: url.clone(), sign: sign.clone(), no_sign: *no_sign, connect_to: connect_to.clone() }
    }
}
