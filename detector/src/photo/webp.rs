//! WebP.

use std::io::Cursor;

use image::ImageDecoder;
use image::codecs::webp::WebPDecoder;

use super::bitmap::Bitmap;
use super::decoder::Decoder;
use super::error::Failure;
use super::{Limits, exif};

/// Opens a WebP; its EXIF chunk may or may not begin with `Exif\0\0`.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<impl Decoder + 'a, Failure> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes))?;
    let orientation = decoder.exif_metadata().ok().flatten().and_then(|chunk| exif::orientation(&chunk));
    Ok(Bitmap::new(decoder, orientation, limits))
}
