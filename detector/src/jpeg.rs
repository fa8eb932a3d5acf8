//! JPEG (ITU-T T.81) by libjpeg-turbo's decoder, as mozjpeg carries it: in full or scaled down within its inverse DCT.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::RgbImage;
use image::metadata::Orientation;
use memchr::memchr_iter;
use mozjpeg::{ColorSpace, Decompress};

/// Progressive files of real encoders have about ten scans. Each costs a pass over all coefficients, so a small file
/// with thousands of them is an attack.
const MAX_SCANS: usize = 64;

/// A JPEG as its markers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jpeg<'a> {
    bytes: &'a [u8],
    /// Width and height as stored, in pixels.
    pub(crate) size: (u32, u32),
    /// Colour components: 1 grey, 3 YCbCr or RGB, 4 CMYK or YCCK.
    components: u8,
    /// The TIFF structure of its Exif segment.
    exif: Option<&'a [u8]>,
    /// Marked by Adobe's software, which stores how much light is left instead of how much ink there is.
    adobe: bool,
}

impl<'a> Jpeg<'a> {
    /// Walks the markers (T.81, annex B) of a whole file.
    ///
    /// # Errors
    /// Says what is wrong: no frame, no end-of-image marker (a truncated file), too many scans.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        const TRUNCATED: &str = "it is truncated";
        let (mut frame, mut exif, mut adobe) = (None, None, false);
        let mut at = 2;
        let scan_start = loop {
            while bytes.get(at).is_some_and(|b| *b != 0xff) {
                at += 1;
            }
            while bytes.get(at) == Some(&0xff) {
                at += 1;
            }
            let marker = *bytes.get(at).ok_or(TRUNCATED)?;
            at += 1;
            if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd9) {
                continue;
            }
            let length = bytes.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
            let length = length.ok_or(TRUNCATED)?;
            let segment = bytes.get(at + 2..at + length).unwrap_or_default();
            match marker {
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => frame = Some(segment),
                // The first counts, as for Pillow, OpenCV and exiftool.
                0xe1 => exif = exif.or(segment.strip_prefix(b"Exif\0\0")),
                0xee => adobe |= segment.starts_with(b"Adobe"),
                _ => {}
            }
            at += length;
            if marker == 0xda {
                break at;
            }
        };
        let &[_, h1, h0, w1, w0, components, ..] = frame.ok_or("it has no frame header")? else {
            return Err(TRUNCATED);
        };
        let size = (u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0])));
        // In scan data 0xff is always stuffed or a marker, so these are true markers.
        let data = bytes.get(scan_start..).ok_or(TRUNCATED)?;
        let mut scans = 1;
        for at in memchr_iter(0xff, data) {
            match data.get(at + 1) {
                Some(0xd9) => return Ok(Self { bytes, size, components, exif, adobe }),
                Some(0xda) => scans += 1,
                _ => {}
            }
            if scans > MAX_SCANS {
                return Err("it has too many scans");
            }
        }
        Err(TRUNCATED)
    }

    /// How the stored pixels are turned, as Exif says.
    pub(crate) fn orientation(&self) -> Orientation {
        self.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
    }

    /// Decodes it at `eighths`/8 of its size.
    ///
    /// # Errors
    /// The decoder's complaint.
    pub(crate) fn decode(&self, eighths: u8) -> Result<RgbImage, String> {
        // libjpeg's fatal errors unwind out of it, with their text.
        catch_unwind(AssertUnwindSafe(|| self.decode_or_unwind(eighths))).unwrap_or_else(|fatal| {
            let text = fatal.downcast_ref::<String>().map(|text| text.trim_start_matches("libjpeg fatal error: "));
            Err(text.unwrap_or("the decoder gave up").trim_end_matches('.').to_owned())
        })
    }

    fn decode_or_unwind(&self, eighths: u8) -> Result<RgbImage, String> {
        let failed = |_| "its data is damaged".to_owned();
        let mut decoder = Decompress::new_mem(self.bytes).map_err(failed)?;
        decoder.scale(eighths);
        let space = if self.components == 4 { ColorSpace::JCS_CMYK } else { ColorSpace::JCS_RGB };
        let mut rows = decoder.to_colorspace(space).map_err(failed)?;
        let side = |length: usize| u32::try_from(length).map_err(|e| e.to_string());
        let (width, height) = (side(rows.width())?, side(rows.height())?);
        let mut pixels: Vec<u8> = rows.read_scanlines().map_err(failed)?;
        rows.finish().map_err(failed)?;
        if self.components == 4 {
            pixels = without_ink(&pixels, self.adobe);
        }
        RgbImage::from_raw(width, height, pixels).ok_or_else(|| "its data is incomplete".to_owned())
    }
}

/// CMYK to RGB. What Adobe's software writes is light, not ink.
fn without_ink(pixels: &[u8], is_light: bool) -> Vec<u8> {
    let light = |value: u8| u32::from(if is_light { value } else { 255 - value });
    let mut rgb = Vec::with_capacity(pixels.len() / 4 * 3);
    for &[c, m, y, k] in pixels.as_chunks::<4>().0 {
        rgb.extend([c, m, y].map(|ink| ((light(ink) * light(k) + 127) / 255) as u8));
    }
    rgb
}

/// The smallest scale, in eighths, at which a photo of `size` still has the `needed` pixels in both dimensions.
pub(crate) fn eighths(size: (u32, u32), needed: (u32, u32)) -> u8 {
    let ratio = |have: u32, need: u32| f64::from(have) / f64::from(need.max(1));
    match ratio(size.0, needed.0).min(ratio(size.1, needed.1)) {
        r if r >= 8.0 => 1,
        r if r >= 4.0 => 2,
        r if r >= 2.0 => 4,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_keeps_at_least_the_needed_pixels() {
        assert_eq!(eighths((640, 480), (416, 312)), 8);
        assert_eq!(eighths((832, 480), (416, 240)), 4);
        assert_eq!(eighths((832, 480), (416, 416)), 8);
        assert_eq!(eighths((4000, 3000), (416, 312)), 1);
        assert_eq!(eighths((3000, 4000), (480, 640)), 2);
        assert_eq!(eighths((60_000, 60_000), (60_000, 60_000)), 8);
    }
}
