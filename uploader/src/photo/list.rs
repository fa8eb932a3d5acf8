//! From the paths of a command line and of lists to the photos they mean.

pub(crate) mod names;
mod pattern;
mod walk;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use wire::{ItemError, S3Uri};

use super::object::Object;
use super::skipped_files::SkippedFiles;
use super::{fault, item_error};
pub(crate) use names::NoList;

/// What leads to no run at all: a mistake of the command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("{0}: no such file or folder")]
    Missing(String),
    #[error("{path}: {reason}")]
    Glob { path: String, reason: glob::PatternError },
    #[error("list {list}: {reason}")]
    NoList { list: String, reason: NoList },
    #[error("{0}: URLs are not supported as photos; {1}")]
    Remote(String, &'static str),
    #[error("no photos in {0}{1}")]
    Empty(String, String),
}

/// Where photos are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Files, folders, globs; `-` for a list on standard input.
    pub(crate) paths: Vec<PathBuf>,
    /// Files with lists; `-` is standard input here, too.
    pub(crate) lists: Vec<PathBuf>,
    /// Whether what is passed over is to be named.
    pub(crate) verbose: bool,
    /// Whether `s3://bucket/prefix` is a path like others.
    pub(crate) objects: bool,
    /// What to do with a photo that is behind a URL, for whoever names one.
    pub(crate) instead_of_urls: &'static str,
}

/// Photos, and what was found beside them.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Photos, and entries that cannot be sent: in the order given; what a folder or glob holds is sorted.
    pub(crate) found: Vec<Found>,
    /// What is no photo.
    pub(crate) skipped: SkippedFiles,
    /// The files that the lists were read from.
    pub(crate) lists: Vec<PathBuf>,
}

/// A photo, and what it is called where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its path inside the folder that was given; for a file that was given itself, or by a glob, its name.
    pub(crate) name: PathBuf,
    /// The same, but also inside the folder that a glob begins with, or that all files of a list have in common: where
    /// what is made of it goes.
    pub(crate) place: PathBuf,
    /// Where its bytes are.
    pub(crate) source: Source,
}

/// Where a photo's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// At its path.
    File,
    /// Here: they came by standard input.
    Held(Bytes),
    /// In S3, in an object or below a prefix: nobody has looked yet.
    Place(S3Uri),
    /// In an object of S3.
    Object(Object),
    /// Nowhere: it cannot be sent.
    Fault {
        /// Why.
        error: ItemError,
        /// Whether a whole folder is missed, whatever it may hold.
        is_folder: bool,
    },
}

impl Found {
    /// A file that was given itself.
    pub(crate) fn file(path: PathBuf) -> Self {
        let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
        Self { path, place: name.clone(), name, source: Source::File }
    }

    /// An entry that cannot be sent.
    pub(crate) fn fault(path: PathBuf, error: ItemError, is_folder: bool) -> Self {
        Self { source: Source::Fault { error, is_folder }, ..Self::file(path) }
    }

    /// A file inside a folder that was given.
    fn inside(root: &Path, path: PathBuf) -> Self {
        let name = path.strip_prefix(root).ok().filter(|name| !name.as_os_str().is_empty()).map(Path::to_owned);
        let file = Self::file(path);
        let name = name.unwrap_or(file.name);
        Self { place: name.clone(), name, ..file }
    }

    /// With its place inside of `base`, where it lies there.
    fn placed(self, base: &Path) -> Self {
        let place = self.path.strip_prefix(base).ok().filter(|place| !place.as_os_str().is_empty());
        Self { place: place.unwrap_or(&self.place).to_owned(), ..self }
    }
}

impl Listing {
    /// Makes entries of names that no output can hold errors.
    pub(crate) fn refuse_names_that_are_no_text(&mut self) {
        for found in self.found.iter_mut().filter(|found| found.source == Source::File && found.path.to_str().is_none())
        {
            found.source = Source::Fault { error: fault::name_is_no_text(&found.path), is_folder: false };
        }
    }

    /// Makes what can be read only once, a pipe or a device, an error of its own: for verbs whose targets each read the photos.
    pub(crate) fn refuse_what_is_read_once(&mut self) {
        for found in self.found.iter_mut().filter(|found| found.source == Source::File) {
            if fs::metadata(&found.path).is_ok_and(|metadata| !metadata.is_file()) {
                found.source = Source::Fault { error: fault::not_a_file(), is_folder: false };
            }
        }
    }
}

/// The photos that a request means. An entry that cannot be read is among them, with its error; so is, whatever it is, a
/// file that is named outright. Of folders and globs everything that is no photo by its content is passed over.
pub(crate) fn find(request: &Request, stdin: &mut dyn Read) -> Result<Listing, ListError> {
    let mut search = Search {
        listing: Listing { skipped: SkippedFiles::new(request.verbose), ..Listing::default() },
        missing: None,
        objects: request.objects,
    };
    for path in &request.paths {
        if path.as_os_str() == "-" {
            search.list(path, stdin)?;
        } else if let Some(place) = place(path).filter(|_| request.objects && !path.exists()) {
            search.listing.found.push(Found { source: Source::Place(place), ..Found::file(path.clone()) });
        } else if is_remote(path) && !path.exists() {
            let url = path.display().to_string();
            let is_place = request.objects && url.to_ascii_lowercase().starts_with("s3:");
            let instead = if is_place { "expected s3://bucket/prefix" } else { request.instead_of_urls };
            return Err(ListError::Remote(url, instead));
        } else {
            search.path(path)?;
        }
    }
    for list in &request.lists {
        search.list(list, stdin)?;
    }
    search.finish(request)
}

struct Search {
    listing: Listing,
    /// The first path of the command line that leads nowhere.
    missing: Option<usize>,
    /// Whether `s3://bucket/prefix` is a path like others.
    objects: bool,
}

impl Search {
    /// A path of the command line.
    fn path(&mut self, path: &Path) -> Result<(), ListError> {
        let skipped = &mut self.listing.skipped;
        let error = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                self.listing.found.extend(walk::folder(path, skipped));
                return Ok(());
            }
            Ok(_) => {
                self.listing.found.push(Found::file(path.to_owned()));
                return Ok(());
            }
            Err(error) => error,
        };
        let is_there = fs::symlink_metadata(path).is_ok();
        if !is_there && error.kind() == io::ErrorKind::NotFound && pattern::may_be(path) {
            let text = || path.display().to_string();
            let found = walk::glob(path, skipped).map_err(|reason| ListError::Glob { path: text(), reason })?;
            self.listing.found.extend(found.ok_or_else(|| ListError::Missing(text()))?);
            return Ok(());
        }
        if !is_there && self.missing.is_none() {
            self.missing = Some(self.listing.found.len());
        }
        self.listing.found.push(Found::fault(path.to_owned(), fault::of_io(path, &error), false));
        Ok(())
    }

    /// The names of a list, `-` on standard input. A list may be long and old: what is gone becomes that photo's error.
    fn list(&mut self, list: &Path, stdin: &mut dyn Read) -> Result<(), ListError> {
        let is_stdin = list.as_os_str() == "-";
        let name = || if is_stdin { "(standard input)".to_owned() } else { list.display().to_string() };
        let no_list = |reason| ListError::NoList { list: name(), reason };
        let names = if is_stdin {
            names::read(stdin)
        } else {
            self.listing.lists.push(list.to_owned());
            File::open(list).map_err(NoList::from).and_then(|mut file| names::read(&mut file))
        };
        let names = names.map_err(no_list)?;
        let base = common_folder(&names);
        // As `find` prints it, a list names a folder and then what is in it: that is meant once.
        let (mut named, mut walked) = (HashSet::new(), HashSet::new());
        for name in names {
            if walked.contains(&name) {
                continue;
            }
            match fs::metadata(&name) {
                Ok(metadata) if metadata.is_dir() => {
                    for found in walk::folder(&name, &mut self.listing.skipped) {
                        if !named.contains(&found.path) && walked.insert(found.path.clone()) {
                            self.listing.found.push(found.placed(&base));
                        }
                    }
                    continue;
                }
                Ok(_) => self.listing.found.push(Found::file(name.clone()).placed(&base)),
                Err(_) if self.objects && place(&name).is_some() => {
                    let source = place(&name).map_or(Source::File, Source::Place);
                    self.listing.found.push(Found { source, ..Found::file(name.clone()) });
                }
                Err(_) if is_remote(&name) => {
                    let message = "URLs are not supported. Download it first.";
                    self.listing.found.push(Found::fault(name.clone(), item_error("unreadable", message), false));
                }
                Err(error) => {
                    let error = fault::of_io(&name, &error);
                    self.listing.found.push(Found::fault(name.clone(), error, false));
                }
            }
            named.insert(name);
        }
        Ok(())
    }

    fn finish(self, request: &Request) -> Result<Listing, ListError> {
        let Self { listing, missing, .. } = self;
        let Some(first) = missing.and_then(|index| listing.found.get(index)) else {
            return if listing.found.is_empty() { Err(empty(request, &listing.skipped)) } else { Ok(listing) };
        };
        // Beside others, a path that leads nowhere is that entry's error; with nothing else it is a mistake.
        let leads_somewhere =
            |found: &Found| !matches!(&found.source, Source::Fault { .. }) || fs::symlink_metadata(&found.path).is_ok();
        if listing.found.iter().any(leads_somewhere) {
            return Ok(listing);
        }
        Err(ListError::Missing(first.path.display().to_string()))
    }
}

fn empty(request: &Request, skipped: &SkippedFiles) -> ListError {
    let lists = request.lists.iter().map(|list| format!("list {}", list.display()));
    let paths = request.paths.iter().map(|path| match path.to_str() {
        Some("-") => "list (standard input)".to_owned(),
        _ => path.display().to_string(),
    });
    let named: Vec<String> = paths.chain(lists).collect();
    let there = if skipped.is_empty() { String::new() } else { format!(" ({skipped})") };
    ListError::Empty(named.join(", "), there)
}

/// The folder that all of these lie in, as they are written; that of a single one is its own.
fn common_folder(names: &[PathBuf]) -> PathBuf {
    let mut parents = names.iter().map(|name| name.parent().unwrap_or(Path::new("")));
    let first = parents.next().unwrap_or(Path::new("")).to_owned();
    parents.fold(first, |common, parent| {
        common.components().zip(parent.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    })
}

/// The place in S3 that a path is.
fn place(path: &Path) -> Option<S3Uri> {
    path.to_str().filter(|path| path.starts_with("s3://"))?.parse().ok()
}

/// Whether a path is written like a URL.
fn is_remote(path: &Path) -> bool {
    let scheme = path.to_str().and_then(|path| path.split_once("://")).map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| ["http", "https", "s3", "gs", "ftp", "file", "data"].contains(&scheme.as_str()))
}

#[cfg(test)]
mod tests;
