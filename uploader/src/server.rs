//! The function on this machine over plain HTTP: one process that owns all cores.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::child::Child;
use crate::link::{Connection, Endpoint, LinkError, Phases, Reply};
use crate::model;
use crate::search;
use crate::supervisor::Supervised;

const NAME: &str = "detect-http";
/// How many requests wait at a server that is not told otherwise.
const QUEUE: usize = 64;
/// It binds its socket before it loads anything.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// Loading and warming the largest models on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(90);
const ONE_CALL: Duration = Duration::from_secs(5);
/// Between two questions whether it is ready: at first short, because it often is at once.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(100)];

/// What a server is started with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerArgs {
    /// Which model it is to load; its own choice where none is given.
    pub(crate) model: Option<String>,
    /// Its binary; searched for where none is given.
    pub(crate) function: Option<PathBuf>,
    /// How many photos it looks at at once; its own choice where none is given.
    pub(crate) sessions: Option<u16>,
    /// Threads for each of them; its own choice where none is given.
    pub(crate) threads: Option<u16>,
}

/// Who may use a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only this program, with so many photos at once: on a free port, without a token, silent.
    Private { at_once: usize },
    /// Whoever finds the port (0 for a free one), with `API_TOKEN` where the environment has one; with a log of what has
    /// this level.
    Public { port: u16, log_level: &'static str },
}

/// A server to be started, again and again where it must be.
#[derive(Debug)]
pub(crate) struct Server {
    binary: PathBuf,
    args: ServerArgs,
    access: Access,
}

impl Server {
    /// Finds the binary and prepares the model.
    pub(crate) fn find(args: ServerArgs, access: Access) -> Result<Self> {
        let binary = search::function(NAME, args.function.as_deref(), "--function")?;
        model::before_serving(args.model.as_deref());
        Ok(Self { binary, args, access })
    }

    fn command(&self, port: u16) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        for (option, value) in [("--sessions", self.args.sessions), ("--threads", self.args.threads)] {
            if let Some(value) = value {
                command.arg(option).arg(value.to_string());
            }
        }
        // It decides by these what it is.
        command.env_remove("AWS_LAMBDA_RUNTIME_API").env_remove("LISTEN");
        if let Access::Private { at_once } = self.access {
            command.env_remove("API_TOKEN");
            // What was asked for is not too much.
            command.arg("--queue").arg(at_once.max(QUEUE).to_string());
        }
        if let Some(model) = &self.args.model {
            command.env("MODEL", model);
        }
        // The function searches near itself; we may be nearer to it.
        if let Ok(library) = detector::runtime::find_runtime() {
            command.env("ORT_DYLIB_PATH", library);
        }
        if env::var_os("RUST_LOG").is_none() {
            let level = match self.access {
                Access::Private { .. } => "info",
                Access::Public { log_level, .. } => log_level,
            };
            command.env("RUST_LOG", level);
        }
        command
    }

    /// Waits for the address, and until the model is loaded.
    async fn ready(&self, announcement: impl Future<Output = String> + Send) -> Result<Endpoint> {
        let Ok(line) = timeout(LISTENS_WITHIN, announcement).await else {
            bail!("{NAME} did not listen within {} s", LISTENS_WITHIN.as_secs());
        };
        let base = Endpoint::parse(line.trim()).with_context(|| {
            format!("{} is not a Spotter function: it did not print its address", self.binary.display())
        })?;
        self.healthy(&base).await?;
        Ok(base)
    }

    async fn healthy(&self, base: &Endpoint) -> Result<()> {
        let token = env::var("API_TOKEN").ok().filter(|token| !token.is_empty());
        let token = token.filter(|_| !matches!(self.access, Access::Private { .. }));
        let mut request = Request::get("/health").header(HOST, base.authority());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::default()).context("API_TOKEN has characters that a header cannot have")?;
        let start = Instant::now();
        let [mut pause, longest] = PAUSES;
        loop {
            let said = match timeout(ONE_CALL, ask(base, request.clone())).await {
                Ok(Ok(reply)) if reply.status.is_success() => return Ok(()),
                Ok(Ok(reply)) => format!("{}: {}", reply.status, String::from_utf8_lossy(&reply.body)),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no response".to_owned(),
            };
            if start.elapsed() > READY_WITHIN {
                bail!("{NAME} was not ready within {} s: {said}", READY_WITHIN.as_secs());
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}

impl Supervised for Server {
    type Process = Child;

    /// Whoever comes after the first takes its port, so that the address stays.
    async fn start(&self, last: Option<&Endpoint>) -> Result<(Child, Endpoint)> {
        let (port, loud) = match self.access {
            Access::Private { .. } => (0, false),
            Access::Public { port, .. } => (port, true),
        };
        let port = last.map_or(port, |last| last.port);
        let mut child = Child::spawn_announcing(&self.command(port), loud.then_some(NAME))
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let announcement = child.first_line();
        let ended = tokio::select! {
            base = self.ready(announcement) => return Ok((child, base?)),
            status = child.wait() => status,
        };
        bail!(child.failure_message(&format!("{NAME} exited while starting ({ended})")))
    }

    async fn ended(child: &mut Child) -> String {
        let status = child.wait().await;
        child.failure_message(&format!("{NAME} crashed ({status})"))
    }
}

async fn ask(base: &Endpoint, request: Request<Full<Bytes>>) -> Result<Reply, LinkError> {
    let mut phases = Phases::default();
    Connection::open(base, None, ONE_CALL, &mut phases).await?.exchange(request, &mut phases).await
}
