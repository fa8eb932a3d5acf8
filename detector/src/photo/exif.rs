//! Exif (CIPA DC-008): which way up a photo is, and the TIFF directory (TIFF 6.0, section 2) that says it.

use image::metadata::Orientation;

/// What a JPEG's segment begins with, and what some writers leave in front of the TIFF structure elsewhere, too.
pub(super) const MARK: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;

/// The orientation that an Exif structure asks for, with or without `Exif\0\0` in front, as Pillow and exiftool read
/// it: from the photo's own directory (never the thumbnail's), in either byte order, as a SHORT or a LONG. `None` where
/// it does not say, or says nothing sensible.
pub(crate) fn orientation(mut exif: &[u8]) -> Option<Orientation> {
    while let Some(rest) = exif.strip_prefix(MARK) {
        exif = rest;
    }
    let value = Directory::first(exif)?.entry(ORIENTATION)?.integer()?;
    Orientation::from_exif(u8::try_from(value).ok()?)
}

/// The first image file directory of a classic TIFF structure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory<'a> {
    file: &'a [u8],
    big_endian: bool,
    /// Twelve bytes each.
    entries: &'a [u8],
}

/// One field of a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    directory: Directory<'a>,
    kind: u16,
    count: u32,
    /// Where its four bytes of value, or of offset, lie in the file.
    pub(super) value_at: usize,
}

impl<'a> Directory<'a> {
    /// `None` unless there is one.
    pub(super) fn first(file: &'a [u8]) -> Option<Self> {
        let big_endian = match file.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        let empty = Self { file, big_endian, entries: &[] };
        let at = usize::try_from(empty.u32_at(4)?).ok()?;
        let count = usize::from(empty.u16_at(at)?);
        let start = at.checked_add(2)?;
        let entries = file.get(start..)?;
        // A directory that is cut short still has its first entries.
        let entries = entries.get(..count * 12).unwrap_or(entries);
        Some(Self { entries, ..empty })
    }

    /// The field with this tag.
    pub(super) fn entry(self, tag: u16) -> Option<Entry<'a>> {
        let start = self.entries.as_ptr() as usize - self.file.as_ptr() as usize;
        let at = (start..start + self.entries.len()).step_by(12).find(|at| self.u16_at(*at) == Some(tag))?;
        let (kind, count) = (self.u16_at(at + 2)?, self.u32_at(at + 4)?);
        Some(Entry { directory: self, kind, count, value_at: at + 8 })
    }

    fn u16_at(self, at: usize) -> Option<u16> {
        let bytes = *self.file.get(at..)?.first_chunk::<2>()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32_at(self, at: usize) -> Option<u32> {
        let bytes = *self.file.get(at..)?.first_chunk::<4>()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

impl Entry<'_> {
    /// Its first value where that is a whole number of at most 32 bits: BYTE, SHORT, LONG, or signed.
    pub(super) fn integer(self) -> Option<u32> {
        const BYTE: u16 = 1;
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        const SIGNED_SHORT: u16 = 8;
        const SIGNED_LONG: u16 = 9;
        let width = match self.kind {
            BYTE => 1,
            SHORT | SIGNED_SHORT => 2,
            LONG | SIGNED_LONG => 4,
            _ => return None,
        };
        let at = match u64::from(self.count) * width {
            0 => return None,
            1..=4 => self.value_at,
            _ => usize::try_from(self.directory.u32_at(self.value_at)?).ok()?,
        };
        match width {
            1 => self.directory.file.get(at).map(|value| u32::from(*value)),
            2 => self.directory.u16_at(at).map(u32::from),
            _ => self.directory.u32_at(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure with one directory of the given entries (tag, kind, count, four bytes), and perhaps a second one.
    fn exif(big_endian: bool, entries: &[(u16, u16, u32, [u8; 4])]) -> Vec<u8> {
        let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(long(8));
        bytes.extend(short(entries.len() as u16));
        for (tag, kind, count, value) in entries {
            bytes.extend(short(*tag));
            bytes.extend(short(*kind));
            bytes.extend(long(*count));
            bytes.extend(value);
        }
        bytes.extend(long(0));
        bytes
    }

    #[test]
    fn both_byte_orders_short_or_long_marked_or_not() {
        let six = Some(Orientation::Rotate90);
        assert_eq!(orientation(&exif(false, &[(0x112, 3, 1, [6, 0, 0, 0])])), six);
        assert_eq!(orientation(&exif(false, &[(0x112, 4, 1, [6, 0, 0, 0])])), six);
        assert_eq!(orientation(&exif(true, &[(0x112, 3, 1, [0, 6, 0, 0])])), six);
        assert_eq!(orientation(&exif(true, &[(0x112, 4, 1, [0, 0, 0, 6])])), six);
        assert_eq!(orientation(&exif(true, &[(0x10f, 2, 4, *b"abc\0"), (0x112, 9, 1, [0, 0, 0, 6])])), six);
        let marked = [MARK, MARK, &exif(true, &[(0x112, 3, 1, [0, 6, 0, 0])])].concat();
        assert_eq!(orientation(&marked), six);
    }

    #[test]
    fn what_says_nothing_sensible_is_nothing() {
        for value in [0u8, 9, 255] {
            assert_eq!(orientation(&exif(false, &[(0x112, 3, 1, [value, 0, 0, 0])])), None);
        }
        assert_eq!(orientation(&exif(false, &[(0x112, 4, 1, [6, 0, 1, 0])])), None);
        assert_eq!(orientation(&exif(false, &[(0x112, 2, 1, [6, 0, 0, 0])])), None);
        assert_eq!(orientation(&exif(false, &[(0x112, 3, 0, [6, 0, 0, 0])])), None);
        for broken in [&b""[..], b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"Exif\0\0"] {
            assert_eq!(orientation(broken), None);
        }
        // Any prefix of a good one: nothing, or the truth.
        let whole = exif(true, &[(0x112, 3, 1, [0, 6, 0, 0])]);
        for end in 0..whole.len() {
            assert!(matches!(orientation(&whole[..end]), None | Some(Orientation::Rotate90)));
        }
    }
}
