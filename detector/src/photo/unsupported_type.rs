//! What a file is that is not read, so that whoever sent it need not guess.

use std::fmt;

use infer::MatcherType;

use super::format::brands;

/// A kind of file that is not read. Its text fits "Unsupported file type: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnsupportedType {
    /// No bytes at all.
    Empty,
    /// Text that is none of the below.
    Text,
    /// A web page, as browsers save it where a link was no photo.
    Html,
    /// What Git leaves in the place of a large file that was not fetched.
    LfsPointer,
    /// A film.
    Video,
    /// Sound.
    Audio,
    /// A camera's raw file.
    Raw,
    /// A picture of a kind that is not read: which.
    Picture(&'static str),
    /// PDF or PostScript.
    Pdf,
    /// Files packed into one, compressed ones, and documents that are made so.
    Archive,
    /// Something to be run.
    Program,
    /// Something else.
    Unknown,
}

impl UnsupportedType {
    /// How many bytes [`UnsupportedType::of`] wants to see, where the file has as many: the farthest sign is that of tar, at 257.
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
        if RAW.iter().any(|(at, magic)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic))) {
            return Self::Raw;
        }
        // Text first: what `infer` knows of it are a few tags.
        of_text(bytes).unwrap_or_else(|| infer::get(bytes).map_or(Self::Unknown, of_known))
    }

    /// What one such file is called after a number, and what several are: "2 text", "1 video", "3 videos".
    #[must_use]
    pub fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Self::Empty => ("empty", "empty"),
            Self::Text => ("text", "text"),
            Self::Html => ("HTML page", "HTML pages"),
            Self::LfsPointer => ("Git LFS pointer", "Git LFS pointers"),
            Self::Pdf => ("PDF", "PDFs"),
            Self::Archive => ("archive", "archives"),
            Self::Video => ("video", "videos"),
            Self::Audio => ("audio file", "audio files"),
            Self::Raw => ("camera raw file", "camera raw files"),
            Self::Picture(_) => ("unsupported image", "unsupported images"),
            Self::Program => ("program", "programs"),
            Self::Unknown => ("unknown", "unknown"),
        }
    }
}

impl fmt::Display for UnsupportedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty (0 bytes)",
            Self::Text => "text",
            Self::Html => "web page (HTML), not the photo itself",
            Self::LfsPointer => "Git LFS pointer, not the photo itself (run git lfs pull)",
            Self::Pdf => "PDF or PostScript document",
            Self::Archive => "archive",
            Self::Video => "video",
            Self::Audio => "audio file",
            Self::Raw => "camera raw file",
            Self::Picture(kind) => kind,
            Self::Program => "program",
            Self::Unknown => "unknown",
        })
    }
}

/// Cameras' raw files: where, what. Those that are TIFFs without a mark of their own are told by their directory.
const RAW: [(usize, &[u8]); 8] = [
    (8, b"CR\x02"),
    (0, b"FUJIFILMCCD-RAW"),
    (0, b"IIRO"),
    (0, b"IIRS"),
    (0, b"MMOR"),
    (0, b"IIU\0"),
    (0, b"FOVb"),
    (0, b"\0MRM"),
];

/// What `infer` says.
fn of_known(known: infer::Type) -> UnsupportedType {
    match (known.matcher_type(), known.mime_type()) {
        (_, "application/pdf" | "application/postscript") => UnsupportedType::Pdf,
        (MatcherType::Text, "text/html") => UnsupportedType::Html,
        (MatcherType::Text, _) => UnsupportedType::Text,
        (MatcherType::Video, _) => UnsupportedType::Video,
        (MatcherType::Audio, _) => UnsupportedType::Audio,
        (MatcherType::Image, kind) => UnsupportedType::Picture(match kind {
            "image/vnd.adobe.photoshop" => "Photoshop document",
            "image/jxl" => "JPEG XL image",
            "image/jp2" | "image/jpx" => "JPEG 2000 image",
            "image/vnd.microsoft.icon" | "image/x-icon" => "Windows icon",
            _ => "unknown image format",
        }),
        (MatcherType::Archive | MatcherType::Doc | MatcherType::Book, _) => UnsupportedType::Archive,
        (MatcherType::App, _) => UnsupportedType::Program,
        _ => UnsupportedType::Unknown,
    }
}

/// A file of ISO base media by its major brand.
fn of_brand(brand: [u8; 4]) -> UnsupportedType {
    match &brand {
        b"hevc" | b"hevx" | b"msf1" => UnsupportedType::Picture("HEIF image sequence (hevc) without a still picture"),
        b"heim" | b"hevm" => UnsupportedType::Picture("multiview HEIF image (heim)"),
        b"heis" | b"hevs" => UnsupportedType::Picture("scalable HEIF image (heis)"),
        b"avci" | b"avcs" => UnsupportedType::Picture("HEIF image coded in AVC (avci)"),
        b"vvic" | b"vvis" => UnsupportedType::Picture("HEIF image coded in VVC (vvic)"),
        b"evbi" | b"evmi" | b"evbs" | b"evms" => UnsupportedType::Picture("HEIF image coded in EVC"),
        b"jpeg" | b"jpgs" => UnsupportedType::Picture("HEIF image coded in JPEG (jpeg)"),
        b"j2ki" | b"j2is" => UnsupportedType::Picture("HEIF image coded in JPEG 2000 (j2ki)"),
        b"crx " => UnsupportedType::Raw,
        b"M4A " | b"M4B " | b"M4P " => UnsupportedType::Audio,
        _ => UnsupportedType::Video,
    }
}

/// `None` where it is no text: UTF-8, perhaps cut in the middle of a letter, or what says of itself that it is.
fn of_text(bytes: &[u8]) -> Option<UnsupportedType> {
    if matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Some(UnsupportedType::Text);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() && bytes.len() >= UnsupportedType::HEAD => {
            std::str::from_utf8(&bytes[..e.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    Some(match text.as_str() {
        t if t.starts_with("version https://git-lfs") => UnsupportedType::LfsPointer,
        t if t.starts_with("%pdf") || t.starts_with("%!ps") => UnsupportedType::Pdf,
        t if t.starts_with("#!") => UnsupportedType::Program,
        t if t.contains("<svg") => UnsupportedType::Picture("SVG drawing"),
        t if ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| t.contains(tag)) => UnsupportedType::Html,
        _ => UnsupportedType::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_beside_photos_is_named() {
        let heif = |brand: &[u8; 4]| [b"\0\0\0\x14ftyp", &brand[..], b"\0\0\0\0mif1"].concat();
        for (bytes, wanted) in [
            (b"".to_vec(), UnsupportedType::Empty),
            (b"hello\n".to_vec(), UnsupportedType::Text),
            ("Größe".repeat(99).into_bytes()[..UnsupportedType::HEAD].to_vec(), UnsupportedType::Text),
            (b"\xff\xfeh\0i\0".to_vec(), UnsupportedType::Text),
            (b"\xef\xbb\xbf  <!DOCTYPE HTML><title>".to_vec(), UnsupportedType::Html),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:".to_vec(), UnsupportedType::LfsPointer),
            (b"<?xml version='1.0'?><svg/>".to_vec(), UnsupportedType::Picture("SVG drawing")),
            (b"%PDF-1.7".to_vec(), UnsupportedType::Pdf),
            (b"PK\x03\x04\x14\0\0\0\x08\0\0\0".to_vec(), UnsupportedType::Archive),
            (b"RIFF\x00\x00\x00\x00AVI LIST".to_vec(), UnsupportedType::Video),
            (b"ID3\x03\0\0\0\0\0\0".to_vec(), UnsupportedType::Audio),
            (b"\x7fELF\x02\x01\x01\0".repeat(9), UnsupportedType::Program),
            (b"8BPS\0\x01\0\0\0\0".to_vec(), UnsupportedType::Picture("Photoshop document")),
            (heif(b"qt  "), UnsupportedType::Video),
            (heif(b"mp42"), UnsupportedType::Video),
            (heif(b"heim"), UnsupportedType::Picture("multiview HEIF image (heim)")),
            (heif(b"heis"), UnsupportedType::Picture("scalable HEIF image (heis)")),
            (heif(b"crx "), UnsupportedType::Raw),
            (b"II*\0\x10\0\0\0CR\x02\0".to_vec(), UnsupportedType::Raw),
            (b"\x00\x01\x02\x03".to_vec(), UnsupportedType::Unknown),
        ] {
            assert_eq!(UnsupportedType::of(&bytes), wanted, "{bytes:?}");
        }
    }
}
