//! What the `image` crate decodes alone: BMP, GIF (its first frame), and the pixels of PNG and WebP.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, RgbImage};

use super::Limits;
use super::decoder::{Decoder, Header};
use super::error::Failure;

/// A decoder of the `image` crate and the orientation that the file asks for.
pub(super) struct Bitmap<D> {
    decoder: D,
    orientation: Orientation,
    allocation: image::Limits,
    /// Bytes for each pixel that the decoder may take beside the picture itself.
    beside: u64,
}

impl<D: ImageDecoder> Bitmap<D> {
    pub(super) fn new(decoder: D, orientation: Option<Orientation>, limits: &Limits) -> Self {
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        Self { decoder, orientation, allocation: allocation(limits), beside: 0 }
    }
}

impl<D: ImageDecoder> Decoder for Bitmap<D> {
    fn header(&self) -> Header {
        let size = self.decoder.dimensions();
        let pixels = (u64::from(size.0) * u64::from(size.1)).max(1);
        let bytes_per_pixel = self.decoder.total_bytes().div_ceil(pixels) + self.beside;
        Header { size, bytes_per_pixel, orientation: self.orientation }
    }

    fn decode(mut self: Box<Self>, _eighths: u8) -> Result<RgbImage, Failure> {
        self.decoder.set_limits(self.allocation)?;
        Ok(DynamicImage::from_decoder(self.decoder)?.into_rgb8())
    }
}

/// Four bytes a pixel is what an 8-bit RGBA photo takes; a 16-bit one is bounded at half the pixels.
pub(super) fn allocation(limits: &Limits) -> image::Limits {
    let mut allocation = image::Limits::default();
    allocation.max_alloc = Some(limits.max_pixels.saturating_mul(4));
    allocation
}

/// Windows bitmaps, with any header from OS/2's to version 5.
pub(super) fn open_bmp<'a>(bytes: &'a [u8], limits: &Limits) -> Result<impl Decoder + 'a, Failure> {
    Ok(Bitmap::new(BmpDecoder::new(Cursor::new(bytes))?, None, limits))
}

/// The first frame of a GIF, on its whole screen.
pub(super) fn open_gif<'a>(bytes: &'a [u8], limits: &Limits) -> Result<impl Decoder + 'a, Failure> {
    let bitmap = Bitmap::new(GifDecoder::new(Cursor::new(bytes))?, None, limits);
    // A frame that is not as wide as the screen is decoded apart and then laid upon it.
    Ok(Bitmap { beside: 4, ..bitmap })
}
