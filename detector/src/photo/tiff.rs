//! TIFF (6.0, and BigTIFF) by the `tiff` crate: its first picture, in every kind of pixel that photos and scans come in.

use std::io::Cursor;

use image::RgbImage;
use image::metadata::Orientation;
use tiff::decoder::{ChunkType, Decoder as Reader, DecodingResult, Limits as Allowance};
use tiff::tags::{PhotometricInterpretation, Tag};
use tiff::{ColorType, TiffError, TiffUnsupportedError};

use super::decoder::{Decoder, Header};
use super::error::{Failure, TRUNCATED, clause};
use super::exif::Directory;
use super::jpeg::without_ink;
use super::{Limits, UnsupportedType};

const PHOTOMETRIC_INTERPRETATION: u16 = 262;

/// A TIFF opened at its first picture.
pub(super) struct Tiff {
    reader: Reader<Cursor<Vec<u8>>>,
    size: (u32, u32),
    color: ColorType,
    /// 256 shades of red, then green, then blue, where the pixels are numbers of colours.
    palette: Option<Vec<u16>>,
    orientation: Orientation,
}

impl Tiff {
    pub(super) fn open(bytes: &[u8], limits: &Limits) -> Result<Self, Failure> {
        let mut bytes = bytes.to_vec();
        let has_palette = as_grey(&mut bytes);
        let mut reader = Reader::new(Cursor::new(bytes)).map_err(failure)?.with_limits(allowance(limits));
        // The picture of a camera's raw file stands elsewhere; here is a thumbnail at most.
        let dng_version = Tag::Unknown(50_706);
        let is_reduced = reader.find_tag_unsigned::<u32>(Tag::NewSubfileType).map_err(failure)?.unwrap_or(0) & 1 == 1;
        if is_reduced || reader.find_tag(dng_version).map_err(failure)?.is_some() {
            return Err(Failure::NotRead(UnsupportedType::Raw));
        }
        let palette = if has_palette { Some(reader.get_tag_u16_vec(Tag::ColorMap).map_err(failure)?) } else { None };
        let orientation = reader.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        Ok(Self {
            size: reader.dimensions().map_err(failure)?,
            color: reader.colortype().map_err(failure)?,
            palette,
            orientation: orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms),
            reader,
        })
    }
}

impl Decoder for Tiff {
    fn header(&self) -> Header {
        let bits = match self.color {
            ColorType::Gray(n) | ColorType::Palette(n) => u64::from(n),
            ColorType::GrayA(n) => 2 * u64::from(n),
            ColorType::RGB(n) | ColorType::YCbCr(n) | ColorType::Lab(n) => 3 * u64::from(n),
            ColorType::RGBA(n) | ColorType::CMYK(n) => 4 * u64::from(n),
            ColorType::CMYKA(n) => 5 * u64::from(n),
            ColorType::Multiband { bit_depth, num_samples } => u64::from(bit_depth) * u64::from(num_samples),
            _ => 32,
        };
        Header { size: self.size, bytes_per_pixel: bits.div_ceil(8).max(3), orientation: self.orientation }
    }

    fn decode(mut self: Box<Self>, _eighths: u8) -> Result<RgbImage, Failure> {
        let layout = self.reader.image_buffer_layout().map_err(failure)?;
        if layout.planes > 1 && self.reader.get_chunk_type() == ChunkType::Tile {
            return Err(Failure::NotRead(UnsupportedType::Picture("TIFF image with planar tiles")));
        }
        let mut samples = DecodingResult::U8(Vec::new());
        let layout = self.reader.read_image_to_buffer(&mut samples).map_err(failure)?;
        if samples.as_buffer(0).as_bytes().len() < layout.complete_len {
            return Err(Failure::damaged("its data is larger than its header says"));
        }
        let samples = to_bytes(samples)?;
        let (width, height) = self.size;
        let planes = layout.planes.max(1);
        let samples =
            if planes > 1 { interleaved(&samples, planes, width as usize * height as usize) } else { samples };
        let pixels = match (self.color, &self.palette) {
            (ColorType::Gray(bits @ 1..8), palette) => {
                let shades = unpacked(&samples, bits, width as usize);
                match palette {
                    Some(palette) => of_palette(&shades, palette, bits)?,
                    None => thrice(shades.into_iter().map(|shade| (u16::from(shade) * 255 / ((1 << bits) - 1)) as u8)),
                }
            }
            (ColorType::Gray(8), Some(palette)) => of_palette(&samples, palette, 8)?,
            (ColorType::Gray(_), None) => thrice(samples.into_iter()),
            (ColorType::GrayA(_), _) => thrice(samples.into_iter().step_by(2)),
            (ColorType::Multiband { num_samples, .. }, None) => {
                thrice(samples.into_iter().step_by(usize::from(num_samples).max(1)))
            }
            (ColorType::RGB(_), _) => samples,
            (ColorType::RGBA(_), _) => {
                samples.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()
            }
            (ColorType::CMYK(_), _) => without_ink(&samples, false),
            (ColorType::YCbCr(_), _) => samples.as_chunks::<3>().0.iter().flat_map(|ycc| from_ycbcr(*ycc)).collect(),
            _ => return Err(Failure::NotRead(UnsupportedType::Picture("TIFF image with an unsupported pixel format"))),
        };
        RgbImage::from_raw(width, height, pixels).ok_or_else(|| Failure::damaged(TRUNCATED))
    }
}

/// Pixels that are numbers of colours are not decoded by the crate, while the same file is if it calls them shades of
/// grey. Says whether they were numbers.
fn as_grey(file: &mut [u8]) -> bool {
    let is_palette = |value: u32| value == u32::from(PhotometricInterpretation::RGBPalette.to_u16());
    let entry = Directory::first(file).and_then(|directory| directory.entry(PHOTOMETRIC_INTERPRETATION));
    let Some((entry, value)) = entry.and_then(|entry| Some((entry.value_at, entry.integer()?))) else { return false };
    if !is_palette(value) {
        return false;
    }
    let grey = PhotometricInterpretation::BlackIsZero.to_u16();
    let bytes = if file.starts_with(b"MM") { grey.to_be_bytes() } else { grey.to_le_bytes() };
    // A file may end within its directory.
    let Some(value) = file.get_mut(entry..entry + 2) else { return false };
    value.copy_from_slice(&bytes);
    true
}

fn allowance(limits: &Limits) -> Allowance {
    let mut allowance = Allowance::default();
    allowance.decoding_buffer_size = usize::try_from(limits.max_pixels.saturating_mul(4)).unwrap_or(usize::MAX);
    allowance.intermediate_buffer_size = allowance.intermediate_buffer_size.min(allowance.decoding_buffer_size);
    allowance
}

/// Samples of any width as bytes: 16 bits are rounded; floating point runs from 0 to 1, or, as Pillow writes it, to 255.
fn to_bytes(samples: DecodingResult) -> Result<Vec<u8>, Failure> {
    Ok(match samples {
        DecodingResult::U8(samples) => samples,
        DecodingResult::U16(samples) => samples.into_iter().map(|s| ((u32::from(s) + 128) / 257) as u8).collect(),
        DecodingResult::F32(samples) => {
            let is_wide = samples.iter().any(|sample| *sample > 2.0);
            let scale = if is_wide { 1.0 } else { 255.0 };
            samples.into_iter().map(|sample| (sample * scale).round() as u8).collect()
        }
        _ => return Err(Failure::NotRead(UnsupportedType::Picture("TIFF image with an unsupported sample format"))),
    })
}

/// Samples that lie plane by plane, pixel by pixel.
fn interleaved(samples: &[u8], planes: usize, pixels: usize) -> Vec<u8> {
    let sample = |at: usize| samples.get(at).copied().unwrap_or_default();
    (0..pixels).flat_map(|pixel| (0..planes).map(move |plane| sample(plane * pixels + pixel))).collect()
}

/// Samples of 1, 2 or 4 bits, each row beginning with a byte of its own.
fn unpacked(packed: &[u8], bits: u8, width: usize) -> Vec<u8> {
    let bits = usize::from(bits);
    let mask = (1u16 << bits) - 1;
    let row_bytes = (width * bits).div_ceil(8).max(1);
    let sample = |row: &[u8], x: usize| {
        let at = x * bits;
        let two = u16::from_be_bytes([row[at / 8], row.get(at / 8 + 1).copied().unwrap_or_default()]);
        (two >> (16 - bits - at % 8) & mask) as u8
    };
    packed.chunks_exact(row_bytes).flat_map(|row| (0..width).map(move |x| sample(row, x))).collect()
}

fn of_palette(numbers: &[u8], palette: &[u16], bits: u8) -> Result<Vec<u8>, Failure> {
    let count = 1usize << bits;
    if palette.len() < 3 * count {
        return Err(Failure::damaged("the palette is too short"));
    }
    let color = |number: u8| [0, 1, 2].map(|channel| (palette[channel * count + usize::from(number)] >> 8) as u8);
    Ok(numbers.iter().flat_map(|number| color(*number)).collect())
}

fn thrice(shades: impl Iterator<Item = u8>) -> Vec<u8> {
    shades.flat_map(|shade| [shade; 3]).collect()
}

/// BT.601 in full range, as TIFF's and JPEG's defaults have it.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|v| v.round().clamp(0.0, 255.0) as u8)
}

fn failure(error: TiffError) -> Failure {
    use TiffUnsupportedError::{UnknownCompressionMethod, UnsupportedCompressionMethod};
    Failure::NotRead(UnsupportedType::Picture(match error {
        TiffError::UnsupportedError(UnknownCompressionMethod | UnsupportedCompressionMethod(_)) => {
            "TIFF image with unsupported compression (such as Group 3 fax or old-style JPEG)"
        }
        TiffError::UnsupportedError(_) => "TIFF image with an unsupported pixel format",
        error => return Failure::Damaged(clause(&error.to_string())),
    }))
}
