//! Containers whose cleanup process could not remove them: the engine was stopped in mid-run, or the whole machine.

use std::fs;

use rustix::process::{Pid, test_kill_process};

use super::engine::docker;

/// Names a container's cleanup process: the machine's boot and the process, `BOOT/PID`.
const LABEL: &str = "spotter.keeper";

/// The label of this boot's cleanup processes, without their process.
pub(super) fn label() -> String {
    format!("{LABEL}={}", boot())
}

/// Removes them. Whatever goes wrong here is no reason not to work.
pub(crate) async fn clear_orphans() {
    let filters =
        ["--filter=label=spotter.keeper", "--filter=status=exited", "--filter=status=dead", "--filter=status=created"];
    let format = format!("--format={{{{.Names}}}} {{{{.State}}}} {{{{.Label \"{LABEL}\"}}}}");
    let Ok(listed) = docker(&[&["ps", "--all"], &filters[..], &[&format]].concat()).await else { return };
    let boot = boot();
    for line in listed.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [name, state, cleanup] = words[..]
            && is_orphan(state, cleanup, &boot, is_alive)
        {
            let _ = docker(&["rm", "--force", "--volumes", name]).await;
        }
    }
}

/// Whether nobody will remove the container. Of other boots (or of other machines that use the same engine) only what has
/// ended: what was just created may be about to start.
fn is_orphan(state: &str, cleanup: &str, boot: &str, is_alive: impl Fn(i32) -> bool) -> bool {
    match cleanup.rsplit_once('/').map(|(of, process)| (of == boot, process.parse())) {
        Some((true, Ok(process))) => !is_alive(process),
        Some((false, Ok(_))) => state != "created",
        _ => false,
    }
}

fn is_alive(process: i32) -> bool {
    // Not being allowed to signal it means that it is there.
    Pid::from_raw(process).is_some_and(|process| test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_keeps_is_orphan() {
        let orphans = |state, cleanup| is_orphan(state, cleanup, "now", |process| process == 7);
        assert!(orphans("exited", "now/8") && orphans("created", "now/8"));
        assert!(!orphans("exited", "now/7") && !orphans("created", "now/7"));
        assert!(orphans("exited", "before/7") && !orphans("created", "before/7"));
        assert!(!orphans("exited", "") && !orphans("exited", "now/x"));
    }

    #[test]
    fn we_are_alive() {
        assert!(is_alive(i32::try_from(std::process::id()).unwrap()));
        assert!(!is_alive(i32::MAX));
    }
}
