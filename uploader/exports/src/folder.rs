//! The folder of a dataset: new or empty at first, and nothing in it is written over.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Reasons that are told one by one.
const TOLD: usize = 5;

/// A folder that only this run writes to.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, or takes one that is empty; `option` is who asks for it.
    ///
    /// # Errors
    /// It holds something already, or cannot be made.
    pub fn create(option: &str, path: &Path) -> Result<Self> {
        let what = || format!("{option} {}", path.display());
        fs::create_dir_all(path).with_context(what)?;
        if fs::read_dir(path).with_context(what)?.next().is_some() {
            bail!("{option} {}: the folder is not empty; name a new one, or empty it first", path.display());
        }
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A new file in it; `name` has `/` between its parts.
    pub(crate) fn file(&self, name: &str) -> Result<File> {
        let path = self.place(name)?;
        File::create_new(&path).with_context(|| path.display().to_string())
    }

    /// Writes a new file.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        self.file(name)?.write_all(content).with_context(|| self.0.join(name).display().to_string())
    }

    /// Where a file goes; its folders are made.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        Ok(path)
    }
}

/// How photos get into a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Photos {
    /// As symbolic links.
    Linked,
    /// As copies.
    Copied,
}

/// Photos that are put beside their labels.
#[derive(Debug)]
pub(crate) struct Placing {
    how: Option<Photos>,
    missing: usize,
    reasons: Vec<String>,
}

impl Placing {
    pub(crate) fn new(how: Option<Photos>) -> Self {
        Self { how, missing: 0, reasons: Vec::new() }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.how.is_some()
    }

    /// Puts a photo into the folder, where that is wanted. One that cannot be put there ends nothing.
    pub(crate) fn put(&mut self, photo: &Path, folder: &Folder, name: &str) -> Result<()> {
        let Some(how) = self.how else { return Ok(()) };
        let to = folder.place(name)?;
        if let Err(error) = put(photo, &to, how) {
            self.missing += 1;
            if self.reasons.len() < TOLD {
                self.reasons.push(format!("{} is not among the dataset's photos: {error}", photo.display()));
            }
        }
        Ok(())
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.reasons.clone();
        if self.missing > notes.len() {
            notes.push(format!("{} more photos are not among the dataset's", self.missing - notes.len()));
        }
        notes
    }
}

/// Puts a photo at a path where nothing is yet.
pub(crate) fn put(photo: &Path, to: &Path, how: Photos) -> io::Result<()> {
    if !fs::metadata(photo)?.is_file() {
        return Err(io::Error::other("it is not an ordinary file"));
    }
    match how {
        Photos::Linked => link(&std::path::absolute(photo)?, to),
        Photos::Copied => copy(photo, to),
    }
}

#[cfg(unix)]
fn link(photo: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(photo, to)
}

#[cfg(windows)]
fn link(photo: &Path, to: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(photo, to)
}

/// Unlike [`fs::copy`] over nothing that is there.
fn copy(photo: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(photo)?;
    let mut file = File::create_new(to)?;
    let copied = io::copy(&mut from, &mut file).map(|_| ());
    if copied.is_err() {
        // Half a photo is worse than none; the first error says more than another.
        let _ = fs::remove_file(to);
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_files_are_written() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("deep/dataset");
        let folder = Folder::create("--output", &path).unwrap();
        folder.write("labels/a/x.txt", b"1").unwrap();
        assert!(folder.write("labels/a/x.txt", b"2").is_err());
        assert_eq!(fs::read(path.join("labels/a/x.txt")).unwrap(), b"1");
        let error = Folder::create("--output", &path).unwrap_err().to_string();
        assert!(error.contains("is not empty; name a new one"), "{error}");
        assert!(Folder::create("--output", &path.join("labels/a/x.txt")).is_err());
    }

    #[test]
    fn photos_are_linked_or_copied_and_what_cannot_be_is_told() {
        let home = tempfile::tempdir().unwrap();
        let photo = home.path().join("x.jpg");
        fs::write(&photo, "photo").unwrap();
        let folder = Folder::create("--output", &home.path().join("out")).unwrap();
        for (how, name) in [(Photos::Linked, "images/l.jpg"), (Photos::Copied, "images/c.jpg")] {
            let mut placing = Placing::new(Some(how));
            placing.put(&photo, &folder, name).unwrap();
            assert_eq!(fs::read(folder.0.join(name)).unwrap(), b"photo");
            placing.put(Path::new("s3://in/x.jpg"), &folder, "images/gone.jpg").unwrap();
            assert!(placing.notes()[0].starts_with("s3://in/x.jpg is not among the dataset's photos"));
        }
    }
}
