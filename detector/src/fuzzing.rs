//! The parsers of this crate that nothing else makes public, as `fuzz/` calls them.

/// The orientation that an Exif structure asks for, as Exif counts them.
#[must_use]
pub fn orientation(exif: &[u8]) -> Option<u8> {
    crate::photo::orientation(exif).map(image::metadata::Orientation::to_exif)
}
