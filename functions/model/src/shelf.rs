//! Where fetched models lie on this machine.

use std::io;
use std::path::{Path, PathBuf};

use detector::catalog;
use sha2::{Digest, Sha256};

/// The folder of what is fetched from `uri`: the same for every process of this user, so that a file whose digest is known need not
/// be fetched again.
pub(crate) fn folder(uri: &str) -> Result<PathBuf, String> {
    let digest: String = Sha256::digest(uri.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let place = |base: &Path| base.join("s3").join(&digest);
    let made = |path: PathBuf| std::fs::create_dir_all(&path).and_then(|()| writable(&path)).map(|()| path);
    // Lambda lets nothing else be written; there it is this function's alone, and outlives a start that failed.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        let path = place(&std::env::temp_dir().join("spotter"));
        return made(path.clone()).map_err(|error| cannot_write(&path, &error));
    }
    if let Some(path) = catalog::cache_dir().and_then(|cache| made(place(&cache)).ok()) {
        return Ok(path);
    }
    // Nobody's home, or one that is read-only. A folder that others could guess and fill would be no place for a model.
    let temporary = tempfile::Builder::new().prefix("spotter-model-").tempdir();
    temporary.map(tempfile::TempDir::keep).map_err(|error| cannot_write(&std::env::temp_dir(), &error))
}

fn writable(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull => "Give the function more ephemeral storage, or free space.",
        _ => "Let it be written to, or set XDG_CACHE_HOME or TMPDIR to a folder that can be.",
    };
    format!("cannot write to {}: {error}. {advice}", path.display())
}
