//! The processes that serve a function, and what happens when one dies.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::sync::{Notify, watch};

use super::Function;
use crate::child::Child;

/// Crashes of a function's processes that are tolerated. More than one photo's doing is the function's own fault.
const MAX_CRASHES: u16 = 10;

/// All processes of one function.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    function: Function,
    port: u16,
    interrupted: Arc<Notify>,
    lost: watch::Sender<Option<String>>,
    loud: bool,
    ready: AtomicBool,
    crashes: AtomicU16,
}

impl WorkerPool {
    pub(crate) fn new(
        function: Function,
        port: u16,
        interrupted: Arc<Notify>,
        lost: watch::Sender<Option<String>>,
        loud: bool,
    ) -> Arc<Self> {
        let (ready, crashes) = (AtomicBool::new(false), AtomicU16::new(0));
        Arc::new(Self { function, port, interrupted, lost, loud, ready, crashes })
    }

    pub(crate) fn size(&self) -> u16 {
        self.function.workers
    }

    /// From now on an exit is a crash, not a failure to start.
    pub(crate) fn is_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Starts one process.
    pub(crate) fn spawn(&self) -> Result<Child> {
        let Function { name, binary, memory, model, variables, .. } = &self.function;
        let mut command = Command::new(binary);
        command
            // The scheme is required: without it the runtime's client refuses the address.
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{}/.rt/{name}", self.port))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .env("_HANDLER", name);
        if let Some(model) = model {
            command.env("MODEL", model);
        }
        // The function searches near itself; we may be nearer to it.
        if let Ok(library) = detector::runtime::find_runtime() {
            command.env("ORT_DYLIB_PATH", library);
        }
        if env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "info");
        }
        // Nobody here makes metrics of them; who wants to see them asks for them.
        if env::var_os("METRICS").is_none() {
            command.env("METRICS", "false");
        }
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Child::spawn(&command, self.loud.then_some(name)).with_context(|| format!("cannot start {}", binary.display()))
    }

    /// Watches a process and replaces it when it dies, until too many have died.
    pub(crate) async fn supervise(self: Arc<Self>, mut worker: Child) {
        loop {
            let status = worker.wait().await;
            let crashes = self.crashes.fetch_add(1, Ordering::Relaxed) + 1;
            let name = self.function.name;
            let reason = if !self.ready.load(Ordering::Relaxed) {
                worker.failure_message(&format!("{name} exited while starting ({status})"))
            } else if crashes > MAX_CRASHES {
                worker.failure_message(&format!("{name} crashed {crashes} times, last with {status}"))
            } else {
                match self.spawn() {
                    Ok(next) => {
                        worker = next;
                        // The emulator does not notice: whoever waits for this worker's answer would wait for ever.
                        self.interrupted.notify_waiters();
                        continue;
                    }
                    Err(error) => format!("{error:#}"),
                }
            };
            // Whoever is interrupted looks whether it is worth another try.
            self.lost.send_replace(Some(reason));
            self.interrupted.notify_waiters();
            return;
        }
    }
}
