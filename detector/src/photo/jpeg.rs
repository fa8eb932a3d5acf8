//! JPEG (ITU-T T.81) by libjpeg-turbo's decoder, as mozjpeg carries it: in full or scaled down within its inverse DCT.

mod shortage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::RgbImage;
use image::metadata::Orientation;
use memchr::memchr_iter;
use mozjpeg::{ColorSpace, Decompress};

use self::shortage::Shortage;
use super::decoder::{Decoder, Header};
use super::error::{Failure, TRUNCATED};
use super::exif;

/// Progressive files of real encoders have about ten scans. Each costs a pass over all coefficients, so a small file
/// with thousands of them is an attack.
const MAX_SCANS: usize = 64;

/// A JPEG as its markers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Jpeg<'a> {
    bytes: &'a [u8],
    frame: Frame<'a>,
    /// How its first Exif segment says that the pixels are turned.
    orientation: Orientation,
    /// Marked by Adobe's software, which stores how much light is left instead of how much ink there is.
    adobe: bool,
    /// MCUs between restart markers, 0 for none.
    restart_interval: usize,
    /// Restart markers after the last start of a scan.
    restarts: usize,
    /// Whether it has its end-of-image marker. Without it the file was cut, or its end was written over.
    ended: bool,
}

/// The frame header (T.81, B.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame<'a> {
    /// Width and height as stored, in pixels.
    size: (u32, u32),
    progressive: bool,
    /// Three bytes for each colour component: its identifier, sampling factors, quantization table. One component is
    /// grey, three are YCbCr or RGB, four are CMYK or YCCK.
    components: &'a [[u8; 3]],
}

impl<'a> Frame<'a> {
    fn read(marker: u8, segment: &'a [u8]) -> Option<Self> {
        let &[_, h1, h0, w1, w0, count, ref components @ ..] = segment else { return None };
        let components = components.as_chunks::<3>().0.get(..usize::from(count))?;
        let size = (u32::from(u16::from_be_bytes([w1, w0])), u32::from(u16::from_be_bytes([h1, h0])));
        Some(Self { size, progressive: matches!(marker, 0xc2 | 0xca), components })
    }

    /// Width and height, in pixels, of what one MCU of an interleaved scan covers.
    fn mcu(&self) -> (u32, u32) {
        let largest =
            |shift: u8| self.components.iter().map(|[_, factors, _]| factors >> shift & 15).max().unwrap_or(1);
        (8 * u32::from(largest(4).max(1)), 8 * u32::from(largest(0).max(1)))
    }
}

impl<'a> Jpeg<'a> {
    /// Walks the markers (T.81, annex B) of a whole file.
    ///
    /// # Errors
    /// Says what is wrong: no frame, no scan, too many scans, a component without a scan.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Failure> {
        let truncated = || Failure::damaged(TRUNCATED);
        let (mut frame, mut exif, mut adobe, mut restart_interval) = (None, None, false, 0);
        let mut at = 2;
        let (first_scan, scan_start) = loop {
            while bytes.get(at).is_some_and(|b| *b != 0xff) {
                at += 1;
            }
            while bytes.get(at) == Some(&0xff) {
                at += 1;
            }
            let marker = *bytes.get(at).ok_or_else(truncated)?;
            at += 1;
            if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd9) {
                continue;
            }
            let length = bytes.get(at..at + 2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
            let length = length.ok_or_else(truncated)?;
            let segment = bytes.get(at + 2..at + length).unwrap_or_default();
            match marker {
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => frame = Some((marker, segment)),
                0xdd => restart_interval = segment.first_chunk().map_or(0, |n| usize::from(u16::from_be_bytes(*n))),
                // The first counts, as for Pillow, OpenCV and exiftool.
                0xe1 => exif = exif.or(segment.strip_prefix(exif::MARK)),
                0xee => adobe |= segment.starts_with(b"Adobe"),
                _ => {}
            }
            at += length;
            if marker == 0xda {
                break (segment, at);
            }
        };
        let (marker, segment) = frame.ok_or_else(|| Failure::damaged("no frame header"))?;
        let frame = Frame::read(marker, segment).ok_or_else(truncated)?;
        let mut scanned = of_scan(first_scan).to_vec();
        // In scan data 0xff is always stuffed or a marker, so these are true markers.
        let data = bytes.get(scan_start..).ok_or_else(truncated)?;
        let (mut scans, mut restarts, mut ended, mut foreign) = (1, 0, false, None);
        for at in memchr_iter(0xff, data) {
            match data.get(at + 1) {
                Some(0xd9) => {
                    ended = true;
                    break;
                }
                // Stuffing, and what may stand between scans.
                None | Some(0x00 | 0xc4 | 0xcc | 0xdb..=0xdd | 0xe0..=0xef | 0xfe | 0xff) => {}
                Some(0xd0..=0xd7) => restarts += 1,
                Some(0xda) => {
                    scans += 1;
                    restarts = 0;
                    scanned.extend(of_scan(data.get(at + 4..).unwrap_or_default()));
                }
                // No marker that belongs here: a maker's trailer, which libjpeg would choke on.
                Some(_) => foreign = foreign.or(Some(scan_start + at)),
            }
            if scans > MAX_SCANS {
                return Err(Failure::damaged("too many scans"));
            }
        }
        let is_scanned = |[identifier, ..]: &[u8; 3]| scanned.iter().any(|[scanned, _]| scanned == identifier);
        if !frame.components.iter().all(is_scanned) {
            return Err(truncated());
        }
        let orientation = exif.and_then(exif::orientation).unwrap_or(Orientation::NoTransforms);
        let bytes = &bytes[..foreign.unwrap_or(bytes.len())];
        Ok(Self { bytes, frame, orientation, adobe, restart_interval, restarts, ended })
    }

    /// Decodes it at `eighths`/8 of its size; 4 components stay CMYK.
    fn pixels(&self, eighths: u8) -> Result<(u32, u32, Vec<u8>), String> {
        // libjpeg's fatal errors unwind out of it, with their text.
        catch_unwind(AssertUnwindSafe(|| self.pixels_or_unwind(eighths))).unwrap_or_else(|fatal| {
            let text = fatal.downcast_ref::<String>().map_or("the decoder failed", String::as_str);
            Err(text.trim_end_matches('.').to_owned())
        })
    }

    fn pixels_or_unwind(&self, eighths: u8) -> Result<(u32, u32, Vec<u8>), String> {
        let failed = |_| "corrupt data".to_owned();
        let mut decoder = Decompress::with_err(shortage::handler()).from_mem(self.bytes).map_err(failed)?;
        decoder.scale(eighths);
        let space = if self.is_ink() { ColorSpace::JCS_CMYK } else { ColorSpace::JCS_RGB };
        let mut rows = decoder.to_colorspace(space).map_err(failed)?;
        let side = |length: usize| u32::try_from(length).map_err(|e| e.to_string());
        let (width, height) = (side(rows.width())?, side(rows.height())?);
        // What follows the last row is no concern of ours: a maker's trailer may stand where the end marker should.
        let pixels = rows.read_scanlines().map_err(failed)?;
        Ok((width, height, pixels))
    }

    fn is_ink(&self) -> bool {
        self.frame.components.len() == 4
    }

    /// Whether rows are missing, by where the data ended. A photo that lacks only its end marker is a photo. In one that
    /// has its end marker a flipped bit, too, may swallow the last blocks, so there a whole row of MCUs has to be missing;
    /// with restart markers, as many of them as come to a row. A progressive one with its end marker has every row, if
    /// coarsely.
    fn lacks_rows(&self, shortage: Shortage) -> bool {
        if !self.ended {
            return true;
        }
        let ((width, height), mcu) = (self.frame.size, self.frame.mcu());
        let (across, down) = (width.div_ceil(mcu.0) as usize, height.div_ceil(mcu.1));
        if self.frame.progressive {
            false
        } else if self.restart_interval > 0 {
            (self.restarts + 2) * self.restart_interval + across <= across * down as usize
        } else {
            shortage.row + 1 < down
        }
    }
}

impl Decoder for Jpeg<'_> {
    fn header(&self) -> Header {
        let bytes_per_pixel = if self.is_ink() { 4 } else { 3 };
        Header { size: self.frame.size, bytes_per_pixel, orientation: self.orientation }
    }

    fn decode(self: Box<Self>, eighths: u8) -> Result<RgbImage, Failure> {
        let (width, height, mut pixels) = self.pixels(eighths).map_err(Failure::Damaged)?;
        if shortage::found().is_some_and(|shortage| self.lacks_rows(shortage)) {
            return Err(Failure::damaged(TRUNCATED));
        }
        if self.is_ink() {
            pixels = without_ink(&pixels, self.adobe);
        }
        RgbImage::from_raw(width, height, pixels).ok_or_else(|| Failure::damaged(TRUNCATED))
    }
}

/// The components of a scan by its header (T.81, B.2.3), two bytes each: identifier, tables.
fn of_scan(header: &[u8]) -> &[[u8; 2]] {
    let Some((count, rest)) = header.split_first() else { return &[] };
    let components = rest.as_chunks::<2>().0;
    &components[..components.len().min(usize::from(*count))]
}

/// CMYK to RGB. What Adobe's software writes is light, not ink.
pub(super) fn without_ink(pixels: &[u8], is_light: bool) -> Vec<u8> {
    let light = |value: u8| u32::from(if is_light { value } else { 255 - value });
    let mut rgb = Vec::with_capacity(pixels.len() / 4 * 3);
    for &[c, m, y, k] in pixels.as_chunks::<4>().0 {
        rgb.extend([c, m, y].map(|ink| ((light(ink) * light(k) + 127) / 255) as u8));
    }
    rgb
}

/// The smallest scale, in eighths, at which a photo of `size` still has the `needed` pixels in both dimensions.
pub(super) fn eighths(size: (u32, u32), needed: (u32, u32)) -> u8 {
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
