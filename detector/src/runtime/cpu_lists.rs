//! Versions of ONNX Runtime that abort where the kernel's lists of processors are hidden, as in AWS Lambda and some
//! sandboxes: better refused with a sentence than lost with the process.
//!
//! Tried on aarch64 (emulated), lists hidden: 1.21.0, 1.21.1, 1.22.0 and 1.22.1 abort; 1.19.2, 1.20.1, 1.23.0 to 1.26.0 and
//! 1.31.1 make a session. x86_64 asks the processor itself.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::ModelError;

const LISTS: [&str; 2] = ["/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/present"];
/// Second part of the versions that abort: 1.21.x and 1.22.x.
const ABORTING: std::ops::RangeInclusive<u32> = 21..=22;
/// The name of the version of every exported symbol.
const MARK: &[u8] = b"VERS_1.";

/// Refuses a library that would abort this process. One that does not tell its version is taken.
///
/// # Errors
/// [`ModelError::Runtime`] with what to do.
pub(crate) fn check(library: &Path) -> Result<(), ModelError> {
    let hidden = cfg!(target_arch = "aarch64") && LISTS.iter().all(|list| std::fs::read(list).is_err());
    if hidden { without_lists(library) } else { Ok(()) }
}

fn without_lists(library: &Path) -> Result<(), ModelError> {
    match minor_version(library) {
        Some(minor) if ABORTING.contains(&minor) => Err(ModelError::Runtime(format!(
            "{} is ONNX Runtime 1.{minor}, which crashes where {} is hidden, as in AWS Lambda on arm64; use 1.23 or later",
            library.display(),
            LISTS[0]
        ))),
        _ => Ok(()),
    }
}

/// Read from the file: to ask the library, it would have to be loaded.
fn minor_version(library: &Path) -> Option<u32> {
    let mut file = File::open(library).ok()?;
    let mut window = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece).ok()?;
        window.extend_from_slice(piece.get(..read)?);
        let found = window.windows(MARK.len()).position(|bytes| bytes == MARK);
        // The number may go on in the next piece.
        if let Some(number) =
            found.and_then(|at| window.get(at + MARK.len()..)).filter(|number| number.len() > 8 || read == 0)
        {
            let digits: String = number.iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_digit).collect();
            return digits.parse().ok();
        }
        if read == 0 {
            return None;
        }
        let keep = window.len().saturating_sub(MARK.len() + 8);
        if found.is_none() {
            window.drain(..keep);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<u32> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        minor_version(file.path())
    }

    #[test]
    fn versions_are_read_wherever_they_stand() {
        assert_eq!(of(b"\x7fELF\0VERS_1.22.1\0libc.so.6"), Some(22));
        assert_eq!(of(b"VERS_1.31.1"), Some(31));
        for before in (1 << 16) - 16..(1 << 16) + 2 {
            assert_eq!(of(&[vec![0; before], b"VERS_1.23.0\0and more".to_vec()].concat()), Some(23), "{before}");
        }
        assert_eq!(of(b"no library"), None);
        assert_eq!(minor_version(Path::new("/nowhere")), None);
    }

    #[test]
    fn only_what_would_abort_is_refused() {
        for (version, refused) in
            [("1.20.1", false), ("1.21.0", true), ("1.22.1", true), ("1.23.0", false), ("1.31.1", false)]
        {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), format!("VERS_{version}\0and so on")).unwrap();
            let said = without_lists(file.path()).err().map(|error| error.to_string());
            assert_eq!(said.is_some(), refused, "{version}");
            assert!(said.is_none_or(|said| said.contains("use 1.23 or later")));
        }
    }

    #[test]
    fn the_library_in_use_tells_its_version() {
        let library = crate::runtime::find_runtime().unwrap();
        assert!(minor_version(&library).is_some_and(|minor| minor >= 23), "{}", library.display());
    }
}
