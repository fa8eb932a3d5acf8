//! The function on this machine, over plain HTTP, on a free port.

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use wire::{Answer, ItemError};

use super::url::UrlTarget;
use super::{Failure, Lease, Target, nobody_left, reply};
use crate::link::{Endpoint, Reply};
use crate::photo::Payload;
use crate::server::{Access, Server, ServerArgs};
use crate::supervisor::Supervisor;

/// A running server and the way to it.
pub(crate) struct LocalTarget {
    title: String,
    supervisor: Supervisor,
    url: UrlTarget,
}

impl LocalTarget {
    /// Starts the server and waits until it answers.
    pub(crate) async fn start(args: ServerArgs, at_once: usize) -> Result<Self> {
        let title = title(&args);
        let supervisor = Supervisor::start(Server::find(args, Access::Private { at_once })?).await?;
        let base = supervisor.endpoint().await.map_err(anyhow::Error::msg)?;
        Ok(Self { title, url: UrlTarget::unsigned(&base.url())?, supervisor })
    }
}

impl Target for LocalTarget {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn endpoint(&self) -> &Endpoint {
        self.url.endpoint()
    }

    fn lease(&self, slot: usize) -> BoxFuture<'_, Result<Lease<'_>, Failure>> {
        Box::pin(async move {
            // Whoever comes next takes the same port.
            self.supervisor.endpoint().await.map_err(|reason| nobody_left(&reason))?;
            Ok(Lease { endpoint: self.url.endpoint().clone(), number: slot, _turn: None })
        })
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        self.url.request(payload)
    }

    fn read(&self, reply: &Reply, _lease: &Lease<'_>) -> Result<Answer, Failure> {
        self.supervisor.answered();
        reply::read(reply)
    }

    fn interrupted(&self, _lease: &Lease<'_>) -> BoxFuture<'_, ()> {
        Box::pin(self.supervisor.interrupted())
    }
}

fn title(args: &ServerArgs) -> String {
    let settings =
        [("model", args.model.clone()), ("sessions", number(args.sessions)), ("threads", number(args.threads))];
    let settings = settings.into_iter().filter_map(|(name, value)| Some(format!(", {name} {}", value?)));
    format!("local server{}", settings.collect::<String>())
}

fn number(number: Option<u16>) -> Option<String> {
    number.map(|number| number.to_string())
}
