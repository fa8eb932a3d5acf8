//! The function on this machine, over plain HTTP, on a free port.

use anyhow::Result;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use wire::{Answer, ItemError};

use super::url::UrlTarget;
use super::{Failure, Seat, Target, nobody_left, reply};
use crate::link::{Endpoint, Reply};
use crate::photo::Payload;
use crate::post::Post;
use crate::server::{Audience, Server, ServerArgs};

/// A running server and the way to it.
pub(crate) struct LocalTarget {
    title: String,
    post: Post,
    url: UrlTarget,
}

impl LocalTarget {
    /// Starts the server and waits until it answers.
    pub(crate) async fn start(args: ServerArgs, at_once: usize) -> Result<Self> {
        let title = title(&args);
        let post = Post::man(Server::find(args, Audience::Ourselves { at_once })?).await?;
        let base = post.endpoint().await.map_err(anyhow::Error::msg)?;
        Ok(Self { title, url: UrlTarget::unsigned(&base.url())?, post })
    }
}

impl Target for LocalTarget {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn endpoint(&self) -> &Endpoint {
        self.url.endpoint()
    }

    fn seat(&self, slot: usize) -> BoxFuture<'_, Result<Seat<'_>, Failure>> {
        Box::pin(async move {
            // Whoever comes next takes the same port.
            self.post.endpoint().await.map_err(|reason| nobody_left(&reason))?;
            Ok(Seat { endpoint: self.url.endpoint().clone(), number: slot, _turn: None })
        })
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        self.url.request(payload)
    }

    fn read(&self, reply: &Reply, _seat: &Seat<'_>) -> Result<Answer, Failure> {
        self.post.answered();
        reply::read(reply)
    }

    fn disturbed(&self, _seat: &Seat<'_>) -> BoxFuture<'_, ()> {
        Box::pin(self.post.disturbed())
    }
}

fn title(args: &ServerArgs) -> String {
    let settings =
        [("model", args.model.clone()), ("sessions", number(args.sessions)), ("threads", number(args.threads))];
    let settings = settings.into_iter().filter_map(|(name, value)| Some(format!(", {name} {}", value?)));
    format!("the function on this machine{}", settings.collect::<String>())
}

fn number(number: Option<u16>) -> Option<String> {
    number.map(|number| number.to_string())
}
