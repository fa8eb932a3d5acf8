//! What a photo's file holds, as far as it takes to tell it from another content.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use detector::PhotoFormat;
use md5::Md5;
use sha2::{Digest, Sha256};
use wire::{Code, ItemError, Problem};

use crate::photo::fault;

/// A file's state without a look into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    /// In nanoseconds since 1970; 0 where the file system does not tell.
    pub(crate) modified: u64,
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Result<Self, ItemError> {
        let metadata = std::fs::metadata(path).map_err(|error| fault::of_io(path, &error))?;
        // It is read more than once, and its length has to be known.
        if metadata.is_file() { Ok(Self::from(&metadata)) } else { Err(fault::not_a_file()) }
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        Self { size: metadata.len(), modified }
    }
}

/// A photo's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) format: PhotoFormat,
    pub(crate) sha256: [u8; 32],
    /// Where it was asked for: the entity tag of an object that was sent in one piece.
    pub(crate) md5: Option<String>,
}

impl Content {
    /// Reads a file, a piece at a time. One that is no photo is refused. Blocks.
    pub(crate) fn read(path: &Path, with_md5: bool) -> Result<Self, ItemError> {
        let unreadable = |error: io::Error| fault::of_io(path, &error);
        let mut file = File::open(path).map_err(unreadable)?;
        let (mut sha256, mut md5) = (Sha256::new(), with_md5.then(<Md5 as md5::Digest>::new));
        let (mut size, mut format) = (0, None);
        let mut piece = vec![0; 256 << 10];
        loop {
            let count = fill(&mut file, &mut piece).map_err(unreadable)?;
            let piece = &piece[..count];
            if size == 0 {
                format = Some(PhotoFormat::sniff(piece).ok_or_else(|| no_photo(count))?);
            }
            if count == 0 {
                break;
            }
            size += count as u64;
            sha256.update(piece);
            if let Some(md5) = &mut md5 {
                md5::Digest::update(md5, piece);
            }
        }
        let format = format.ok_or_else(|| no_photo(0))?;
        let md5 = md5.map(|md5| hex(&md5::Digest::finalize(md5)));
        Ok(Self { size, format, sha256: sha256.finalize().into(), md5 })
    }
}

/// Reads until the piece is full or the file ends: the first piece has to hold a photo's whole signature.
fn fill(file: &mut File, piece: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < piece.len() {
        match file.read(&mut piece[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

fn no_photo(bytes: usize) -> ItemError {
    let what = if bytes == 0 { "The file is empty." } else { "Unsupported file type." };
    (&Problem::new(Code::UnsupportedImage, format!("{what} It was not uploaded."))).into()
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_apart_and_only_photos_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let mut photo = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01".to_vec();
        photo.resize(700_000, 7);
        std::fs::write(&path, &photo).unwrap();
        let content = Content::read(&path, true).unwrap();
        assert_eq!((content.size, content.format), (700_000, PhotoFormat::Jpeg));
        assert_eq!(content.sha256, <[u8; 32]>::from(Sha256::digest(&photo)));
        assert_eq!(content.md5.unwrap(), hex(&<Md5 as md5::Digest>::digest(&photo)));
        std::fs::write(&path, "hello").unwrap();
        assert_eq!(Content::read(&path, false).unwrap_err().code, "unsupported_image");
        std::fs::write(&path, "").unwrap();
        assert_eq!(Content::read(&path, false).unwrap_err().code, "unsupported_image");
        assert_eq!(Content::read(&folder.path().join("gone"), false).unwrap_err().code, "unreadable");
    }
}
