//! From the paths of a command line to the photos they mean.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use detector::PhotoFormat;

/// A path that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("{0}: no such file or folder, and no glob that matches one")]
    Missing(String),
    #[error("{path}: {reason}")]
    Glob { path: String, reason: glob::PatternError },
    #[error("{path}: {source}")]
    Unreadable { path: String, source: io::Error },
    #[error("no photo in {0}: give JPEG, PNG or WebP files, or folders that hold some")]
    Empty(String),
}

/// A photo, and what it is called where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its path inside the folder that was given; for a file that was given itself, or by a glob, its name.
    pub(crate) name: PathBuf,
}

impl Found {
    fn file(path: PathBuf) -> Self {
        let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
        Self { path, name }
    }
}

/// The paths of the photos that `paths` mean.
pub(crate) fn expand(paths: &[PathBuf], stdin: &mut dyn Read) -> Result<Vec<PathBuf>, ListError> {
    Ok(find(paths, stdin)?.into_iter().map(|found| found.path).collect())
}

/// The photos that `paths` mean, in the order given; what a folder or glob holds is sorted.
///
/// A file that is named outright is always one of them, so that its error is seen; of folders and globs only what is
/// a photo by its content.
pub(crate) fn find(paths: &[PathBuf], stdin: &mut dyn Read) -> Result<Vec<Found>, ListError> {
    let mut photos = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            for listed in read_list(stdin)? {
                // A list may be long and old: a file that is gone becomes that photo's error, not the end of the run.
                if listed.is_dir() { photos.extend(folder(&listed)?) } else { photos.push(Found::file(listed)) }
            }
        } else if path.is_dir() {
            photos.extend(folder(path)?);
        } else if path.exists() {
            photos.push(Found::file(path.clone()));
        } else {
            photos.extend(globbed(path)?);
        }
    }
    if photos.is_empty() {
        let named = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(ListError::Empty(named));
    }
    Ok(photos)
}

/// The photos of a folder and its folders, sorted.
fn folder(path: &Path) -> Result<Vec<Found>, ListError> {
    let mut photos = Vec::new();
    for entry in walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| ListError::Unreadable {
            path: error.path().unwrap_or(path).display().to_string(),
            source: error.into(),
        })?;
        if entry.file_type().is_file() && is_photo(entry.path()) {
            let file = entry.into_path();
            let name = file.strip_prefix(path).unwrap_or(&file).to_owned();
            photos.push(Found { path: file, name });
        }
    }
    Ok(photos)
}

fn globbed(pattern: &Path) -> Result<Vec<Found>, ListError> {
    let text = pattern.to_string_lossy().into_owned();
    let matches = glob::glob(&text).map_err(|reason| ListError::Glob { path: text.clone(), reason })?;
    let mut photos = Vec::new();
    let mut any = false;
    for path in matches {
        any = true;
        let path = path.map_err(|error| ListError::Unreadable {
            path: error.path().display().to_string(),
            source: error.into(),
        })?;
        if path.is_dir() {
            photos.extend(folder(&path)?);
        } else if is_photo(&path) {
            photos.push(Found::file(path));
        }
    }
    if any { Ok(photos) } else { Err(ListError::Missing(text)) }
}

/// The names of a list: one a line, or separated by NUL where there is one (`find -print0`).
fn read_list(stdin: &mut dyn Read) -> Result<Vec<PathBuf>, ListError> {
    let mut bytes = Vec::new();
    stdin
        .read_to_end(&mut bytes)
        .map_err(|source| ListError::Unreadable { path: "standard input".to_owned(), source })?;
    let nul = bytes.contains(&0);
    let names = bytes.split(|byte| if nul { *byte == 0 } else { *byte == b'\n' });
    Ok(names
        .map(|name| name.strip_suffix(b"\r").unwrap_or(name))
        .filter(|name| !name.is_empty())
        .map(to_path)
        .collect())
}

#[cfg(unix)]
fn to_path(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name))
}

#[cfg(not(unix))]
fn to_path(name: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(name).into_owned())
}

/// By content: a name proves nothing.
fn is_photo(path: &Path) -> bool {
    let mut head = Vec::with_capacity(64);
    File::open(path).is_ok_and(|file| file.take(64).read_to_end(&mut head).is_ok())
        && PhotoFormat::sniff(&head).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00";

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("b/c")).unwrap();
        for name in ["b/2.jpg", "b/10.jpg", "b/c/disguised.txt", "a.jpg"] {
            std::fs::write(tree.path().join(name), JPEG).unwrap();
        }
        std::fs::write(tree.path().join("b/notes.jpg"), "no photo").unwrap();
        tree
    }

    fn names(root: &Path, found: &[PathBuf]) -> Vec<String> {
        found.iter().map(|path| path.strip_prefix(root).unwrap_or(path).display().to_string()).collect()
    }

    #[test]
    fn folders_are_searched_in_order_and_only_for_photos() {
        let tree = tree();
        let found = expand(&[tree.path().join("b")], &mut io::empty()).unwrap();
        assert_eq!(names(tree.path(), &found), ["b/10.jpg", "b/2.jpg", "b/c/disguised.txt"]);
    }

    #[test]
    fn globs_match_and_a_named_file_is_always_taken() {
        let tree = tree();
        let found = expand(&[tree.path().join("b/*.jpg")], &mut io::empty()).unwrap();
        assert_eq!(names(tree.path(), &found), ["b/10.jpg", "b/2.jpg"]);
        let found = expand(&[tree.path().join("b/notes.jpg")], &mut io::empty()).unwrap();
        assert_eq!(names(tree.path(), &found), ["b/notes.jpg"]);
    }

    #[test]
    fn names_are_those_inside_the_folder_given() {
        let tree = tree();
        let found = find(&[tree.path().join("b"), tree.path().join("*.jpg")], &mut io::empty()).unwrap();
        let names: Vec<_> = found.iter().map(|found| found.name.display().to_string()).collect();
        assert_eq!(names, ["10.jpg", "2.jpg", "c/disguised.txt", "a.jpg"]);
    }

    #[test]
    fn lists_come_by_line_or_by_nul() {
        let tree = tree();
        let folder = tree.path().join("b/c").display().to_string();
        let list = format!("gone.jpg\r\n\n{folder}\n");
        let found = expand(&[PathBuf::from("-")], &mut list.as_bytes()).unwrap();
        assert_eq!(names(tree.path(), &found), ["gone.jpg", "b/c/disguised.txt"]);
        let found = expand(&[PathBuf::from("-")], &mut b"a\nb.jpg\0c.jpg\0".as_slice()).unwrap();
        assert_eq!(names(tree.path(), &found), ["a\nb.jpg", "c.jpg"]);
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        let tree = tree();
        let error = expand(&[tree.path().join("nothing/*.png")], &mut io::empty()).unwrap_err();
        assert!(error.to_string().contains("nothing/*.png"), "{error}");
        std::fs::create_dir(tree.path().join("empty")).unwrap();
        let error = expand(&[tree.path().join("empty")], &mut io::empty()).unwrap_err();
        assert!(matches!(&error, ListError::Empty(path) if path.ends_with("empty")), "{error}");
    }
}
