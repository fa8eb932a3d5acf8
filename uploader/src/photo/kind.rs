//! What a file is by its first bytes: a photo, or something that is passed over and counted by its kind.

use std::fmt::{self, Display, Formatter};

use detector::PhotoFormat;
use infer::MatcherType;

use super::mark;

/// So many bytes tell what a file is: the farthest sign looked at is that of tar, at 257.
pub(crate) const HEAD: usize = 512;

/// The first line of a file that Git LFS has not fetched.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A photo, as far as the detector can tell from its beginning.
    Photo,
    /// A photo on which an earlier run has drawn boxes.
    Drawn,
    /// No bytes at all.
    Empty,
    /// Text of any kind.
    Text,
    /// What a browser shows: often an error page that was saved under a photo's name.
    HtmlPage,
    /// The stand-in for a file that Git LFS has not fetched.
    LfsPointer,
    /// A moving picture.
    Video,
    /// A sound.
    Audio,
    /// A picture of a kind that the detector does not read.
    OtherImage,
    /// A PDF.
    Pdf,
    /// Files packed into one, compressed ones, and documents that are made so.
    Archive,
    /// Something to be run.
    Program,
    /// A pipe, a socket or a device. It is never opened: that might wait for ever.
    Special,
    /// None of these.
    Other,
}

impl Kind {
    /// The kind of a file that begins with `head`, [`HEAD`] bytes of it where it has as many.
    pub(crate) fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        if PhotoFormat::sniff(head).is_some() {
            return if mark::is_marked(head) { Self::Drawn } else { Self::Photo };
        }
        if head.starts_with(LFS_POINTER) {
            return Self::LfsPointer;
        }
        match infer::get(head).map(|found| (found.matcher_type(), found.mime_type())) {
            Some((_, "application/pdf")) => Self::Pdf,
            Some((_, "text/html")) => Self::HtmlPage,
            Some((MatcherType::Text, _)) => Self::Text,
            Some((MatcherType::Video, _)) => Self::Video,
            Some((MatcherType::Audio, _)) => Self::Audio,
            Some((MatcherType::Image, _)) => Self::OtherImage,
            Some((MatcherType::Archive | MatcherType::Doc | MatcherType::Book, _)) => Self::Archive,
            Some((MatcherType::App, _)) => Self::Program,
            Some(_) => Self::Other,
            None if is_text(head) => Self::Text,
            None => Self::Other,
        }
    }

    /// What one such file is called, and several.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Photo => ("photo", "photos"),
            Self::Drawn => ("photo with boxes drawn", "photos with boxes drawn"),
            Self::Empty => ("empty", "empty"),
            Self::Text => ("text", "text"),
            Self::HtmlPage => ("HTML page", "HTML pages"),
            Self::LfsPointer => ("Git LFS pointer", "Git LFS pointers"),
            Self::Video => ("video", "videos"),
            Self::Audio => ("sound", "sounds"),
            Self::OtherImage => ("image of a kind that is not read", "images of kinds that are not read"),
            Self::Pdf => ("PDF", "PDFs"),
            Self::Archive => ("archive", "archives"),
            Self::Program => ("program", "programs"),
            Self::Special => ("pipe, socket or device", "pipes, sockets or devices"),
            Self::Other => ("other", "other"),
        }
    }

    /// So many files of this kind, in words.
    pub(crate) fn counted(self, count: u64) -> String {
        let (one, several) = self.names();
        format!("{count} {}", if count == 1 { one } else { several })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().0)
    }
}

/// UTF-8, possibly cut off in the middle of a character, or anything that says so itself; without what no text holds.
fn is_text(head: &[u8]) -> bool {
    if encoding_rs::Encoding::for_bom(head).is_some() {
        return true;
    }
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() >= HEAD,
    };
    whole && !head.iter().any(|&byte| is_control(byte))
}

/// Whether a byte is in no text and in no file name that a text may hold.
pub(crate) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content() {
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar\x0000");
        tar.resize(HEAD, 0);
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        for (head, kind) in [
            (b"".as_slice(), Kind::Empty),
            (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", Kind::Photo),
            (b"hello", Kind::Text),
            ("Gr\u{fc}\u{df}e\r\n".as_bytes(), Kind::Text),
            (b"\xff\xfeh\x00i\x00", Kind::Text),
            (b"<?xml version=\"1.0\"?><svg/>", Kind::Text),
            (b"\n<!doctype html><title>404</title>", Kind::HtmlPage),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 7\n", Kind::LfsPointer),
            (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", Kind::Video),
            (b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  \x00\x00\x00\x00", Kind::Video),
            (b"ID3\x03\x00\x00\x00\x00\x00\x00", Kind::Audio),
            (b"%PDF-1.7\n", Kind::Pdf),
            (b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00", Kind::Archive),
            (&tar, Kind::Archive),
            (&elf, Kind::Program),
            (b"8BPS\x00\x01\x00\x00\x00\x00", Kind::OtherImage),
            (b"\x00\x01\x02\x03 nobody knows", Kind::Other),
        ] {
            assert_eq!(Kind::of(head), kind, "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn a_character_may_be_cut_off_where_the_head_ends() {
        let mut text = vec![b'a'; HEAD - 1];
        text.push("\u{fc}".as_bytes()[0]);
        assert_eq!(Kind::of(&text), Kind::Text);
    }

    #[test]
    fn counts_read_as_words() {
        assert_eq!(Kind::Text.counted(2), "2 text");
        assert_eq!((Kind::Video.counted(1), Kind::Video.counted(2)), ("1 video".into(), "2 videos".into()));
    }
}
