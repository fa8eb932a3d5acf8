//! The function built here, under the emulator, on a free port.

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use wire::ItemError;

use super::Target;
use super::url::UrlTarget;
use crate::args::TargetArgs;
use crate::emulator::{DETECT_HTTP, Emulator, Function};
use crate::link::Endpoint;
use crate::photo::Payload;

/// A running emulator and the way to its function.
pub(crate) struct LocalTarget {
    emulator: Emulator,
    url: UrlTarget,
    workers: u16,
}

impl LocalTarget {
    /// Starts the function and waits until it answers.
    pub(crate) async fn start(args: &TargetArgs, concurrency: u16) -> Result<Self> {
        let workers = args.workers.unwrap_or_else(cores).min(concurrency).max(1);
        let function = Function::detect_http(&args.function, workers)?;
        let emulator = Emulator::start(0, vec![function], false).await?;
        let url = UrlTarget::unsigned(&emulator.url(DETECT_HTTP))?;
        Ok(Self { emulator, url, workers })
    }
}

impl Target for LocalTarget {
    fn title(&self) -> String {
        let copies = if self.workers == 1 { String::new() } else { format!(", {} copies", self.workers) };
        format!("the function on this machine{copies}")
    }

    fn endpoint(&self) -> &Endpoint {
        self.url.endpoint()
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        self.url.request(payload)
    }

    fn disturbed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.emulator.disturbed(DETECT_HTTP))
    }

    fn lost(&self) -> BoxFuture<'_, anyhow::Error> {
        Box::pin(self.emulator.lost())
    }
}

/// One copy of the function for each core.
pub(crate) fn cores() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(64).min(64))
}
