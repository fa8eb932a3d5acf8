//! The kinds of file that are read, told by their first bytes.

/// A kind of file that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoFormat {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
    /// HEIF with HEVC (ISO/IEC 23008-12), as iPhones write it.
    Heic,
    /// HEIF with AV1.
    Avif,
    /// TIFF 6.0 and BigTIFF.
    Tiff,
    /// Windows and OS/2 bitmaps.
    Bmp,
    /// GIF: its first frame.
    Gif,
}

impl PhotoFormat {
    /// All of them, for sentences.
    pub const LIST: &'static str = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP and GIF";

    /// How many bytes [`PhotoFormat::sniff`] wants to see, where the file has as many.
    pub const HEAD: usize = 64;

    /// The kind of a file by its first bytes, never by its name or declared type.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            // Canon's first raw format is a TIFF with a mark of its own.
            [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..] => None,
            [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Some(Self::Tiff),
            // Text may begin with BM, too: the header that follows has one of a few sizes, and its reserved fields are 0.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
                Some(Self::Bmp)
            }
            _ => Self::of_brands(brands(bytes)?),
        }
    }

    /// A HEIF file by its brands: the major one first, then those it is compatible with. The generic ones (`mif1`) say
    /// nothing about the coding, so that they alone mean HEVC, which is what most files are.
    fn of_brands(brands: impl Iterator<Item = [u8; 4]> + Clone) -> Option<Self> {
        let kind = |brand: [u8; 4]| match &brand {
            b"avif" | b"avis" => Some(Self::Avif),
            b"heic" | b"heix" => Some(Self::Heic),
            _ => None,
        };
        let major = brands.clone().next()?;
        match &major {
            b"mif1" | b"mif2" | b"msf1" | b"miaf" | b"MiHE" | b"MiHB" | b"1pic" => {
                Some(brands.clone().find_map(kind).unwrap_or(Self::Heic))
            }
            // A sequence may have a still picture as well, which is then what its other brands promise.
            b"hevc" | b"hevx" | b"heim" | b"heis" | b"hevm" | b"hevs" => {
                brands.clone().skip(1).any(|brand| matches!(&brand, b"heic" | b"heix")).then_some(Self::Heic)
            }
            _ => kind(major),
        }
    }

    /// Its media type (IANA).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Heic => "image/heic",
            Self::Avif => "image/avif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
        }
    }
}

impl std::fmt::Display for PhotoFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
        })
    }
}

/// The brands of a file of ISO base media (ISO/IEC 14496-12): the major one, then the compatible ones as far as `bytes`
/// goes.
pub(super) fn brands(bytes: &[u8]) -> Option<impl Iterator<Item = [u8; 4]> + Clone + '_> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let rest = rest.strip_prefix(b"ftyp")?;
    let length = usize::try_from(u32::from_be_bytes(*size)).ok()?.checked_sub(8)?;
    let rest = rest.get(..length).unwrap_or(rest);
    let (major, rest) = rest.split_first_chunk::<4>()?;
    let compatible = rest.get(4..).unwrap_or_default();
    Some(std::iter::once(*major).chain(compatible.as_chunks::<4>().0.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ftyp(brands: &[&[u8; 4]]) -> Vec<u8> {
        let mut bytes = (12 + 4 * brands.len() as u32 - 4 + 4).to_be_bytes().to_vec();
        bytes.extend(b"ftyp");
        bytes.extend(brands[0]);
        bytes.extend([0; 4]);
        brands[1..].iter().for_each(|brand| bytes.extend(*brand));
        bytes
    }

    #[test]
    fn heif_is_told_by_its_brands() {
        let sniff = |brands: &[&[u8; 4]]| PhotoFormat::sniff(&ftyp(brands));
        assert_eq!(sniff(&[b"heic", b"mif1", b"heic"]), Some(PhotoFormat::Heic));
        assert_eq!(sniff(&[b"mif1", b"heic"]), Some(PhotoFormat::Heic));
        assert_eq!(sniff(&[b"mif1"]), Some(PhotoFormat::Heic));
        assert_eq!(sniff(&[b"mif1", b"avif", b"miaf"]), Some(PhotoFormat::Avif));
        assert_eq!(sniff(&[b"avis", b"avif"]), Some(PhotoFormat::Avif));
        assert_eq!(sniff(&[b"hevc", b"msf1"]), None);
        assert_eq!(sniff(&[b"hevc", b"msf1", b"heic", b"mif1"]), Some(PhotoFormat::Heic));
        assert_eq!(sniff(&[b"isom", b"mp42"]), None);
        assert_eq!(PhotoFormat::sniff(b"\0\0\0\x04ftypheic"), None);
        assert_eq!(PhotoFormat::sniff(b"\0\0\0\x18ftyp"), None);
    }

    #[test]
    fn text_that_begins_with_bm_is_no_bitmap() {
        assert_eq!(PhotoFormat::sniff(b"BM is short for benchmark, and this is text."), None);
        assert_eq!(PhotoFormat::sniff(b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0"), Some(PhotoFormat::Bmp));
    }
}
