//! moto's server: S3 and SQS in a child process, in memory.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::sleep;

use crate::child::Child;
use crate::emulator::free_port;
use crate::search::moto_server;

/// It loads half a cloud of Python: a second or two, more on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// Makes its queue bear thousands of messages.
const HASTE: &str = include_str!("moto/sitecustomize.py");

pub(super) struct Moto {
    port: u16,
    server: Child,
    _haste: TempDir,
}

impl Moto {
    /// Starts it on a free port.
    pub(super) fn start() -> Result<Self> {
        let binary = moto_server()?;
        let port = free_port(0)?;
        let haste =
            tempfile::Builder::new().prefix("spotter-moto-").tempdir().context("cannot create a temporary folder")?;
        std::fs::write(haste.path().join("sitecustomize.py"), HASTE)?;
        let mut python_path = OsString::from(haste.path());
        if let Some(others) = std::env::var_os("PYTHONPATH").filter(|others| !others.is_empty()) {
            python_path.push(":");
            python_path.push(others);
        }
        let mut command = Command::new(&binary);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("PYTHONPATH", python_path);
        let server = Child::spawn(&command, None).with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { port, server, _haste: haste })
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until it listens.
    pub(super) async fn ready(&mut self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if start.elapsed() > WITHIN {
                bail!("moto did not listen on port {} within {} s", self.port, WITHIN.as_secs());
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                error = lost(&mut self.server) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) async fn lost(&mut self) -> anyhow::Error {
        lost(&mut self.server).await
    }
}

async fn lost(server: &mut Child) -> anyhow::Error {
    let status = server.wait().await;
    anyhow::anyhow!("moto (local S3 and SQS) exited ({status}):\n{}", server.log_tail())
}
