//! Where photos can be sent. One file per kind of target.

pub(crate) mod check;
mod docker;
mod emulator;
mod local;
mod query;
mod reply;
#[cfg(feature = "aws")]
mod signer;
#[cfg(not(feature = "aws"))]
#[path = "target/no_signer.rs"]
mod signer;
mod slot;
mod url;

use std::future::{pending, ready};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use tokio::sync::{MutexGuard, SemaphorePermit};
use wire::{Answer, ItemError};

use crate::args::Place;
use crate::link::{Endpoint, Reply, Tls};
use crate::photo::Payload;

pub(crate) use docker::DockerTarget;
pub(crate) use emulator::{EmulatorTarget, cores};
pub(crate) use local::LocalTarget;
pub(crate) use reply::Failure;
pub(crate) use slot::Slot;
pub(crate) use url::UrlTarget;

/// Where one photo goes.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    /// Where connections go.
    pub(crate) endpoint: Endpoint,
    /// Which of the target's processes is there.
    pub(crate) number: usize,
    /// Keeps others away, where only so many calls at a time are borne.
    _turn: Option<Turn<'a>>,
}

/// The right to a worker; it goes to the next in the queue when this is dropped.
#[derive(Debug)]
enum Turn<'a> {
    /// Of one worker.
    Only { _guard: MutexGuard<'a, ()> },
    /// Of one among several that are alike.
    Any { _permit: SemaphorePermit<'a> },
}

/// Something that answers photos with boxes.
pub(crate) trait Target: Send + Sync {
    /// What it is called in the output.
    fn title(&self) -> String;

    /// With what it is reached, for those who want to know: what each is called, and what it is.
    fn means(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Where its connections go; the first of several places.
    fn endpoint(&self) -> &Endpoint;

    /// Where one slot's next photo goes. Waits until a worker is free, and while whoever is there is being replaced.
    ///
    /// # Errors
    /// When nobody is left to whom it could go.
    fn lease(&self, slot: usize) -> BoxFuture<'_, Result<Lease<'_>, Failure>> {
        Box::pin(ready(Ok(Lease { endpoint: self.endpoint().clone(), number: slot, _turn: None })))
    }

    /// The request that carries a photo. Made anew for each try: signatures age.
    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>>;

    /// What a reply from there means.
    fn read(&self, reply: &Reply, _lease: &Lease<'_>) -> Result<Answer, Failure> {
        reply::read(reply)
    }

    /// The most requests it bears at once.
    fn most_at_once(&self) -> Option<usize> {
        None
    }

    /// Comes to an end when a request under way may have lost whoever worked on it.
    fn interrupted(&self, _lease: &Lease<'_>) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    /// Notes that a request was given up on which somebody may still be at work.
    fn abandoned(&self, _lease: &Lease<'_>) {}
}

/// What a target is opened for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenOptions {
    /// How many photos will be under way at once.
    pub(crate) at_once: usize,
    /// After how long an answer is given up.
    pub(crate) timeout: Duration,
    /// Whether to keep notices back.
    pub(crate) quiet: bool,
}

/// Makes the chosen target ready.
pub(crate) async fn open(place: &Place, open_options: &OpenOptions) -> Result<Box<dyn Target>> {
    Ok(match place {
        Place::Local(args) => Box::new(LocalTarget::start(args.clone(), open_options.at_once).await?),
        Place::Emulator(args) => Box::new(EmulatorTarget::start(args, open_options.at_once).await?),
        Place::Docker(args) => Box::new(DockerTarget::start(args, open_options).await?),
        Place::Url(args) => {
            let target = UrlTarget::open(args).await?;
            check::health(&target, open_options.quiet).await?;
            Box::new(target)
        }
    })
}

/// With what a target is reached, for the summary.
pub(crate) fn means(target: &dyn Target, tls: Option<&Tls>) -> Vec<(&'static str, String)> {
    let mut means = target.means();
    means.extend(tls.map(|tls| ("certificates", tls.trusted_by().to_owned())));
    means
}

/// The failure of every photo that comes when a target has been given up.
fn nobody_left(reason: &str) -> Failure {
    Failure::lasting(crate::photo::item_error("function_lost", format!("The function cannot be restarted: {reason}")))
}
