//! Why an entry of a folder or list cannot be sent: its error, in the shape in which the function's errors arrive.

use std::fs;
use std::io;
use std::path::Path;

use rustix::io::Errno;
use wire::ItemError;

use super::item_error;

/// What an error of the operating system means for the file or folder at `path`.
pub(crate) fn of_io(path: &Path, error: &io::Error) -> ItemError {
    // The error alone does not tell a link that leads nowhere from a file that is gone.
    if error.kind() == io::ErrorKind::NotFound
        && let Ok(target) = fs::read_link(path)
    {
        return item_error("broken_link", format!("Broken link to {}.", target.display()));
    }
    if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        return item_error("link_loop", "The link leads back to itself.");
    }
    let what = if path.is_dir() { "folder" } else { "file" };
    item_error("unreadable", format!("Cannot read the {what}: {error}."))
}

/// A link inside a folder that leads back to a folder above it.
pub(super) fn loop_to(ancestor: &Path) -> ItemError {
    item_error("link_loop", format!("The link leads back to {}, a folder above it.", ancestor.display()))
}

/// What the file system tells in walking over a folder.
pub(super) fn of_walk(path: &Path, error: &walkdir::Error) -> ItemError {
    match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => loop_to(ancestor),
        (None, Some(error)) => of_io(path, error),
        (None, None) => item_error("unreadable", format!("Cannot read it: {error}.")),
    }
}

/// A name that no output can hold as it is.
pub(super) fn name_is_no_text(path: &Path) -> ItemError {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let message = format!("The path of {name:?} is not UTF-8. Rename it.");
    item_error("invalid_name", message)
}

/// Where more than one look is needed, and there is only one.
pub(crate) fn not_a_file() -> ItemError {
    let message = "A pipe, socket or device can be read only once. Save it as a file first.";
    item_error("not_a_file", message)
}

/// A file that is not what it was when it was looked at.
pub(crate) fn changed() -> ItemError {
    item_error("changed", "The file changed during the upload. Try again.")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_told_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink("/nowhere", path("broken")).unwrap();
        symlink(path("b"), path("a")).unwrap();
        symlink(path("a"), path("b")).unwrap();
        let code = |name: &str| of_io(&path(name), &fs::metadata(path(name)).unwrap_err()).code;
        assert_eq!([code("broken"), code("a"), code("gone")], ["broken_link", "link_loop", "unreadable"]);
    }
}
