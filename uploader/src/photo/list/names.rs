//! A list of photos as it was written: by line or separated by NUL, in UTF-8 or UTF-16, and nothing that is no text.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use detector::UnsupportedType;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::photo::kind::{HEAD, Kind, is_control};

/// Why a list is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoList {
    #[error("cannot read it: {0}")]
    Unreadable(#[from] io::Error),
    #[error("expected a list of paths, got a photo; to send the photo, use `uploader detect --stdin-photo < FILE`")]
    Photo,
    #[error("expected a list of paths, got {}", .0.name())]
    OtherKind(Kind),
    #[error("expected a list of paths (UTF-8 or UTF-16, one per line or separated by NUL), got binary data")]
    NoText,
    #[error("{0:?} is unexpected among other paths (was a path split?); to search that folder, pass it as an argument")]
    Pieces(PathBuf),
}

/// The names of a list. What is blank is none.
pub(crate) fn read(list: &mut dyn Read) -> Result<Vec<PathBuf>, NoList> {
    let mut bytes = Vec::new();
    // A film that was given by mistake is not read to its end.
    list.take(HEAD as u64).read_to_end(&mut bytes)?;
    match Kind::of(&bytes) {
        Kind::Photo | Kind::Drawn => return Err(NoList::Photo),
        // Lists separated by NUL, and in UTF-16, are no text at first sight.
        Kind::Unsupported(UnsupportedType::Empty | UnsupportedType::Text | UnsupportedType::Unknown) => {}
        other => return Err(NoList::OtherKind(other)),
    }
    list.read_to_end(&mut bytes)?;
    let names = split(&bytes)?;
    refuse_pieces(&names)?;
    Ok(names)
}

fn split(bytes: &[u8]) -> Result<Vec<PathBuf>, NoList> {
    let (encoding, bom) = match Encoding::for_bom(bytes) {
        Some(found) => found,
        None => (encoding_of(bytes), 0),
    };
    let bytes = &bytes[bom..];
    if encoding == UTF_8 {
        return names(bytes);
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or(NoList::NoText)?;
    names(text.as_bytes())
}

/// The encoding of a list that does not say it. In UTF-16 most characters of a path have a NUL beside them; names of one
/// character each, separated by NUL, look the same, but have no dot, slash or line end among them.
fn encoding_of(bytes: &[u8]) -> &'static Encoding {
    let pairs = bytes.len() / 2;
    if pairs < 2 || !bytes.len().is_multiple_of(2) {
        return UTF_8;
    }
    for (encoding, nul) in [(UTF_16LE, 1), (UTF_16BE, 0)] {
        let ascii = bytes.chunks_exact(2).filter(|pair| pair[nul] == 0);
        let (mut count, mut of_a_path) = (0, false);
        for pair in ascii {
            count += 1;
            of_a_path |= matches!(pair[1 - nul], b'.' | b'/' | b'\n');
        }
        if of_a_path && count * 5 > pairs * 3 {
            return encoding;
        }
    }
    UTF_8
}

/// Names of one byte sequence each, which need not be UTF-8: neither need file names.
fn names(bytes: &[u8]) -> Result<Vec<PathBuf>, NoList> {
    let nul = bytes.contains(&0);
    let names = bytes.split(|byte| if nul { *byte == 0 } else { *byte == b'\n' });
    let names: Vec<&[u8]> = names
        .map(|name| if nul { name } else { name.strip_suffix(b"\r").unwrap_or(name) })
        .filter(|name| !name.iter().all(u8::is_ascii_whitespace))
        .collect();
    // A file may be called by anything; but where many are, they are none.
    let odd = names.iter().filter(|name| name.iter().any(|&byte| is_control(byte))).count();
    let nothing_but_nul = nul && names.is_empty();
    if odd * 4 > names.len() || nothing_but_nul {
        return Err(NoList::NoText);
    }
    Ok(names.into_iter().map(to_path).collect())
}

/// The current folder and the root hold so much that one is walked only where it is meant for certain: alone, or as `find`
/// prints it, with nothing but what lies in it.
fn refuse_pieces(names: &[PathBuf]) -> Result<(), NoList> {
    for large in ["/", "."] {
        let large = Path::new(large);
        // `./a` and `a` are the same to `Path`, but not to whoever wrote the list.
        let lies_in =
            |name: &PathBuf| name.as_os_str().as_encoded_bytes().starts_with(large.as_os_str().as_encoded_bytes());
        let named = names.iter().any(|name| name.as_os_str() == large.as_os_str());
        if named && !names.iter().all(lies_in) {
            return Err(NoList::Pieces(large.to_owned()));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn to_path(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(name))
}

#[cfg(not(unix))]
fn to_path(name: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_names(mut bytes: &[u8]) -> Vec<String> {
        read(&mut bytes).unwrap().into_iter().map(|path| path.display().to_string()).collect()
    }

    fn utf16(text: &str, big: bool, bom: bool) -> Vec<u8> {
        let units = bom.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn every_way_of_writing_a_list_is_read() {
        let expected = ["in/a b.jpg", "in/\u{fc}.jpg"];
        for text in
            ["in/a b.jpg\nin/\u{fc}.jpg\n", "in/a b.jpg\r\n\r\n  \t\r\nin/\u{fc}.jpg", "in/a b.jpg\0in/\u{fc}.jpg\0"]
        {
            assert_eq!(read_names(text.as_bytes()), expected, "{text:?}");
            assert_eq!(read_names(format!("\u{feff}{text}").as_bytes()), expected, "{text:?} with a mark");
        }
        for text in ["in/a b.jpg\nin/\u{fc}.jpg\n", "in/a b.jpg\r\nin/\u{fc}.jpg"] {
            for (big, bom) in [(false, true), (true, true), (false, false), (true, false)] {
                assert_eq!(read_names(&utf16(text, big, bom)), expected, "{text:?}, big {big}, mark {bom}");
            }
        }
    }

    #[test]
    fn names_of_one_character_are_not_utf16() {
        assert_eq!(read_names(b"a\0b\0c\0"), ["a", "b", "c"]);
        assert_eq!(read_names(b"a\nb.jpg\0c.jpg\0"), ["a\nb.jpg", "c.jpg"]);
        assert_eq!(read_names(b"a.jpg\nb.jpg\nc.jpg\nodd\x08.jpg\n").len(), 4, "one odd name is no reason");
    }

    #[test]
    fn what_is_blank_names_nothing() {
        for blank in ["", "\n", "\r\n\r\n", " \n\t\n", "\u{feff}"] {
            assert!(read_names(blank.as_bytes()).is_empty(), "{blank:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let refused = |mut bytes: &[u8]| read(&mut bytes).unwrap_err().to_string();
        assert!(refused(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00").contains("--stdin-photo"));
        assert!(refused(b"%PDF-1.7\n").contains("PDF"));
        assert!(refused(b"<html><p>404").contains("HTML page"));
        for bytes in [
            b"\x01\x02\x03".as_slice(),
            &[0; 64],
            b"\x1b[31ma.jpg\x1b[0m\n",
            b"\xff\xfea\x00\x00",
            b"\xff\xfe\x00\xd8\n\x00",
        ] {
            assert!(refused(bytes).contains("binary data"), "{bytes:?}");
        }
    }

    #[test]
    fn the_current_folder_and_the_root_are_not_named_by_accident() {
        for pieces in ["in\0/\0a\0.\0jpg\0", "/\nin/a.jpg\n", "a.jpg\n.\n"] {
            assert!(matches!(read(&mut pieces.as_bytes()), Err(NoList::Pieces(_))), "{pieces:?}");
        }
        assert_eq!(read_names(b".\n./a.jpg\n./b\n"), [".", "./a.jpg", "./b"]);
        assert_eq!(read_names(b".\n"), ["."]);
    }
}
