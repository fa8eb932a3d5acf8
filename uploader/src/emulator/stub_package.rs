//! The folder the emulator runs in.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A package that names the functions and builds nothing. The emulator refuses to start without a Cargo.toml and
/// answers only for functions that it names; in somebody's own project it would therefore know theirs, not ours.
#[derive(Debug)]
pub(crate) struct StubPackage(TempDir);

impl StubPackage {
    pub(crate) fn create(functions: &[&str]) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("spotter-").tempdir()?;
        let mut manifest =
            "[package]\nname = \"stub_package\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n".to_owned();
        for name in functions {
            // Writing to a string does not fail.
            let _ = write!(manifest, "\n[[bin]]\nname = \"{name}\"\npath = \"main.rs\"\n");
        }
        std::fs::write(folder.path().join("Cargo.toml"), manifest)?;
        std::fs::write(folder.path().join("main.rs"), "fn main() {}\n")?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
