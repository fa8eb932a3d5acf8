//! A file that is not complete yet.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{PullError, Wanted, WrongBytes};
use crate::progress::Progress;

/// `<file>.part`, locked while we write to it, and beside it the mark of the version that it is a part of.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    mark: PathBuf,
    file: File,
    wanted: Wanted,
    from: String,
    /// Whether what is there was begun by an earlier run.
    pub(crate) resumed: bool,
}

impl Part {
    /// Opens what an earlier run left, or begins anew.
    pub(crate) fn open(to: &Path, wanted: &Wanted) -> Result<Self, PullError> {
        let path = beside(to, ".part");
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(PullError::file(folder))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(PullError::file(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PullError::Busy(wanted.name.clone())),
            // Not every file system has locks; the digest is checked all the same.
            Err(TryLockError::Error(_)) => {}
        }
        let mut part = Self {
            mark: beside(to, ".part.version"),
            path,
            file,
            wanted: wanted.clone(),
            from: String::new(),
            resumed: false,
        };
        let length = part.length()?;
        if wanted.bytes.is_some_and(|bytes| length > bytes) {
            part.restart()?;
        } else {
            part.resumed = length > 0;
        }
        Ok(part)
    }

    /// Bytes that are there.
    pub(crate) fn length(&self) -> Result<u64, PullError> {
        Ok(self.file.metadata().map_err(PullError::file(&self.path))?.len())
    }

    /// Whether nothing is missing.
    pub(crate) fn is_full(&self) -> Result<bool, PullError> {
        Ok(Some(self.length()?) == self.wanted.bytes)
    }

    /// The version (`ETag` or `Last-Modified`) of which this is a part, where the server named one.
    pub(crate) fn version(&self) -> Option<String> {
        fs::read_to_string(&self.mark).ok().filter(|version| !version.is_empty())
    }

    /// Notes where the bytes come from.
    pub(crate) fn comes_from(&mut self, place: &str, version: Option<&str>) -> Result<(), PullError> {
        place.clone_into(&mut self.from);
        match version {
            Some(version) => fs::write(&self.mark, version).map_err(PullError::file(&self.mark)),
            None => {
                // Most often there is none.
                let _ = fs::remove_file(&self.mark);
                Ok(())
            }
        }
    }

    /// Forgets what is there.
    pub(crate) fn restart(&mut self) -> Result<(), PullError> {
        self.resumed = false;
        self.file.set_len(0).map_err(PullError::file(&self.path))
    }

    /// Adds bytes at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(bytes));
        written.map_err(PullError::file(&self.path))
    }

    /// Takes all of a local file instead.
    pub(crate) fn copy(&mut self, from: &Path, progress: &Progress) -> Result<(), PullError> {
        let mut source = match File::open(from) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(PullError::NotThere(from.display().to_string()));
            }
            Err(error) => return Err(PullError::file(from)(error)),
        };
        self.restart()?;
        self.comes_from(&from.display().to_string(), None)?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let count = source.read(&mut buffer).map_err(PullError::file(from))?;
            if count == 0 {
                return Ok(());
            }
            self.append(&buffer[..count])?;
            progress.advance(count as u64);
        }
    }

    /// Whether the digest and the size are the card's.
    pub(crate) fn is_right(&self) -> Result<bool, PullError> {
        let right_size = self.wanted.bytes.is_none_or(|bytes| self.length().is_ok_and(|length| length == bytes));
        Ok(right_size && self.digest()? == self.wanted.sha256.to_ascii_lowercase())
    }

    /// Gives the file its final name, or deletes it where it has wrong bytes.
    pub(crate) fn complete(self, to: &Path) -> Result<(), PullError> {
        let _ = fs::remove_file(&self.mark);
        if self.is_right()? {
            self.file.sync_all().map_err(PullError::file(&self.path))?;
            return fs::rename(&self.path, to).map_err(PullError::file(to));
        }
        let (got_sha256, got_bytes) = (self.digest()?, self.length()?);
        fs::remove_file(&self.path).map_err(PullError::file(&self.path))?;
        Err(PullError::WrongBytes(Box::new(WrongBytes { from: self.from, wanted: self.wanted, got_sha256, got_bytes })))
    }

    /// Leaves no empty file behind.
    pub(crate) fn discard_if_empty(self) {
        if self.length().is_ok_and(|length| length == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }

    fn digest(&self) -> Result<String, PullError> {
        detector::catalog::sha256_file(&self.path).map_err(PullError::file(&self.path))
    }
}

fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
