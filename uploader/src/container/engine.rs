//! What is asked of Docker, and what its refusals mean.

use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::sleep;

const PAUSE: Duration = Duration::from_millis(50);
/// Starting a container takes a fraction of a second; a busy machine may take longer.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

/// What we want to know of an image.
#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    #[serde(rename = "Cmd")]
    command: Option<Vec<String>>,
}

impl Image {
    /// Looks at an image of this machine. Nothing is fetched: an image may be large, and its name misspelt.
    pub(crate) async fn inspect(image: &str) -> Result<Self> {
        let config = docker(&["image", "inspect", "--format={{json .Config}}", "--", image]).await?;
        serde_json::from_str(&config).with_context(|| format!("unexpected output of docker inspect {image}: {config}"))
    }

    /// Whether it says itself which function it is.
    pub(crate) fn has_command(&self) -> bool {
        self.command.as_ref().is_some_and(|command| !command.is_empty())
    }
}

/// How many CPUs the engine has: it refuses to grant more.
pub(crate) async fn cpus() -> Result<u32> {
    let said = docker(&["info", "--format={{.NCPU}}"]).await?;
    // Without an engine some versions say 0 and call it success.
    said.parse().ok().filter(|cpus| *cpus > 0).with_context(|| format!("unexpected output of docker info: {said}"))
}

/// The port on this machine behind which a container's port is, once there is one.
pub(super) async fn published(container: &str, port: u16) -> Result<u16> {
    let start = Instant::now();
    loop {
        // Until the container runs, docker says nothing or refuses.
        let said = docker(&["port", container, &format!("{port}/tcp")]).await.unwrap_or_default();
        if let Some(port) = said.lines().find_map(|line| line.rsplit_once(':')?.1.parse().ok()) {
            return Ok(port);
        }
        if start.elapsed() > STARTED_WITHIN {
            bail!("container {container} did not start within {} s", STARTED_WITHIN.as_secs());
        }
        sleep(PAUSE).await;
    }
}

/// What docker prints, trimmed.
pub(super) async fn docker(arguments: &[&str]) -> Result<String> {
    let output = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(missing)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    bail!(refusal(&String::from_utf8_lossy(&output.stderr)))
}

/// Why docker cannot be started.
pub(super) fn missing(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::NotFound {
        return anyhow::Error::msg("docker: command not found; install Docker, or use --local");
    }
    anyhow::Error::new(error).context("cannot start docker")
}

/// What docker said, and what can be done about it.
pub(super) fn refusal(said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no output");
    let advice = if said.contains("permission denied") {
        "permission denied by the Docker daemon; join the group docker, or run as root"
    } else if said.contains("Cannot connect") || said.contains("daemon running") {
        "the Docker daemon is not running; start it (sudo systemctl start docker, or Docker Desktop), or use --local"
    } else if said.contains("No such image") {
        "no such image; `make image` builds spotter:latest, `docker pull` fetches others"
    } else {
        "docker failed"
    };
    format!("{advice} ({line})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        for (said, advice) in [
            (
                "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
                "systemctl start docker",
            ),
            ("Error response from daemon: No such image: spotter:latest", "make image"),
            ("permission denied while trying to connect to the Docker daemon socket", "group docker"),
            ("WARNING: old\nError: something else\n", "docker failed (Error: something else)"),
        ] {
            assert!(refusal(said).contains(advice), "{}", refusal(said));
        }
    }
}
