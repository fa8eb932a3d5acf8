//! The function on this machine under Lambda's emulator, on a free port.

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use tokio::sync::Semaphore;
use wire::ItemError;

use super::url::UrlTarget;
use super::{Failure, Lease, Target, Turn, nobody_left};
use crate::args::EmulatedArgs;
use crate::emulator::{DETECT_HTTP, Emulator, Function};
use crate::link::Endpoint;
use crate::photo::Payload;

/// A running emulator and the way to its function.
pub(crate) struct EmulatorTarget {
    emulator: Emulator,
    url: UrlTarget,
    workers: u16,
    /// One for each worker. The emulator's own queue does not say how long anybody stood in it.
    free: Semaphore,
}

impl EmulatorTarget {
    /// Starts the function and waits until it answers.
    pub(crate) async fn start(args: &EmulatedArgs, at_once: usize) -> Result<Self> {
        let most = u16::try_from(at_once).unwrap_or(u16::MAX);
        let workers = args.workers.unwrap_or_else(cores).min(most).max(1);
        let function = Function::detect_http(args, workers)?;
        let emulator = Emulator::start(0, vec![function], false).await?;
        let url = UrlTarget::unsigned(&emulator.url(DETECT_HTTP))?;
        Ok(Self { emulator, url, workers, free: Semaphore::new(workers.into()) })
    }
}

impl Target for EmulatorTarget {
    fn title(&self) -> String {
        let copies = if self.workers == 1 { String::new() } else { format!(", {} processes", self.workers) };
        format!("local emulator{copies}")
    }

    fn endpoint(&self) -> &Endpoint {
        self.url.endpoint()
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        self.url.request(payload)
    }

    fn lease(&self, slot: usize) -> BoxFuture<'_, Result<Lease<'_>, Failure>> {
        Box::pin(async move {
            // It is never closed.
            let turn = self.free.acquire().await.ok().map(|permit| Turn::Any { _permit: permit });
            match self.emulator.given_up() {
                Some(reason) => Err(nobody_left(&reason)),
                None => Ok(Lease { endpoint: self.url.endpoint().clone(), number: slot, _turn: turn }),
            }
        })
    }

    fn interrupted(&self, _lease: &Lease<'_>) -> BoxFuture<'_, ()> {
        Box::pin(self.emulator.interrupted(DETECT_HTTP))
    }
}

/// One copy of the function for each core.
pub(crate) fn cores() -> u16 {
    std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(64).min(64))
}
