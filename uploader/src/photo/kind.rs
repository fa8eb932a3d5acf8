//! What a file is by its first bytes: a photo, or something that is passed over and counted by its kind.

use std::fmt::{self, Display, Formatter};

use detector::{PhotoFormat, UnsupportedType};

use super::mark;

/// So many bytes tell what a file is.
pub(crate) const HEAD: usize = UnsupportedType::HEAD;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A photo, as far as the detector can tell from its beginning.
    Photo,
    /// A photo on which an earlier run has drawn boxes.
    Drawn,
    /// A pipe, a socket or a device. It is never opened: that might wait for ever.
    Special,
    /// What the detector does not read.
    Unsupported(UnsupportedType),
}

impl Kind {
    /// The kind of a file that begins with `head`, [`HEAD`] bytes of it where it has as many.
    pub(crate) fn of(head: &[u8]) -> Self {
        match PhotoFormat::sniff(head) {
            Some(_) if mark::is_marked(head) => Self::Drawn,
            Some(_) => Self::Photo,
            None => Self::Unsupported(UnsupportedType::of(head)),
        }
    }

    /// What one such file is called.
    pub(crate) fn name(self) -> &'static str {
        self.names().0
    }

    /// What one such file is called, and several.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Photo => ("photo", "photos"),
            Self::Drawn => ("photo with boxes drawn", "photos with boxes drawn"),
            Self::Special => ("pipe, socket or device", "pipes, sockets or devices"),
            Self::Unsupported(kind) => kind.nouns(),
        }
    }

    /// The kind that it is counted with: images that are not read are one.
    pub(crate) fn counted_as(self) -> Self {
        match self {
            Self::Unsupported(UnsupportedType::Picture(_)) => Self::Unsupported(UnsupportedType::Picture("image")),
            kind => kind,
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
        match self {
            Self::Unsupported(kind) => kind.fmt(f),
            kind => f.write_str(kind.name()),
        }
    }
}

/// Whether a byte is in no text and in no file name that a text may hold.
pub(crate) fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_as_words() {
        let (text, video) = (Kind::Unsupported(UnsupportedType::Text), Kind::Unsupported(UnsupportedType::Video));
        assert_eq!(text.counted(2), "2 text");
        assert_eq!((video.counted(1), video.counted(2)), ("1 video".into(), "2 videos".into()));
    }
}
