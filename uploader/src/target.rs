//! Where photos can be sent. One file per kind of target.

mod docker;
mod local;
mod reply;
mod signer;
mod url;

use std::future::pending;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use wire::{Answer, ItemError};

use crate::args::TargetArgs;
use crate::link::{Endpoint, Reply};
use crate::photo::Payload;

pub(crate) use docker::DockerTarget;
pub(crate) use local::{LocalTarget, cores};
pub(crate) use reply::Failure;
pub(crate) use signer::{CREDENTIALS_HELP, LONGEST_SEARCH};
pub(crate) use url::UrlTarget;

/// Longest wait for a connection.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Something that answers photos with boxes.
pub(crate) trait Target: Send + Sync {
    /// What it is called in the output.
    fn title(&self) -> String;

    /// Where its connections go.
    fn endpoint(&self) -> &Endpoint;

    /// Where one slot's connections go, for targets whose slots go different ways.
    fn place(&self, _slot: usize) -> &Endpoint {
        self.endpoint()
    }

    /// The request that carries a photo. Made anew for each try: signatures age.
    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>>;

    /// What a reply means.
    fn read(&self, reply: &Reply) -> Result<Answer, Failure> {
        reply::read(reply)
    }

    /// The most requests it bears at once.
    fn most_at_once(&self) -> Option<usize> {
        None
    }

    /// Comes to an end when requests under way may have lost whoever worked on them.
    fn disturbed(&self) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    /// Comes to an end, with the reason, when the target is gone for good.
    fn lost(&self) -> BoxFuture<'_, anyhow::Error> {
        Box::pin(pending())
    }
}

/// Makes the chosen target ready. `concurrency` is how many photos will be under way at once.
pub(crate) async fn open(args: &TargetArgs, concurrency: u16, quiet: bool) -> Result<Box<dyn Target>> {
    match (&args.url, &args.docker) {
        (Some(url), _) => Ok(Box::new(UrlTarget::open(url, args, quiet).await?)),
        (None, Some(image)) => Ok(Box::new(DockerTarget::start(image, args, concurrency).await?)),
        (None, None) => Ok(Box::new(LocalTarget::start(args, concurrency).await?)),
    }
}
