//! WebP.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;

use super::bitmap::Bitmap;
use super::decoder::Decoder;
use super::error::Failure;
use super::{Limits, exif};

/// Opens a WebP; its EXIF chunk may or may not begin with `Exif\0\0`.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<impl Decoder + 'a, Failure> {
    let decoder = WebPDecoder::new(Cursor::new(bytes))?;
    Ok(Bitmap::new(decoder, exif_chunk(bytes).and_then(exif::orientation), limits))
}

/// The first EXIF chunk of an extended file (<https://developers.google.com/speed/webp/docs/riff_container>). The decoder would
/// allocate what its header says, up to 4 GB, before it found the file to be shorter.
fn exif_chunk(bytes: &[u8]) -> Option<&[u8]> {
    let (riff, within) = chunk(bytes)?;
    let mut rest =
        within.get(..riff.min(within.len()))?.strip_prefix(b"WEBP").filter(|chunks| chunks.starts_with(b"VP8X"))?;
    loop {
        let (size, after) = chunk(rest)?;
        if rest.starts_with(b"EXIF") {
            return after.get(..size);
        }
        rest = after.get(size.checked_add(size % 2)?..)?;
    }
}

/// The size that a chunk's header says, and all that follows the header.
fn chunk(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let ([.., a, b, c, d], after) = bytes.split_first_chunk::<8>()?;
    Some((u32::from_le_bytes([*a, *b, *c, *d]) as usize, after))
}
