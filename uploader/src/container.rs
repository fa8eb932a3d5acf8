//! Containers that play Lambda: limited as Lambda limits, watched, and always removed.

mod cleanup;
mod engine;
mod orphans;

use std::env;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use self::cleanup::CleanupProcess;
pub(crate) use self::cleanup::wait_for_removals;
pub(crate) use self::engine::{Image, cpus};
pub(crate) use self::orphans::clear_orphans;
use crate::child::Child;

/// Where Lambda's emulator listens inside the image.
const PORT: u16 = 8080;

/// Seconds after which the image's emulator ends a call, at most: as `infra/template.yaml` has it.
const CALL_WITHIN: u64 = 30;

/// What a container is made from.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    /// The image.
    pub(crate) image: String,
    /// The one argument of the image's entrypoint, where the image has none of its own.
    pub(crate) handler: Option<&'static str>,
    /// Memory in MB.
    pub(crate) memory: u32,
    /// CPUs.
    pub(crate) cpus: f64,
    /// Which model the function is to load.
    pub(crate) model: Option<String>,
    /// After how long we give up a call.
    pub(crate) timeout: Duration,
}

impl Spec {
    /// Whole seconds after which the emulator ends a call: sooner than we give it up, where that leaves it any.
    fn call_within(&self) -> u64 {
        (self.timeout.as_secs_f64().ceil() as u64).saturating_sub(1).clamp(1, CALL_WITHIN)
    }

    /// The arguments of `docker create`, after the name.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--publish=127.0.0.1::{PORT}"),
            format!("--memory={}m", self.memory),
            format!("--cpus={}", self.cpus),
            // As in Lambda: nothing can be written but /tmp.
            "--read-only".to_owned(),
            "--tmpfs=/tmp".to_owned(),
            format!("--env=AWS_LAMBDA_FUNCTION_MEMORY_SIZE={}", self.memory),
            format!("--env=AWS_LAMBDA_FUNCTION_TIMEOUT={}", self.call_within()),
        ];
        if let Some(model) = &self.model {
            arguments.push(format!("--env=MODEL={model}"));
        }
        if let Ok(level) = env::var("RUST_LOG") {
            arguments.push(format!("--env=RUST_LOG={level}"));
        }
        arguments.push(self.image.clone());
        arguments.extend(self.handler.map(str::to_owned));
        arguments
    }
}

/// A running container. Dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    port: u16,
    /// Follows what the container says, and ends with it.
    process: Child,
    _cleanup: CleanupProcess,
}

impl Container {
    /// Makes and starts one. Its function may not answer yet.
    pub(crate) async fn start(spec: &Spec) -> Result<Self> {
        let name = format!("spotter-{:08x}", fastrand::u32(..));
        let mut cleanup = CleanupProcess::start(&name, &spec.arguments())?;
        cleanup.ready().await.with_context(|| format!("docker cannot create a container from {}", spec.image))?;
        let mut process = Child::spawn(Command::new("docker").args(["start", "--attach", &name]), None)
            .context("cannot start docker")?;
        let port = tokio::select! {
            port = engine::published(&name, PORT) => port?,
            status = process.wait() => bail!(farewell(&name, &status, &process)),
        };
        Ok(Self { name, port, process, _cleanup: cleanup })
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Comes to an end with the container; tells how it ended, and the last it said.
    pub(crate) async fn ended(&mut self) -> String {
        let status = self.process.wait().await;
        farewell(&self.name, &status, &self.process)
    }

    /// Why it is of no use, with the last it said.
    pub(crate) fn failure_message(&self, why: &str) -> String {
        self.process.failure_message(&format!("{why}; last output of container {}", self.name))
    }
}

fn farewell(name: &str, status: &str, process: &Child) -> String {
    process.failure_message(&format!("container {name} exited ({status})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_limited_as_lambda_limits() {
        let spec = Spec {
            image: "spotter:latest".to_owned(),
            handler: Some("detect-http"),
            memory: 512,
            cpus: 0.29,
            model: Some("yolox-s".to_owned()),
            timeout: Duration::from_secs(60),
        };
        let arguments = spec.arguments();
        for expected in [
            "--publish=127.0.0.1::8080",
            "--memory=512m",
            "--cpus=0.29",
            "--read-only",
            "--tmpfs=/tmp",
            "--env=AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
            "--env=MODEL=yolox-s",
        ] {
            assert!(arguments.iter().any(|argument| argument == expected), "{expected} in {arguments:?}");
        }
        assert_eq!(arguments[arguments.len() - 2..], ["spotter:latest", "detect-http"]);
        for (timeout, call) in [(0.5, 1), (2.0, 1), (2.5, 2), (30.0, 29), (60.0, 30)] {
            let spec = Spec { timeout: Duration::from_secs_f64(timeout), ..spec.clone() };
            assert_eq!(spec.call_within(), call, "--timeout {timeout}");
        }
    }
}
