//! A folder of this machine as a store.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::store::{Object, Store, Stored};

/// A folder of this machine.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at this path; it need not be there to be written to.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Store for Folder {
    fn list(&self, each: &mut dyn FnMut(Object) -> Result<()>) -> Result<()> {
        if !self.0.exists() {
            return Ok(());
        }
        for entry in WalkDir::new(&self.0).sort_by_file_name() {
            let entry = entry.with_context(|| format!("cannot list {}", self.0.display()))?;
            // What is no text is no name of ours.
            let Some(name) = entry.path().strip_prefix(&self.0).ok().and_then(Path::to_str) else { continue };
            if !entry.file_type().is_file() {
                continue;
            }
            match entry.metadata() {
                Ok(data) => each(Object {
                    name: name.to_owned(),
                    version: version(&data),
                    size: data.len(),
                    stored: data.modified().unwrap_or(UNIX_EPOCH),
                })?,
                // Gone since.
                Err(error) if error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound) => {}
                Err(error) => return Err(error).with_context(|| format!("cannot list {}", self.0.display())),
            }
        }
        Ok(())
    }

    fn read(&self, object: &Object) -> Result<Option<Box<dyn Read + Send>>> {
        let path = self.path(&object.name);
        match File::open(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn read_range(&self, object: &Object, range: Range<u64>) -> Result<Bytes> {
        let path = self.path(&object.name);
        let read = || {
            let mut file = File::open(&path)?;
            if version(&file.metadata()?) != object.version {
                return Ok(Vec::new());
            }
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end - range.start).read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(bytes)
        };
        read().map(Bytes::from).with_context(|| format!("cannot read {}", path.display()))
    }

    fn replace(&self, name: &str, expected: Option<&str>, mut file: &File) -> Result<Stored> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.0);
        let mut replace = || {
            fs::create_dir_all(folder)?;
            let mut beside = NamedTempFile::new_in(folder)?;
            file.seek(SeekFrom::Start(0))?;
            io::copy(&mut file, &mut beside)?;
            beside.as_file().sync_all()?;
            // Others who replace files here wait, so that nobody comes between the look and the step.
            let held = File::open(folder)?;
            held.lock()?;
            if fs::metadata(&path).ok().as_ref().map(version).as_deref() != expected {
                return Ok(Stored::Conflict);
            }
            let beside = readable(beside)?;
            beside.persist(&path)?;
            Ok::<_, io::Error>(Stored::Done)
        };
        replace().with_context(|| format!("cannot write {}", path.display()))
    }

    fn place(&self) -> String {
        self.0.display().to_string()
    }
}

fn version(data: &fs::Metadata) -> String {
    let modified = data.modified().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", data.len(), modified.as_nanos())
}

/// Temporary files are for their owner only; tables are as any other file.
fn readable(file: NamedTempFile) -> io::Result<NamedTempFile> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    Ok(file)
}
