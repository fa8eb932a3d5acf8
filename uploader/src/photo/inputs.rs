//! What a run reads is not what it writes to, by whatever name or link it is called.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::list::{Listing, Source};

/// The files that a run reads.
#[derive(Debug, Default)]
pub(crate) struct Inputs(HashMap<Identity, PathBuf>);

impl Inputs {
    /// The photos of a listing, the lists they were named in, and standard input where that is a file. Asks the file system
    /// about each: blocks.
    pub(crate) fn of(listing: &Listing) -> Self {
        let mut inputs = Self::with_standard_input();
        let photos = listing.found.iter().filter(|found| matches!(found.source, Source::File | Source::Fault { .. }));
        photos
            .map(|found| found.path.as_path())
            .chain(listing.lists.iter().map(PathBuf::as_path))
            .for_each(|path| inputs.add(path));
        inputs
    }

    /// Standard input alone, where that is a file.
    pub(crate) fn with_standard_input() -> Self {
        Self(identity_of(&io::stdin()).map(|stdin| (stdin, "standard input".into())).into_iter().collect())
    }

    /// One more file. What is not there, or no ordinary file, needs no protection.
    pub(crate) fn add(&mut self, path: &Path) {
        if let Some(identity) = Identity::of(path) {
            self.0.entry(identity).or_insert_with(|| path.to_owned());
        }
    }

    /// Refuses to write to a file that is read.
    pub(crate) fn spare(&self, option: &str, output: &Path) -> Result<()> {
        match self.input(output) {
            Some(input) => bail!("{option} {} would overwrite an input; use another file", described(input, output),),
            None => Ok(()),
        }
    }

    /// Refuses to draw photos into a folder that holds JPEGs which are read: what is drawn might get their names.
    pub(crate) fn spare_drawing_in(&self, option: &str, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
            if !extension.is_some_and(|extension| extension == "jpg" || extension == "part") {
                continue;
            }
            if let Some(input) = self.input(&path) {
                bail!(
                    "{option} {} could overwrite an input, {}; use another folder",
                    folder.display(),
                    described(input, &path),
                );
            }
        }
        Ok(())
    }

    /// The input that this is, by whatever name.
    fn input(&self, path: &Path) -> Option<&PathBuf> {
        self.0.get(&Identity::of(path)?)
    }

    /// Refuses to go on where a shell has made standard output one of these files.
    pub(crate) fn spare_standard_output(&self) -> Result<()> {
        match identity_of(&io::stdout()).and_then(|identity| self.0.get(&identity)) {
            Some(input) => {
                bail!("standard output would overwrite an input, {}; redirect it elsewhere", input.display())
            }
            None => Ok(()),
        }
    }
}

/// A file by the name by which it was met, and that by which it is read, where they differ.
fn described(input: &Path, met: &Path) -> String {
    if input == met {
        return met.display().to_string();
    }
    format!("{} (another name of {})", met.display(), input.display())
}

/// What is the same for all names of a file.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
}

#[cfg(unix)]
impl Identity {
    fn of(path: &Path) -> Option<Self> {
        Self::of_metadata(&fs::metadata(path).ok()?)
    }

    fn of_metadata(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        metadata.is_file().then(|| Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

#[cfg(unix)]
fn identity_of(stream: &impl std::os::fd::AsFd) -> Option<Identity> {
    let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
    Identity::of_metadata(&file.metadata().ok()?)
}

/// What is the same for all names of a file, hard links apart.
#[cfg(not(unix))]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity(PathBuf);

#[cfg(not(unix))]
impl Identity {
    fn of(path: &Path) -> Option<Self> {
        fs::canonicalize(path).ok().filter(|path| path.is_file()).map(Self)
    }
}

#[cfg(not(unix))]
fn identity_of<T>(_stream: &T) -> Option<Identity> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn an_input_is_spared_by_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["in/a.jpg", "other/b.txt"] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), name).unwrap();
        }
        symlink(path("in/a.jpg"), path("link")).unwrap();
        fs::hard_link(path("in/a.jpg"), path("other/hard.jpg")).unwrap();
        symlink(path("in"), path("in2")).unwrap();
        let mut inputs = Inputs::default();
        inputs.add(&path("in/a.jpg"));
        for same in ["in/a.jpg", "link", "other/hard.jpg", "in/../in/a.jpg", "in2/a.jpg"] {
            let error = inputs.spare("--output", &path(same)).unwrap_err().to_string();
            assert!(error.starts_with("--output ") && error.contains("would overwrite an input"), "{error}");
        }
        inputs.spare("--output", &path("other/b.txt")).unwrap();
        inputs.spare("--output", &path("new")).unwrap();
        inputs.spare("--output", Path::new("/dev/null")).unwrap();
        for holds in ["in", "in2", "other", "in/../in"] {
            assert!(inputs.spare_drawing_in("--annotate", &path(holds)).is_err(), "{holds}");
        }
        inputs.add(&path("other/b.txt"));
        fs::remove_file(path("other/hard.jpg")).unwrap();
        inputs.spare_drawing_in("--annotate", &path("other")).unwrap();
        inputs.spare_drawing_in("--annotate", &path("new")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        inputs.spare_drawing_in("--annotate", &path("empty")).unwrap();
    }
}
