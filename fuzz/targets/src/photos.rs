//! Photos: of every format that is read, within limits that keep each of them quick.

use detector::{Limits, Photo, PhotoError, PhotoFormat, UnsupportedType};

const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 20, max_side: 4096 };
/// What a model's input may need of a photo.
const NEEDED: u32 = 64;

/// A photo, decoded in full and then at the size that a small input needs.
pub(crate) fn decode(bytes: &[u8]) {
    let _ = UnsupportedType::of(bytes).to_string();
    let whole = Photo::decode(bytes, &LIMITS);
    if let Err(error) = &whole {
        assert!(!error.to_string().is_empty());
        if let PhotoError::Undecodable { format, .. } = error {
            assert_eq!(Some(*format), PhotoFormat::sniff(bytes));
        }
    }
    let small = Photo::decode_at_least(bytes, &LIMITS, &|width, height| (width.min(NEEDED), height.min(NEEDED)));
    for photo in [&whole, &small].into_iter().flatten() {
        let (width, height) = (photo.width(), photo.height());
        assert!(width > 0 && height > 0 && width.max(height) <= LIMITS.max_side, "{width} x {height}");
        assert!(u64::from(width) * u64::from(height) <= LIMITS.max_pixels, "{width} x {height}");
        let (columns, rows) = photo.pixels().dimensions();
        assert!(columns <= width && rows <= height, "{columns} x {rows} of {width} x {height}");
        assert!(columns >= width.min(NEEDED) && rows >= height.min(NEEDED), "{columns} x {rows} of {width} x {height}");
    }
    if let (Ok(whole), Ok(small)) = (&whole, &small) {
        let (width, height) = (whole.width(), whole.height());
        assert_eq!(whole.pixels().dimensions(), (width, height), "not in full");
        assert_eq!((small.width(), small.height()), (width, height), "two sizes of one photo");
    }
}

/// An Exif structure.
pub(crate) fn orientation(bytes: &[u8]) {
    let found = detector::fuzzing::orientation(bytes);
    assert!(found.is_none_or(|found| (1..=8).contains(&found)), "{found:?}");
}
