//! A container image on this machine, behind the Lambda emulator inside it: one container for each photo under way.

mod answer;
mod event;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::future::{BoxFuture, try_join_all};
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wire::{Answer, ItemError};

use super::{CONNECT_WITHIN, Failure, Target, reply};
use crate::args::TargetArgs;
use crate::container::{Container, Image, Spec, cpus};
use crate::emulator::DETECT_HTTP;
use crate::link::{Connection, Endpoint, LinkError, Phases, Reply};
use crate::photo::Payload;

/// The one path that the emulator has.
const INVOKE: &str = "/2015-03-31/functions/function/invocations";
/// The emulator loads the function within its first call: a large model on a busy machine takes a while.
const READY_WITHIN: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);
/// Memory that buys one CPU.
const MB_PER_CPU: f64 = 1769.0;

/// Running containers and the ways to them.
pub(crate) struct DockerTarget {
    title: String,
    places: Vec<Endpoint>,
    lost: watch::Receiver<Option<String>>,
    /// Each holds a container.
    _watches: JoinSet<()>,
}

impl DockerTarget {
    /// Starts as many containers as photos will be under way, and waits until each answers.
    pub(crate) async fn start(image: &str, args: &TargetArgs, concurrency: u16) -> Result<Self> {
        let available = f64::from(cpus().await?);
        let inspected = Image::inspect(image).await.with_context(|| format!("--docker {image}"))?;
        let cpus = args.cpus.unwrap_or_else(|| granted(args.function.memory).min(available));
        if cpus > available {
            bail!("--cpus {cpus}: docker's engine has {available}");
        }
        let spec = Spec {
            image: image.to_owned(),
            handler: if inspected.has_command() { None } else { Some(DETECT_HTTP) },
            memory: args.function.memory,
            cpus,
            model: args.function.model.clone(),
        };
        let copies = usize::from(concurrency.max(1));
        let ready = try_join_all((0..copies).map(|_| ready(&spec))).await?;

        let (tell, lost) = watch::channel(None);
        let mut places = Vec::with_capacity(copies);
        let mut watches = JoinSet::new();
        for (mut container, place) in ready {
            places.push(place);
            let tell = tell.clone();
            watches.spawn(async move {
                let reason = container.ended().await;
                tell.send_replace(Some(reason));
            });
        }
        Ok(Self { title: title(&spec, copies), places, lost, _watches: watches })
    }
}

impl Target for DockerTarget {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn endpoint(&self) -> &Endpoint {
        &self.places[0]
    }

    fn place(&self, slot: usize) -> &Endpoint {
        &self.places[slot % self.places.len()]
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        Box::pin(async move { invocation(event::photo(payload)?) })
    }

    fn read(&self, reply: &Reply) -> Result<Answer, Failure> {
        reply::read(&answer::unwrap(reply)?)
    }

    fn most_at_once(&self) -> Option<usize> {
        Some(self.places.len())
    }

    fn lost(&self) -> BoxFuture<'_, anyhow::Error> {
        let mut lost = self.lost.clone();
        Box::pin(async move {
            let reason = lost.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
            match reason {
                Some(reason) => anyhow::Error::msg(reason),
                None => std::future::pending().await,
            }
        })
    }
}

/// A container that answers.
async fn ready(spec: &Spec) -> Result<(Container, Endpoint)> {
    let mut container = Container::start(spec).await?;
    let place = Endpoint::parse(&format!("http://127.0.0.1:{}{INVOKE}", container.port()))?;
    let failed = tokio::select! {
        answered = timeout(READY_WITHIN, answers(&place)) => match answered {
            Ok(Ok(())) => return Ok((container, place)),
            Ok(Err(why)) => why,
            Err(_) => format!("the function does not answer within {} s", READY_WITHIN.as_secs()),
        },
        reason = container.ended() => bail!(reason),
    };
    bail!(container.complaint(&failed))
}

/// Asks `GET /health` until the emulator listens, and waits for its one answer: a second call beside the first is more
/// than it bears.
async fn answers(place: &Endpoint) -> Result<(), String> {
    loop {
        let reply = match ask(place).await {
            Ok(reply) => reply,
            // Docker's proxy takes connections before anybody listens behind it.
            Err(LinkError::Connect { .. } | LinkError::ConnectTimeout { .. } | LinkError::Broken(_)) => {
                sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let reply = answer::unwrap(&reply).map_err(|failure| failure.error.message)?;
        if reply.status.is_success() {
            return Ok(());
        }
        return Err(format!("the function is not well ({}: {})", reply.status, String::from_utf8_lossy(&reply.body)));
    }
}

async fn ask(place: &Endpoint) -> Result<Reply, LinkError> {
    let request = invocation(event::health()).map_err(|error| LinkError::Broken(error.message))?;
    let mut phases = Phases::default();
    Connection::open(place, None, CONNECT_WITHIN, &mut phases).await?.exchange(request, &mut phases).await
}

/// The request that carries an event.
fn invocation(event: Vec<u8>) -> Result<Request<Full<Bytes>>, ItemError> {
    Request::post(INVOKE)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(event.into()))
        .map_err(|error| crate::photo::item_error("request", format!("The request cannot be made: {error}.")))
}

/// The CPUs that Lambda grants with so much memory.
fn granted(memory: u32) -> f64 {
    (f64::from(memory) / MB_PER_CPU * 100.0).round() / 100.0
}

fn title(spec: &Spec, copies: usize) -> String {
    let Spec { image, memory, cpus, .. } = spec;
    let containers = if copies == 1 { "1 container".to_owned() } else { format!("{copies} containers") };
    format!("{image} in Docker, {containers} of {memory} MB and {cpus} CPU")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_follow_the_memory() {
        for (memory, cpus) in [(128, 0.07), (1769, 1.0), (3538, 2.0), (10_240, 5.79)] {
            assert!((granted(memory) - cpus).abs() < 1e-9, "{memory}: {}", granted(memory));
        }
    }
}
