//! Where results and tables lie: a folder of S3 or of this machine.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::time::SystemTime;

use anyhow::Result;
use bytes::Bytes;

/// A file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name below the folder, with slashes.
    pub name: String,
    /// What changes whenever its content does.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored.
    pub stored: SystemTime,
}

/// What became of a file that was to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is there.
    Done,
    /// Somebody else has stored another version meanwhile.
    Conflict,
}

/// A folder, used from several threads at once. Every method blocks.
pub trait Store: Send + Sync {
    /// Hands each file below the folder to `each`, until that fails.
    ///
    /// # Errors
    /// The folder cannot be listed, or what `each` says.
    fn list(&self, each: &mut dyn FnMut(Object) -> Result<()>) -> Result<()>;

    /// A file's content; `None` where there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, object: &Object) -> Result<Option<Box<dyn Read + Send>>>;

    /// A part of a file in the version named; fewer bytes only where another version has taken its place.
    ///
    /// # Errors
    /// It cannot be read.
    fn read_range(&self, object: &Object, range: Range<u64>) -> Result<Bytes>;

    /// Puts a file in the place of a version, or where there is none, in one step: readers see the old or the new one.
    ///
    /// # Errors
    /// It cannot be stored.
    fn replace(&self, name: &str, version: Option<&str>, file: &File) -> Result<Stored>;

    /// What the folder is called.
    fn place(&self) -> String;
}
