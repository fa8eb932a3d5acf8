//! What every kind of file answers: its header first, its pixels when the limits allow them.

use image::RgbImage;
use image::metadata::Orientation;

use super::error::Failure;
use super::{Limits, PhotoFormat, bitmap, heif, jpeg, png, tiff, webp};

/// What a file says before it is decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Width and height as stored, in pixels.
    pub(super) size: (u32, u32),
    /// Bytes that decoding needs for each pixel at its peak, the three of the result included.
    pub(super) bytes_per_pixel: u64,
    /// How the stored pixels are turned.
    pub(super) orientation: Orientation,
}

/// A file opened as far as its header.
pub(super) trait Decoder {
    /// What the header says.
    fn header(&self) -> Header;

    /// The stored pixels; a decoder that can may leave them at `eighths`/8 of their size. Transparency is dropped, as
    /// OpenCV and Pillow do: a transparent pixel's own colour counts.
    fn decode(self: Box<Self>, eighths: u8) -> Result<RgbImage, Failure>;
}

/// Opens a file of the given kind. Nothing as large as its pixels is allocated.
pub(super) fn open<'a>(
    format: PhotoFormat,
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Box<dyn Decoder + 'a>, Failure> {
    Ok(match format {
        PhotoFormat::Jpeg => Box::new(jpeg::Jpeg::open(bytes)?),
        PhotoFormat::Png => Box::new(png::open(bytes, limits)?),
        PhotoFormat::WebP => Box::new(webp::open(bytes, limits)?),
        PhotoFormat::Heic | PhotoFormat::Avif => Box::new(heif::Heif::open(bytes)?),
        PhotoFormat::Tiff => Box::new(tiff::Tiff::open(bytes, limits)?),
        PhotoFormat::Bmp => Box::new(bitmap::open_bmp(bytes, limits)?),
        PhotoFormat::Gif => Box::new(bitmap::open_gif(bytes, limits)?),
    })
}
