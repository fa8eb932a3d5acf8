//! Photo bytes to upright RGB pixels, with every limit checked before anything large is allocated.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, RgbImage};

use crate::jpeg::{self, Jpeg};

/// What a photo may cost. Checked against the header, before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub max_bytes: usize,
    /// Most pixels, width times height.
    pub max_pixels: u64,
    /// Longest side in pixels.
    pub max_side: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 20 << 20, max_pixels: 50_000_000, max_side: 32_768 }
    }
}

/// Why a photo cannot be looked at. The texts are for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// No bytes at all.
    #[error("The photo is empty (0 bytes).")]
    Empty,
    /// The file is larger than [`Limits::max_bytes`].
    #[error("The photo has {bytes} bytes; at most {max} are accepted. Shrink it before sending.")]
    TooManyBytes {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More pixels than [`Limits::max_pixels`], or a side longer than [`Limits::max_side`].
    #[error(
        "The photo claims {width} x {height} pixels; at most {max_pixels} pixels and {max_side} a side are accepted."
    )]
    TooManyPixels {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// The limit on width times height.
        max_pixels: u64,
        /// The limit on each side.
        max_side: u32,
    },
    /// Not a JPEG, PNG or WebP.
    #[error("The file is {found}; JPEG, PNG and WebP are read.")]
    Unsupported {
        /// What the bytes look like.
        found: &'static str,
    },
    /// One of the three, but broken.
    #[error("The {format} cannot be decoded: {reason}.")]
    Undecodable {
        /// Which of the three it looks like.
        format: PhotoFormat,
        /// What the decoder said.
        reason: String,
    },
}

/// The kinds of file that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoFormat {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    WebP,
}

impl std::fmt::Display for PhotoFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        })
    }
}

impl PhotoFormat {
    /// The kind of a file by its first bytes, never by its name or declared type.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }
}

/// What a file that is not read seems to be, for the error text.
fn name_unsupported(bytes: &[u8]) -> &'static str {
    match bytes.get(4..12) {
        Some(b"ftypavif") => return "an AVIF image",
        Some(b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypmsf1") => return "a HEIC image",
        _ => {}
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Gif) => "a GIF image",
        Ok(ImageFormat::Tiff) => "a TIFF image",
        Ok(ImageFormat::Bmp) => "a BMP image",
        _ => "no image of a known kind",
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
        let format =
            PhotoFormat::sniff(bytes).ok_or_else(|| PhotoError::Unsupported { found: name_unsupported(bytes) })?;
        // Decoders are other people's code on hostile input: a panic is one photo's failure, not the process's.
        catch_unwind(AssertUnwindSafe(|| decode(bytes, format, limits, needed)))
            .unwrap_or_else(|_| Err(PhotoError::Undecodable { format, reason: "the decoder gave up".to_owned() }))
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
    let undecodable = |e: image::ImageError| PhotoError::Undecodable { format, reason: reason(&e) };
    match format {
        PhotoFormat::Jpeg => {
            let undecodable = |reason: String| PhotoError::Undecodable { format, reason };
            let jpeg = Jpeg::read(bytes).map_err(|reason| undecodable(reason.to_owned()))?;
            let (width, height) = jpeg.size;
            check(jpeg.size, u64::from(width) * u64::from(height) * 3, limits)?;
            let orientation = jpeg.orientation();
            let upright_size = if swaps_sides(orientation) { (height, width) } else { (width, height) };
            let eighths = jpeg::eighths(upright_size, needed(upright_size.0, upright_size.1));
            let pixels = jpeg.decode(eighths).map_err(undecodable)?;
            Ok(upright(DynamicImage::ImageRgb8(pixels), orientation, jpeg.size))
        }
        PhotoFormat::Png => {
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), allocation(limits)).map_err(undecodable)?;
            decode_with(decoder, format, limits)
        }
        PhotoFormat::WebP => decode_with(WebPDecoder::new(Cursor::new(bytes)).map_err(undecodable)?, format, limits),
    }
}

fn decode_with(mut decoder: impl ImageDecoder, format: PhotoFormat, limits: &Limits) -> Result<Photo, PhotoError> {
    let undecodable = |e: image::ImageError| PhotoError::Undecodable { format, reason: reason(&e) };
    let size = decoder.dimensions();
    check(size, decoder.total_bytes(), limits)?;
    decoder.set_limits(allocation(limits)).map_err(undecodable)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    Ok(upright(image, orientation, size))
}

/// Four bytes a pixel is what an 8-bit RGBA photo takes; a 16-bit one is bounded at half the pixels.
fn allocation(limits: &Limits) -> image::Limits {
    let mut allocation = image::Limits::default();
    allocation.max_alloc = Some(limits.max_pixels.saturating_mul(4));
    allocation
}

/// Holds the header's size against the limits; `bytes` is what the decoded pixels take.
fn check((width, height): (u32, u32), bytes: u64, limits: &Limits) -> Result<(), PhotoError> {
    let fits = u64::from(width) * u64::from(height) <= limits.max_pixels
        && width.max(height) <= limits.max_side
        && bytes <= limits.max_pixels.saturating_mul(4);
    if fits {
        Ok(())
    } else {
        let Limits { max_pixels, max_side, .. } = *limits;
        Err(PhotoError::TooManyPixels { width, height, max_pixels, max_side })
    }
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn upright(image: DynamicImage, orientation: Orientation, (width, height): (u32, u32)) -> Photo {
    // Alpha is dropped, as OpenCV and Pillow do: a transparent pixel's own colour counts.
    let mut image = DynamicImage::ImageRgb8(image.into_rgb8());
    image.apply_orientation(orientation);
    let (width, height) = if swaps_sides(orientation) { (height, width) } else { (width, height) };
    Photo { width, height, pixels: image.into_rgb8() }
}

/// A decoder's complaint in one clause, without the crate's own prefixes.
fn reason(error: &image::ImageError) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let text = text.split(['\n', '\r']).next().unwrap_or_default().trim().trim_end_matches('.');
    if text.is_empty() { "its data is damaged".to_owned() } else { text.chars().take(120).collect() }
}
