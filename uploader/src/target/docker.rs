//! A container image on this machine, behind the Lambda emulator inside it: one container for each photo under way.

mod answer;
mod event;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::future::{BoxFuture, try_join_all};
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use wire::{Answer, ItemError};

use super::{Failure, Lease, OpenOptions, Target, Turn, nobody_left, reply};
use crate::args::ContainerArgs;
use crate::container::{Container, Image, Spec, clear_orphans, cpus};
use crate::emulator::DETECT_HTTP;
use crate::link::{CONNECT_WITHIN, Connection, Endpoint, LinkError, Phases, Reply};
use crate::photo::Payload;
use crate::supervisor::{Supervised, Supervisor};

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
    /// The way to the first container as it was first started.
    endpoint: Endpoint,
    supervisors: Vec<Supervisor>,
    /// Whose turn it is at each: a container bears one call at a time.
    turns: Vec<Mutex<()>>,
}

impl DockerTarget {
    /// Starts as many containers as photos will be under way, and waits until each answers.
    pub(crate) async fn start(args: &ContainerArgs, open_options: &OpenOptions) -> Result<Self> {
        let image = &args.image;
        let available = f64::from(cpus().await?);
        let inspected = Image::inspect(image).await.with_context(|| format!("--docker {image}"))?;
        let cpus = args.cpus.unwrap_or_else(|| granted(args.memory).min(available));
        if cpus > available {
            bail!("--cpus {cpus}: Docker has only {available}");
        }
        clear_orphans().await;
        let spec = Spec {
            image: image.clone(),
            handler: if inspected.has_command() { None } else { Some(DETECT_HTTP) },
            memory: args.memory,
            cpus,
            model: args.model.clone(),
            timeout: open_options.timeout,
        };
        let copies = open_options.at_once.max(1);
        let supervisors = try_join_all((0..copies).map(|_| Supervisor::start(spec.clone()))).await?;
        let endpoint = supervisors[0].endpoint().await.map_err(anyhow::Error::msg)?;
        let turns = supervisors.iter().map(|_| Mutex::default()).collect();
        Ok(Self { title: title(&spec, copies), endpoint, supervisors, turns })
    }
}

impl Target for DockerTarget {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A slot's own container; where that was given up, the next that is left, in turn with its own slot.
    fn lease(&self, slot: usize) -> BoxFuture<'_, Result<Lease<'_>, Failure>> {
        Box::pin(async move {
            let places = self.supervisors.len();
            let own = slot % places;
            loop {
                let place =
                    (0..places).map(|more| (own + more) % places).find(|place| !self.supervisors[*place].is_given_up());
                let number = place.unwrap_or(own);
                let turn = self.turns[number].lock().await;
                match self.supervisors[number].endpoint().await {
                    Ok(endpoint) => return Ok(Lease { endpoint, number, _turn: Some(Turn::Only { _guard: turn }) }),
                    Err(reason) if place.is_none() => return Err(nobody_left(&reason)),
                    Err(_) => {}
                }
            }
        })
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        Box::pin(async move { invocation(event::photo(payload)?) })
    }

    fn read(&self, reply: &Reply, lease: &Lease<'_>) -> Result<Answer, Failure> {
        let answer = reply::read(&answer::unwrap(reply)?);
        self.supervisors[lease.number].answered();
        answer
    }

    fn most_at_once(&self) -> Option<usize> {
        Some(self.supervisors.len())
    }

    fn interrupted(&self, lease: &Lease<'_>) -> BoxFuture<'_, ()> {
        Box::pin(self.supervisors[lease.number].interrupted())
    }

    /// The emulator crashes on a second call beside the first.
    fn abandoned(&self, lease: &Lease<'_>) {
        self.supervisors[lease.number].replace();
    }
}

impl Supervised for Spec {
    type Process = Container;

    async fn start(&self, _last: Option<&Endpoint>) -> Result<(Container, Endpoint)> {
        let mut container = Container::start(self).await?;
        let place = Endpoint::parse(&format!("http://127.0.0.1:{}{INVOKE}", container.port()))?;
        let failed = tokio::select! {
            answered = timeout(READY_WITHIN, answers(&place)) => match answered {
                Ok(Ok(())) => return Ok((container, place)),
                Ok(Err(why)) => why,
                Err(_) => format!("the function did not respond within {} s", READY_WITHIN.as_secs()),
            },
            reason = container.ended() => bail!(reason),
        };
        bail!(container.failure_message(&failed))
    }

    async fn ended(container: &mut Container) -> String {
        container.ended().await
    }
}

/// Asks `GET /health` until the emulator listens, and waits for its one answer: a second call beside the first is more
/// than it bears. A function that took too long to load is asked again.
async fn answers(place: &Endpoint) -> Result<(), String> {
    let start = Instant::now();
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
        let reply = match answer::unwrap(&reply) {
            Ok(reply) => reply,
            Err(failure) if failure.error.code == "timeout" && start.elapsed() < READY_WITHIN => continue,
            Err(failure) => return Err(failure.error.message),
        };
        if reply.status.is_success() {
            return Ok(());
        }
        return Err(format!("GET /health returned {}: {}", reply.status, String::from_utf8_lossy(&reply.body)));
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
        .map_err(|error| crate::photo::item_error("request", format!("Cannot make the request: {error}.")))
}

/// The CPUs that Lambda grants with so much memory.
fn granted(memory: u32) -> f64 {
    (f64::from(memory) / MB_PER_CPU * 100.0).round() / 100.0
}

fn title(spec: &Spec, copies: usize) -> String {
    let Spec { image, memory, cpus, .. } = spec;
    let containers = if copies == 1 { "1 container".to_owned() } else { format!("{copies} containers") };
    format!("{image} in Docker, {containers} with {memory} MB and {cpus} CPU")
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
