//! Who makes a container, and removes it however we end.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{engine, orphans};
use crate::notice::notice;

/// A shell that makes the container, waits for the end of its input, which comes with ours, and removes the container.
/// One after the other: whoever made and removed from two places could come too early with the second.
const SCRIPT: &str = r#"
name=$1 label=$2
shift 2
docker create --name "$name" --label "$label/$$" "$@" </dev/null || exit
read -r _
docker rm --force --volumes "$name" >/dev/null 2>&1
"#;

/// Cleanup processes that are removing their containers.
static REMOVING: Mutex<Vec<(String, Child)>> = Mutex::new(Vec::new());

/// Longest wait for removals. The processes go on alone afterwards.
const REMOVED_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// A container's cleanup process. Neither Ctrl-C nor our own violent end reaches it; dropped, it removes the container.
#[derive(Debug)]
pub(super) struct CleanupProcess {
    name: String,
    /// Its process, and the input whose end it waits for.
    process: Option<(Child, ChildStdin)>,
}

impl CleanupProcess {
    /// Starts it. `arguments` are those of `docker create`.
    pub(super) fn start(name: &str, arguments: &[String]) -> Result<Self> {
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "spotter-cleanup", name, &orphans::label()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(engine::missing)?;
        let input = process.stdin.take().context("cannot write to the container's watcher")?;
        Ok(Self { name: name.to_owned(), process: Some((process, input)) })
    }

    /// Waits until the container is made.
    pub(super) async fn ready(&mut self) -> Result<()> {
        let pipes = self.process.as_mut().map(|(process, _)| (process.stdout.take(), process.stderr.take()));
        let Some((Some(stdout), Some(mut stderr))) = pipes else {
            bail!("the container was already reported");
        };
        let said = tokio::task::spawn_blocking(move || -> io::Result<Option<String>> {
            let mut id = String::new();
            BufReader::new(stdout).read_line(&mut id)?;
            if !id.trim().is_empty() {
                return Ok(None);
            }
            let mut said = String::new();
            stderr.read_to_string(&mut said)?;
            Ok(Some(said))
        });
        match said.await.context("waiting for docker was interrupted")?.context("no output from docker")? {
            None => Ok(()),
            Some(said) => bail!(engine::refusal(&said)),
        }
    }
}

impl Drop for CleanupProcess {
    fn drop(&mut self) {
        if let Some((process, input)) = self.process.take() {
            drop(input);
            REMOVING.lock().unwrap_or_else(PoisonError::into_inner).push((std::mem::take(&mut self.name), process));
        }
    }
}

/// Waits until the containers whose cleanup processes were dropped are removed. They go all at once, which is why dropping
/// one does not wait.
pub(crate) fn wait_for_removals() {
    let mut removing = std::mem::take(&mut *REMOVING.lock().unwrap_or_else(PoisonError::into_inner));
    let start = Instant::now();
    loop {
        removing.retain_mut(|(_, process)| matches!(process.try_wait(), Ok(None)));
        if removing.is_empty() {
            return;
        }
        if start.elapsed() > REMOVED_WITHIN {
            let names: Vec<&str> = removing.iter().map(|(name, _)| name.as_str()).collect();
            notice!("uploader: still removing containers: {}", names.join(", "));
            return;
        }
        std::thread::sleep(PAUSE);
    }
}
