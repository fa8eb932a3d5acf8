//! A folder and its folders, or what a glob matches: photos, entries that cannot be read, and the rest by kind.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use glob::PatternError;

use super::{Found, Source, pattern};
use crate::photo::fault;
use crate::photo::kind::{HEAD, Kind};
use crate::photo::skipped_files::SkippedFiles;

/// What is found at one place.
struct Gathering<'a> {
    found: Vec<Found>,
    drawn: Vec<Found>,
    skipped: &'a mut SkippedFiles,
}

/// The photos of a folder and its folders, sorted.
pub(super) fn folder(path: &Path, skipped: &mut SkippedFiles) -> Vec<Found> {
    let mut gathering = Gathering::new(skipped);
    gathering.walk(path);
    gathering.finish(path)
}

/// What a glob matches; nothing where it matches nothing at all.
pub(super) fn glob(pattern: &Path, skipped: &mut SkippedFiles) -> Result<Option<Vec<Found>>, PatternError> {
    let pattern::Matches { base, paths } = pattern::matches(pattern)?;
    let mut gathering = Gathering::new(skipped);
    if paths.is_empty() {
        return Ok(None);
    }
    for path in paths {
        match path {
            Ok(path) if path.is_dir() => gathering.walk(&path),
            Ok(path) => gathering.add(Found::file(path)),
            Err(error) => gathering.found.push(Found::fault(
                error.path().to_owned(),
                fault::of_io(error.path(), error.error()),
                true,
            )),
        }
    }
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
    let placed = gathering.finish(base).into_iter().map(|found| found.placed(base));
    Ok(Some(placed.collect()))
}

impl<'a> Gathering<'a> {
    fn new(skipped: &'a mut SkippedFiles) -> Self {
        Self { found: Vec::new(), drawn: Vec::new(), skipped }
    }

    fn walk(&mut self, root: &Path) {
        for entry in walkdir::WalkDir::new(root).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => self.add(Found::inside(root, entry.into_path())),
                Err(error) => {
                    let path = error.path().unwrap_or(root);
                    // A link back to a folder that is walked anyway hides nothing.
                    let is_folder = error.loop_ancestor().is_none() && path.is_dir();
                    let error = fault::of_walk(path, &error);
                    let mut found = Found::inside(root, path.to_owned());
                    found.source = Source::Fault { error, is_folder };
                    self.found.push(found);
                }
            }
        }
    }

    /// Takes a file for what its content says; its name proves nothing.
    fn add(&mut self, found: Found) {
        match kind(&found.path) {
            Ok(Kind::Photo) => self.found.push(found),
            Ok(Kind::Drawn) => self.drawn.push(found),
            Ok(kind) => self.skipped.add(&found.path, kind),
            Err(error) => {
                let error = fault::of_io(&found.path, &error);
                self.found.push(Found { source: Source::Fault { error, is_folder: false }, ..found });
            }
        }
    }

    /// Photos that an earlier run has drawn are its results. They are meant only where nothing else can be: in a folder
    /// that was named itself and holds no others.
    fn finish(mut self, root: &Path) -> Vec<Found> {
        let nothing_else = self.found.iter().all(|found| matches!(found.source, Source::Fault { .. }));
        for drawn in self.drawn {
            if nothing_else && drawn.path.parent().is_some_and(|parent| parent == root || parent.as_os_str().is_empty())
            {
                self.found.push(drawn);
            } else {
                self.skipped.add(&drawn.path, Kind::Drawn);
            }
        }
        self.found
    }
}

/// A file's kind. Only ordinary files are opened.
fn kind(path: &Path) -> io::Result<Kind> {
    if !fs::metadata(path)?.is_file() {
        return Ok(Kind::Special);
    }
    let mut head = Vec::with_capacity(HEAD);
    File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(Kind::of(&head))
}
