//! Globs, of which the folders that are there literally are no part: `My [2023] photos/*.jpg`.

use std::path::{Path, PathBuf};

use glob::{GlobError, Pattern, PatternError};

/// What a glob matches.
#[derive(Debug)]
pub(super) struct Matches {
    /// The folders that the glob begins with literally.
    pub(super) base: PathBuf,
    /// Each match, in order; or a folder that could not be read.
    pub(super) paths: Vec<Result<PathBuf, GlobError>>,
}

/// Whether there is anything in a path that a glob may mean.
pub(super) fn may_be(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// Everything that `pattern` matches.
pub(super) fn matches(pattern: &Path) -> Result<Matches, PatternError> {
    let (base, rest) = split(pattern);
    let escaped = Pattern::escape(&base.to_string_lossy());
    let full = if base.as_os_str().is_empty() { rest } else { Path::new(&escaped).join(rest) };
    let paths = glob::glob(&full.to_string_lossy())?.collect();
    Ok(Matches { base, paths })
}

/// The folders that are there as they are written, and what is left: the pattern.
fn split(pattern: &Path) -> (PathBuf, PathBuf) {
    let mut base = PathBuf::new();
    let mut components = pattern.components();
    loop {
        let rest = components.as_path().to_owned();
        let Some(component) = components.next() else { return (base, rest) };
        let longer = base.join(component);
        if !longer.is_dir() {
            return (base, rest);
        }
        base = longer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_a_pattern() {
        let tree = tempfile::tempdir().unwrap();
        let folder = tree.path().join("My [2023] photos/day [1]");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.jpg"), "").unwrap();
        let found = |pattern: &str| {
            let matches = matches(&tree.path().join(pattern)).unwrap();
            (matches.base, matches.paths.into_iter().map(Result::unwrap).collect::<Vec<_>>())
        };
        let (base, paths) = found("My [2023] photos/**/*.jpg");
        assert_eq!((base, paths), (tree.path().join("My [2023] photos"), vec![folder.join("a.jpg")]));
        assert_eq!(found("My [2023] photos/day [1]/?.jpg").1, [folder.join("a.jpg")]);
        assert_eq!(found("My*/day*/[ab].jpg").1, [folder.join("a.jpg")]);
        assert!(found("My [2023] photos/day 1/*.jpg").1.is_empty());
    }
}
