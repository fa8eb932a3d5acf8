//! A child process that never outlives us, and the tail of what it said.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::notice::notice;

/// Lines of a child's log that are kept for an error message.
const TAIL: usize = 30;

/// A child, in a process group of its own: Ctrl-C on the terminal reaches only us, and we end the group.
#[derive(Debug)]
pub(crate) struct Child {
    process: tokio::process::Child,
    group: Option<Pid>,
    log: Log,
    first_line: Option<oneshot::Receiver<String>>,
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Child {
    /// Starts it. With an `echo`, each line it says goes to standard error, too, after that word.
    pub(crate) fn spawn(command: &Command, echo: Option<&'static str>) -> io::Result<Self> {
        Self::start(command, echo, None)
    }

    /// The same for a child whose first line on standard output is not part of its log: [`Self::first_line`].
    pub(crate) fn spawn_announcing(command: &Command, echo: Option<&'static str>) -> io::Result<Self> {
        let (tell, first_line) = oneshot::channel();
        let mut child = Self::start(command, echo, Some(tell))?;
        child.first_line = Some(first_line);
        Ok(child)
    }

    fn start(command: &Command, echo: Option<&'static str>, tell: Option<oneshot::Sender<String>>) -> io::Result<Self> {
        let mut process = tied(command)?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let log = Log::default();
        if let Some(stdout) = process.stdout.take() {
            tokio::spawn(log.clone().keep(stdout, echo, tell));
        }
        if let Some(stderr) = process.stderr.take() {
            tokio::spawn(log.clone().keep(stderr, echo, None));
        }
        let group = process.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { process, group, log, first_line: None })
    }

    /// What an announcing child announces; waits for ever where nothing comes, or when asked again.
    pub(crate) fn first_line(&mut self) -> impl Future<Output = String> + Send + use<> {
        let line = self.first_line.take();
        async move {
            if let Some(line) = line
                && let Ok(line) = line.await
            {
                return line;
            }
            std::future::pending().await
        }
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> String {
        let status = self.process.wait().await;
        // Its last words may still be in the pipe.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        status.map_or_else(|error| error.to_string(), describe)
    }

    /// The last lines it said.
    pub(crate) fn log_tail(&self) -> String {
        let lines = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() { "(no output)".to_owned() } else { Vec::from(lines.clone()).join("\n") }
    }

    /// Why it is of no use: what it gave as its reason itself, where it did; then `what` happened, and what else it said
    /// last that is more than news of requests.
    pub(crate) fn failure_message(&self, what: &str) -> String {
        failure_message(&self.log_tail(), what)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The group, because it may have children of its own. A group that is gone is what we want.
        if let (Some(group), Ok(None)) = (self.group, self.process.try_wait()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Log {
    async fn keep(
        self,
        stream: impl AsyncRead + Unpin,
        echo: Option<&'static str>,
        mut tell: Option<oneshot::Sender<String>>,
    ) {
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let mut line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if let Some(tell) = tell.take() {
                match tell.send(line) {
                    Ok(()) => continue,
                    Err(unheard) => line = unheard,
                }
            }
            if let Some(name) = echo {
                notice!("{name}: {line}");
            }
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == TAIL {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    }
}

fn failure_message(log: &str, what: &str) -> String {
    let Some(reason) = log.lines().rev().find_map(reason) else { return format!("{what}:\n{log}") };
    let others = log.lines().filter(|line| line.trim() != reason && !line.trim_start().starts_with("INFO "));
    let others = others.collect::<Vec<_>>().join("\n");
    if others.is_empty() { format!("{reason}\n{what}") } else { format!("{reason}\n{what}:\n{others}") }
}

/// A function's last word, among the lines of its log and those of the emulator around it.
fn reason(line: &str) -> Option<&str> {
    let line = line.trim();
    ["Error: ", "error: ", "detect-http: ", "detect-bulk: "].iter().any(|start| line.starts_with(start)).then_some(line)
}

fn describe(status: ExitStatus) -> String {
    status.to_string()
}

/// The same command, tied to our life: through ourselves, since only the child itself can ask the kernel to be ended
/// with its parent, and asking between fork and exec would take unsafe code.
#[cfg(target_os = "linux")]
fn tied(command: &Command) -> io::Result<Command> {
    let command = command.as_std();
    let mut tied = Command::new(std::env::current_exe()?);
    tied.arg(TIED).arg(std::process::id().to_string()).arg("--").arg(command.get_program()).args(command.get_args());
    copy_surroundings(command, &mut tied);
    Ok(tied)
}

#[cfg(not(target_os = "linux"))]
fn tied(command: &Command) -> io::Result<Command> {
    let command = command.as_std();
    let mut same = Command::new(command.get_program());
    same.args(command.get_args());
    copy_surroundings(command, &mut same);
    Ok(same)
}

fn copy_surroundings(from: &std::process::Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
    if let Some(folder) = from.get_current_dir() {
        to.current_dir(folder);
    }
}

/// How this program is asked to become another: `uploader __child PARENT -- COMMAND ARGUMENT…`. It is for itself, and no part
/// of the command line that people see.
const TIED: &str = "__child";

/// Becomes the command that it is asked to become, if any; comes back from that only with an error.
pub(crate) fn become_command() -> Option<io::Error> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != TIED {
        return None;
    }
    let parent = words.next().and_then(|parent| parent.to_str()?.parse().ok()).unwrap_or_default();
    let mut command = words.skip_while(|word| word == "--");
    let program = command.next().unwrap_or_default();
    let error = exec(parent, &program, command);
    Some(io::Error::new(error.kind(), format!("cannot start {}: {error}", program.display())))
}

/// Asks to be ended with the parent, then becomes the command.
#[cfg(unix)]
fn exec(parent: i32, program: &OsStr, arguments: impl Iterator<Item = OsString>) -> io::Error {
    use std::os::unix::process::CommandExt;

    #[cfg(target_os = "linux")]
    {
        if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
            return error.into();
        }
        // The parent may have died before we asked.
        if rustix::process::getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(parent) {
            return io::Error::other("the parent process is gone");
        }
    }
    std::process::Command::new(program).args(arguments).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_begins_with_the_reason_and_leaves_news_of_requests_out() {
        let news = " INFO request method=\"GET\" path=\"/health\" status=503";
        let reason = "detect-http: best.onnx has no card";
        assert_eq!(failure_message(&format!("{news}\n{news}\n{reason}"), "it ended"), format!("{reason}\nit ended"));
        let panic = "thread 'main' panicked at a.rs:1:";
        assert_eq!(failure_message(&format!("{news}\n{panic}"), "it ended"), format!("it ended:\n{news}\n{panic}"));
        assert_eq!(failure_message(&format!("{panic}\n{reason}"), "it ended"), format!("{reason}\nit ended:\n{panic}"));
    }
}
