//! Functions on this machine: the cargo-lambda emulator, and processes that serve its calls.

mod readiness;
mod stub_package;
mod worker_pool;

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

pub(crate) use readiness::Probe;

use self::stub_package::StubPackage;
use self::worker_pool::WorkerPool;
use crate::args::EmulatedArgs;
use crate::child::Child;
use crate::{model, search};

/// The function behind the Function URL.
pub(crate) const DETECT_HTTP: &str = "detect-http";
/// The function behind the bucket.
pub(crate) const DETECT_BULK: &str = "detect-bulk";

/// The emulator answers within a fraction of a second; a busy machine may take longer.
const EMULATOR_WITHIN: Duration = Duration::from_secs(30);

/// A function to serve.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its name, which is also its binary's.
    pub(crate) name: &'static str,
    /// Its binary.
    pub(crate) binary: PathBuf,
    /// How many processes serve it: as in Lambda, each works on one call at a time.
    pub(crate) workers: u16,
    /// What it is to believe about its memory.
    pub(crate) memory: u32,
    /// Which model it is to load.
    pub(crate) model: Option<String>,
    /// What else of its environment differs from ours; `None` takes a variable away.
    pub(crate) variables: Vec<(&'static str, Option<String>)>,
    /// How it is asked whether it is ready.
    pub(crate) probe: Probe,
}

impl Function {
    /// The function behind the Function URL, as the arguments want it.
    pub(crate) fn detect_http(args: &EmulatedArgs, workers: u16) -> Result<Self> {
        model::before_serving(args.model.as_deref());
        Ok(Self {
            name: DETECT_HTTP,
            binary: search::function(DETECT_HTTP, args.function.as_deref(), "--function")?,
            workers,
            memory: args.memory,
            model: args.model.clone(),
            variables: Vec::new(),
            probe: Probe::Health,
        })
    }

    /// The function behind the bucket. What it needs of its environment is added to `variables`.
    pub(crate) fn detect_bulk(args: &EmulatedArgs, binary: Option<&Path>, workers: u16) -> Result<Self> {
        model::before_serving(args.model.as_deref());
        Ok(Self {
            name: DETECT_BULK,
            binary: search::function(DETECT_BULK, binary, "--bulk-function")?,
            workers,
            memory: args.memory,
            model: args.model.clone(),
            variables: Vec::new(),
            probe: Probe::TestEvent,
        })
    }
}

/// The emulator with its functions. Dropped, it ends all of them.
pub(crate) struct Emulator {
    port: u16,
    pools: JoinSet<()>,
    interrupted: HashMap<&'static str, Arc<Notify>>,
    lost: watch::Receiver<Option<String>>,
    // Dropped after the pools, so that no worker outlives what it asks for work.
    _server: Child,
    _stub_package: StubPackage,
}

impl Emulator {
    /// Starts everything and waits until each function answers. `loud` passes the functions' logs to standard error.
    pub(crate) async fn start(port: u16, functions: Vec<Function>, loud: bool) -> Result<Self> {
        let cargo_lambda = search::cargo_lambda()?;
        let port = free_port(port)?;
        let names: Vec<&str> = functions.iter().map(|function| function.name).collect();
        let stub_package = StubPackage::create(&names).context("cannot create a temporary folder for the emulator")?;
        let mut server = Child::spawn(
            cargo_lambda
                .command()
                .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1", "--invoke-port"])
                .arg(port.to_string())
                .current_dir(stub_package.path()),
            None,
        )
        .with_context(|| format!("cannot start {}", cargo_lambda.path().display()))?;
        tokio::select! {
            ready = readiness::listens(port, EMULATOR_WITHIN) => ready?,
            status = server.wait() => bail!(server.failure_message(&format!("the emulator exited at once ({status})"))),
        }

        let interrupted: HashMap<_, _> = names.iter().map(|name| (*name, Arc::new(Notify::new()))).collect();
        let (tell_lost, lost) = watch::channel(None);
        let mut emulator =
            Self { port, pools: JoinSet::new(), interrupted, lost, _server: server, _stub_package: stub_package };
        for function in functions {
            let (name, probe) = (function.name, function.probe);
            let interrupted = emulator.interrupted.get(name).map(Arc::clone).unwrap_or_default();
            let pool = WorkerPool::new(function, port, interrupted, tell_lost.clone(), loud);
            for _ in 0..pool.size() {
                let worker = pool.spawn()?;
                emulator.pools.spawn(Arc::clone(&pool).supervise(worker));
            }
            tokio::select! {
                ready = readiness::answers(port, name, probe) => ready?,
                error = emulator.lost() => return Err(error),
            }
            pool.is_ready();
        }
        Ok(emulator)
    }

    /// The base of a function's URL, with a slash at its end.
    pub(crate) fn url(&self, function: &str) -> String {
        format!("http://127.0.0.1:{}/lambda-url/{function}/", self.port)
    }

    /// Where a function's raw events are posted, as Lambda's own API has it.
    pub(crate) fn invoke_url(&self, function: &str) -> String {
        readiness::invoke_url(self.port, function)
    }

    /// Comes to an end when a worker of the function dies.
    pub(crate) async fn interrupted(&self, function: &str) {
        match self.interrupted.get(function) {
            Some(interrupted) => interrupted.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Why a function was given up, once it was.
    pub(crate) fn given_up(&self) -> Option<String> {
        self.lost.borrow().clone()
    }

    /// Comes to an end, with the reason, when a function is given up.
    pub(crate) async fn lost(&self) -> anyhow::Error {
        let mut lost = self.lost.clone();
        let reason = lost.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        match reason {
            Some(reason) => anyhow::Error::msg(reason),
            None => std::future::pending().await,
        }
    }
}

/// The port itself where nobody has it, or a free one for 0.
pub(crate) fn free_port(port: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", port)).with_context(|| {
        format!("cannot listen on 127.0.0.1 port {port}; choose another with --port, or 0 for a free one")
    })?;
    Ok(listener.local_addr()?.port())
}
