//! Photo bytes to upright RGB pixels, with every limit checked before anything large is allocated.

mod bitmap;
mod decoder;
mod error;
mod exif;
mod format;
mod heif;
mod jpeg;
mod png;
mod tiff;
mod unsupported_type;
mod webp;

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

pub use self::error::PhotoError;
pub(crate) use self::exif::orientation;
pub use self::format::PhotoFormat;
pub use self::unsupported_type::UnsupportedType;
use self::{decoder::Header, error::Failure};

/// What a photo may cost. Checked against the header, before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub max_bytes: usize,
    /// Most pixels, width times height. Four bytes for each is also what the decoded pixels of one photo may take, so that
    /// kinds of file that need more for a pixel are bounded at fewer pixels.
    pub max_pixels: u64,
    /// Longest side in pixels.
    pub max_side: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 20 << 20, max_pixels: 50_000_000, max_side: 32_768 }
    }
}

/// A decoded photo: upright (EXIF orientation applied), RGB, 8 bits.
///
/// A large JPEG decoded for a small model input holds fewer pixels than the photo has; `width` and `height` are
/// always the photo's.
#[derive(Debug, Clone)]
pub struct Photo {
    width: u32,
    height: u32,
    pixels: RgbImage,
}

impl Photo {
    /// Decodes a photo in full.
    ///
    /// # Errors
    /// [`PhotoError`], also where a decoder panics.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PhotoError> {
        Self::decode_at_least(bytes, limits, &|width, height| (width, height))
    }

    /// Decodes a photo with at least the pixels its user needs. `needed` gets the size of the upright photo and says
    /// to which size it will be resized; a JPEG of twice that size or more is decoded at 1/2, 1/4 or 1/8 (scaled
    /// DCT), which is faster and already filtered.
    ///
    /// # Errors
    /// [`PhotoError`], also where a decoder panics.
    pub fn decode_at_least(
        bytes: &[u8],
        limits: &Limits,
        needed: &dyn Fn(u32, u32) -> (u32, u32),
    ) -> Result<Self, PhotoError> {
        if bytes.is_empty() {
            return Err(PhotoError::Empty);
        }
        if bytes.len() > limits.max_bytes {
            return Err(PhotoError::TooManyBytes { bytes: bytes.len(), max: limits.max_bytes });
        }
        let unsupported = || PhotoError::Unsupported { found: UnsupportedType::of(bytes) };
        let format = PhotoFormat::sniff(bytes).ok_or_else(unsupported)?;
        // Decoders are other people's code on hostile input: a panic is one photo's failure, not the process's.
        catch_unwind(AssertUnwindSafe(|| decode(bytes, format, limits, needed)))
            .unwrap_or_else(|_| Err(Failure::damaged("the decoder crashed").into_error(format)))
    }

    /// A photo from pixels that are already upright.
    #[must_use]
    pub fn from_image(pixels: RgbImage) -> Self {
        Self { width: pixels.width(), height: pixels.height(), pixels }
    }

    /// Width of the upright photo, in its own pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the upright photo, in its own pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The decoded pixels, perhaps fewer than `width` x `height`.
    #[must_use]
    pub fn pixels(&self) -> &RgbImage {
        &self.pixels
    }

    /// The decoded pixels, perhaps fewer than `width` x `height`.
    #[must_use]
    pub fn into_image(self) -> RgbImage {
        self.pixels
    }
}

fn decode(
    bytes: &[u8],
    format: PhotoFormat,
    limits: &Limits,
    needed: &dyn Fn(u32, u32) -> (u32, u32),
) -> Result<Photo, PhotoError> {
    let decoder = decoder::open(format, bytes, limits).map_err(|failure| failure.into_error(format))?;
    let header = decoder.header();
    check(&header, format, limits)?;
    let (width, height) = upright_size(&header);
    let eighths = jpeg::eighths((width, height), needed(width, height));
    let pixels = decoder.decode(eighths).map_err(|failure| failure.into_error(format))?;
    let mut pixels = DynamicImage::ImageRgb8(pixels);
    pixels.apply_orientation(header.orientation);
    Ok(Photo { width, height, pixels: pixels.into_rgb8() })
}

/// Holds the header's size against the limits.
fn check(header: &Header, format: PhotoFormat, limits: &Limits) -> Result<(), PhotoError> {
    let Limits { max_pixels, max_side, .. } = *limits;
    let (width, height) = header.size;
    if width == 0 || height == 0 {
        return Err(Failure::damaged("it has zero width or height").into_error(format));
    }
    let max_pixels = (max_pixels.saturating_mul(4) / header.bytes_per_pixel.max(1)).min(max_pixels);
    if u64::from(width) * u64::from(height) <= max_pixels && width.max(height) <= max_side {
        Ok(())
    } else {
        Err(PhotoError::TooManyPixels { width, height, max_pixels, max_side })
    }
}

fn upright_size(header: &Header) -> (u32, u32) {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let (width, height) = header.size;
    match header.orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}
