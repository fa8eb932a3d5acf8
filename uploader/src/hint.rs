//! Commands that are shown to be run: as they can be pasted where they are printed.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// This program, as a shell here finds it: `uploader` where the PATH leads to it, else its path from the current folder.
pub(crate) fn program() -> String {
    let Ok(this) = env::current_exe() else { return "uploader".to_owned() };
    let name = this.file_name().unwrap_or(OsStr::new("uploader"));
    let on_path = env::var_os("PATH")
        .and_then(|path| env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()));
    if on_path.and_then(|found| found.canonicalize().ok()) == this.canonicalize().ok() {
        return quoted(name);
    }
    let from_here = env::current_dir().ok().and_then(|here| this.strip_prefix(here).map(PathBuf::from).ok());
    match from_here {
        // A bare name would be looked for on the PATH.
        Some(path) if path.components().count() == 1 => quoted(Path::new(".").join(path).as_os_str()),
        Some(path) => quoted(path.as_os_str()),
        None => quoted(this.as_os_str()),
    }
}

/// A text with commands of this program in backticks, as they are run here.
pub(crate) fn here(text: &str) -> String {
    let program = program();
    text.replace("`uploader ", &format!("`{program} ")).replace(" | uploader ", &format!(" | {program} "))
}

/// A word as a shell reads it back.
pub(crate) fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
