//! What the photo decoder needs to know of JPEG beyond `image`: whether a file is whole, and a scaled decode.

use image::RgbImage;
use memchr::memchr_iter;

/// Progressive files of real encoders have about ten scans. Each costs a pass over all coefficients, so a small file
/// with thousands of them is an attack.
const MAX_SCANS: usize = 64;

/// Structure of a JPEG as its markers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Colour components: 1 grey, 3 YCbCr or RGB, 4 CMYK or YCCK.
    pub(crate) components: u8,
}

impl Shape {
    /// Walks the markers (T.81, annex B) of a whole file.
    ///
    /// # Errors
    /// Says what is wrong: no frame, no end-of-image marker (a truncated file), too many scans.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        const TRUNCATED: &str = "it is truncated";
        let mut components = None;
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
            if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                components = Some(*bytes.get(at + 7).ok_or(TRUNCATED)?);
            }
            at += length;
            if marker == 0xda {
                break at;
            }
        };
        let components = components.ok_or("it has no frame header")?;
        // In scan data 0xff is always stuffed or a marker, so these are true markers.
        let data = bytes.get(scan_start..).ok_or(TRUNCATED)?;
        let mut scans = 1;
        for at in memchr_iter(0xff, data) {
            match data.get(at + 1) {
                Some(0xd9) => return Ok(Self { components }),
                Some(0xda) => scans += 1,
                _ => {}
            }
            if scans > MAX_SCANS {
                return Err("it has too many scans");
            }
        }
        Err(TRUNCATED)
    }
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

/// Decodes a grey or three-component JPEG at `eighths`/8 of its size.
///
/// # Errors
/// The decoder's complaint. Fatal ones arrive as a panic, which the caller catches.
pub(crate) fn decode_scaled(bytes: &[u8], eighths: u8) -> Result<RgbImage, String> {
    let failed = |_| "its data is damaged".to_owned();
    let mut decoder = mozjpeg::Decompress::new_mem(bytes).map_err(failed)?;
    decoder.scale(eighths);
    let mut rows = decoder.rgb().map_err(failed)?;
    let side = |length: usize| u32::try_from(length).map_err(|e| e.to_string());
    let (width, height) = (side(rows.width())?, side(rows.height())?);
    let pixels: Vec<u8> = rows.read_scanlines().map_err(failed)?;
    rows.finish().map_err(failed)?;
    RgbImage::from_raw(width, height, pixels).ok_or_else(|| "its data is incomplete".to_owned())
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
