//! Where and when it was measured.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

/// The machine that sent the photos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Environment {
    pub(crate) date: String,
    pub(crate) command: String,
    pub(crate) version: &'static str,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mb: Option<u64>,
    pub(crate) os: String,
}

impl Environment {
    /// Looks around.
    pub(crate) fn look() -> Self {
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal", ':');
        let name = field(&read("/etc/os-release"), "PRETTY_NAME", '=').map(|name| name.trim_matches('"').to_owned());
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            date: httpdate::fmt_http_date(SystemTime::now()),
            command: std::env::args().map(|word| quoted(&word)).collect::<Vec<_>>().join(" "),
            version: env!("CARGO_PKG_VERSION"),
            cpu: field(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory.and_then(|kb| kb.split(' ').next()?.parse::<u64>().ok()).map(|kb| kb / 1024),
            os: format!("{} {}", name.unwrap_or_else(|| std::env::consts::OS.to_owned()), kernel.trim())
                .trim()
                .to_owned(),
        }
    }

    /// The machine on one line.
    pub(crate) fn machine(&self) -> String {
        let memory = self.memory_mb.map_or_else(String::new, |mb| format!(", {:.1} GB", mb as f64 / 1024.0));
        format!("{}, {} cores{memory}, {}", self.cpu, self.cores, self.os)
    }
}

/// The value of the first line that begins with `name`.
fn field(text: &str, name: &str, separator: char) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(separator))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        assert_eq!(field("a b: 1\nmodel name\t: Fast CPU\n", "model name", ':').as_deref(), Some("Fast CPU"));
        assert_eq!(field("", "x", ':'), None);
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(quoted("p95>300ms"), "'p95>300ms'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("http://h:1/x"), "http://h:1/x");
    }
}
