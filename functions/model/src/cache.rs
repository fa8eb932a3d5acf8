//! Where fetched models lie on this machine.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use detector::catalog;
use sha2::{Digest, Sha256};

/// How unfinished downloads are called.
const UNFINISHED: &str = ".download-";
/// Nothing takes as long: whoever began it is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The folder of what is fetched from `uri`: the same for every process of this user, so that a file whose digest is known need not
/// be fetched again.
pub(crate) fn folder(uri: &str) -> Result<PathBuf, String> {
    let digest: String = Sha256::digest(uri.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let place = |base: &Path| base.join("s3").join(&digest);
    let made = |path: PathBuf| std::fs::create_dir_all(&path).and_then(|()| writable(&path)).map(|()| path);
    // Lambda lets nothing else be written; there it is this function's alone, and outlives a start that failed.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        let path = place(&std::env::temp_dir().join("spotter"));
        return match made(path.clone()) {
            Ok(path) => {
                // What an initialisation left that was ended takes the room of what comes now.
                clear(&path, Duration::ZERO);
                Ok(path)
            }
            Err(error) => Err(cannot_write(&path, &error)),
        };
    }
    if let Some(path) = catalog::cache_dir().and_then(|cache| made(place(&cache)).ok()) {
        clear(&path, ABANDONED);
        return Ok(path);
    }
    // Nobody's home, or one that is read-only. A folder that others could guess and fill would be no place for a model.
    let temporary = tempfile::Builder::new().prefix("spotter-model-").tempdir();
    temporary.map(tempfile::TempDir::keep).map_err(|error| cannot_write(&std::env::temp_dir(), &error))
}

/// A file to download into, which is gone unless it is kept.
pub(crate) fn unfinished(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
}

/// Removes unfinished downloads that nobody has written to for that long.
fn clear(folder: &Path, age: Duration) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED)) {
        let written = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        if written.and_then(|time| time.elapsed().ok()).is_some_and(|since| since >= age) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_writes_to_any_more_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("best.onnx"), b"graph").unwrap();
        let (_, path) = unfinished(folder.path()).unwrap().keep().unwrap();
        clear(folder.path(), ABANDONED);
        assert!(path.exists());
        clear(folder.path(), Duration::ZERO);
        assert_eq!((path.exists(), folder.path().join("best.onnx").exists()), (false, true));
    }
}
