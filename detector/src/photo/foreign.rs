//! What a file is that is not read, so that whoever sent it need not guess.

use std::fmt;

use super::format::brands;

/// A kind of file that is not read. Its text fits "The file is …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Foreign {
    /// No bytes at all.
    Empty,
    /// Text that is none of the below.
    Text,
    /// A web page, as browsers save it where a link was no photo.
    Html,
    /// What Git leaves in the place of a large file that was not fetched.
    LfsPointer,
    /// PDF or PostScript.
    Document,
    /// ZIP, gzip, tar and the like.
    Archive,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// A camera's raw file.
    Raw,
    /// A picture of a kind that is not read: which.
    Picture(&'static str),
    /// Something else.
    Unknown,
}

impl Foreign {
    /// How many bytes [`Foreign::of`] wants to see, where the file has as many.
    pub const HEAD: usize = 512;

    /// What a file is that [`PhotoFormat::sniff`](super::PhotoFormat::sniff) does not know, by its first bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(Self::HEAD)];
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some(mut brands) = brands(bytes) {
            return brands.next().map_or(Self::Unknown, of_brand);
        }
        MAGIC
            .iter()
            .find(|(at, magic, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
            .map_or_else(|| of_text(bytes), |(_, _, kind)| *kind)
    }

    /// In one or two words, after a number: "2 text".
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text => "text",
            Self::Html => "web page",
            Self::LfsPointer => "Git LFS pointer",
            Self::Document => "document",
            Self::Archive => "archive",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Raw => "camera raw",
            Self::Picture(_) => "picture of another kind",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty (0 bytes)",
            Self::Text => "text",
            Self::Html => "a web page (HTML), not the photo itself",
            Self::LfsPointer => "a Git LFS pointer, not the photo itself (git lfs pull fetches it)",
            Self::Document => "a PDF or PostScript document",
            Self::Archive => "an archive",
            Self::Video => "a video",
            Self::Audio => "a sound file",
            Self::Raw => "a camera's raw file",
            Self::Picture(kind) => kind,
            Self::Unknown => "no image of a known kind",
        })
    }
}

/// Where, what, and what it means.
const MAGIC: [(usize, &[u8], Foreign); 44] = [
    (0, b"%PDF", Foreign::Document),
    (0, b"%!PS", Foreign::Document),
    (0, b"\xc5\xd0\xd3\xc6", Foreign::Document),
    (0, b"PK\x03\x04", Foreign::Archive),
    (0, b"PK\x05\x06", Foreign::Archive),
    (0, b"\x1f\x8b", Foreign::Archive),
    (0, b"BZh", Foreign::Archive),
    (0, b"\xfd7zXZ\0", Foreign::Archive),
    (0, b"7z\xbc\xaf\x27\x1c", Foreign::Archive),
    (0, b"\x28\xb5\x2f\xfd", Foreign::Archive),
    (0, b"Rar!\x1a\x07", Foreign::Archive),
    (257, b"ustar", Foreign::Archive),
    (8, b"AVI ", Foreign::Video),
    (0, b"\x1a\x45\xdf\xa3", Foreign::Video),
    (0, b"\0\0\x01\xba", Foreign::Video),
    (0, b"\0\0\x01\xb3", Foreign::Video),
    (0, b"FLV\x01", Foreign::Video),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Foreign::Video),
    (4, b"moov", Foreign::Video),
    (4, b"mdat", Foreign::Video),
    (4, b"wide", Foreign::Video),
    (8, b"WAVE", Foreign::Audio),
    (0, b"ID3", Foreign::Audio),
    (0, b"OggS", Foreign::Audio),
    (0, b"fLaC", Foreign::Audio),
    (8, b"CR\x02", Foreign::Raw),
    (0, b"FUJIFILMCCD-RAW", Foreign::Raw),
    (0, b"IIRO", Foreign::Raw),
    (0, b"IIRS", Foreign::Raw),
    (0, b"MMOR", Foreign::Raw),
    (0, b"IIU\0", Foreign::Raw),
    (0, b"FOVb", Foreign::Raw),
    (0, b"\0MRM", Foreign::Raw),
    (0, b"II\x1a\0\0\0HEAPCCDR", Foreign::Raw),
    (0, b"8BPS", Foreign::Picture("a Photoshop document")),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", Foreign::Picture("a JPEG XL image")),
    (0, b"\xff\x0a", Foreign::Picture("a JPEG XL image")),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", Foreign::Picture("a JPEG 2000 image")),
    (0, b"\xff\x4f\xff\x51", Foreign::Picture("a JPEG 2000 image")),
    (0, b"\xff\xd8", Foreign::Picture("the beginning of a JPEG and no more")),
    (0, b"\0\0\x01\0", Foreign::Picture("a Windows icon")),
    (0, b"qoif", Foreign::Picture("a QOI image")),
    (0, b"\x76\x2f\x31\x01", Foreign::Picture("an OpenEXR image")),
    (0, b"gimp xcf", Foreign::Picture("a GIMP image")),
];

/// A file of ISO base media by its major brand.
fn of_brand(brand: [u8; 4]) -> Foreign {
    match &brand {
        b"hevc" | b"hevx" | b"msf1" => Foreign::Picture("a HEIF image sequence (hevc) without a still picture"),
        b"heim" | b"hevm" => Foreign::Picture("a multiview HEIF image (heim)"),
        b"heis" | b"hevs" => Foreign::Picture("a scalable HEIF image (heis)"),
        b"avci" | b"avcs" => Foreign::Picture("a HEIF image coded in AVC (avci)"),
        b"vvic" | b"vvis" => Foreign::Picture("a HEIF image coded in VVC (vvic)"),
        b"evbi" | b"evmi" | b"evbs" | b"evms" => Foreign::Picture("a HEIF image coded in EVC"),
        b"jpeg" | b"jpgs" => Foreign::Picture("a HEIF image coded in JPEG (jpeg)"),
        b"j2ki" | b"j2is" => Foreign::Picture("a HEIF image coded in JPEG 2000 (j2ki)"),
        b"crx " => Foreign::Raw,
        b"M4A " | b"M4B " | b"M4P " => Foreign::Audio,
        _ => Foreign::Video,
    }
}

fn of_text(bytes: &[u8]) -> Foreign {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A letter may be cut in two where the head ends.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => return Foreign::Text,
        Err(_) => return Foreign::Unknown,
    };
    if text.is_empty() || text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Foreign::Unknown;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    match text.as_str() {
        t if t.starts_with("version https://git-lfs") => Foreign::LfsPointer,
        t if t.starts_with("<svg") || t.contains("<svg") => Foreign::Picture("an SVG drawing"),
        t if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| t.contains(tag)) => Foreign::Html,
        _ => Foreign::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_beside_photos_is_named() {
        let heif = |brand: &[u8; 4]| [b"\0\0\0\x14ftyp", &brand[..], b"\0\0\0\0mif1"].concat();
        for (bytes, wanted) in [
            (b"".to_vec(), Foreign::Empty),
            (b"hello\n".to_vec(), Foreign::Text),
            ("Größe".as_bytes()[..3].to_vec(), Foreign::Text),
            (b"\xff\xfeh\0i\0".to_vec(), Foreign::Text),
            (b"\xef\xbb\xbf  <!DOCTYPE HTML><title>".to_vec(), Foreign::Html),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:".to_vec(), Foreign::LfsPointer),
            (b"<?xml version='1.0'?><svg/>".to_vec(), Foreign::Picture("an SVG drawing")),
            (b"%PDF-1.7".to_vec(), Foreign::Document),
            (b"PK\x03\x04".to_vec(), Foreign::Archive),
            (b"RIFF\x00\x00\x00\x00AVI LIST".to_vec(), Foreign::Video),
            (heif(b"qt  "), Foreign::Video),
            (heif(b"mp42"), Foreign::Video),
            (heif(b"heim"), Foreign::Picture("a multiview HEIF image (heim)")),
            (heif(b"heis"), Foreign::Picture("a scalable HEIF image (heis)")),
            (heif(b"crx "), Foreign::Raw),
            (b"II*\0\x10\0\0\0CR\x02\0".to_vec(), Foreign::Raw),
            (b"\x00\x01\x02\x03".to_vec(), Foreign::Unknown),
        ] {
            assert_eq!(Foreign::of(&bytes), wanted, "{bytes:?}");
        }
    }
}
