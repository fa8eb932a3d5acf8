//! PNG, and the three ways in which writers put Exif into it.

use std::io::{Cursor, Read};

use flate2::read::ZlibDecoder;
use image::codecs::png::PngDecoder;

use super::bitmap::{Bitmap, allocation};
use super::decoder::Decoder;
use super::error::Failure;
use super::{Limits, exif};

/// What a text may hold once it is inflated. Exif is at most 64 kB, in hexadecimal digits twice as much.
const LONGEST_PROFILE: u64 = 1 << 20;

/// So many texts of a kind are read at most: one of a kilobyte may hold [`LONGEST_PROFILE`].
const MOST_PROFILES: usize = 8;

/// Opens a PNG.
pub(super) fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<impl Decoder + 'a, Failure> {
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), allocation(limits))?;
    let orientation = exif_of(bytes).and_then(|exif| exif::orientation(&exif));
    Ok(Bitmap::new(decoder, orientation, limits))
}

/// The Exif structure: of the `eXIf` chunk (PNG 3, 11.3.4.2), else of a text that ImageMagick and others wrote before
/// there was one. Either may stand before or after the pixels.
fn exif_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let chunk = |kind: &'static [u8; 4]| chunks(bytes).filter(move |(found, _)| *found == kind).map(|(_, data)| data);
    if let Some(exif) = chunk(b"eXIf").next() {
        return Some(exif.to_vec());
    }
    let texts = |kind| chunk(kind).filter(|data| after_keyword(data).is_some()).take(MOST_PROFILES);
    let profiles = texts(b"zTXt").filter_map(compressed_text);
    let profiles = profiles.chain(texts(b"tEXt").filter_map(plain_text));
    profiles.chain(texts(b"iTXt").filter_map(international_text)).find_map(|profile| from_profile(&profile))
}

/// The chunks of a PNG: kind and data. Ends where the file is cut.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let data = after.get(..length)?;
        rest = after.get(length + 4..).unwrap_or_default();
        Some((kind, data))
    })
}

/// Splits the keyword off and keeps the rest where it announces Exif.
fn after_keyword(data: &[u8]) -> Option<&[u8]> {
    let end = data.iter().position(|b| *b == 0)?;
    let is_exif = matches!(&data[..end], b"Raw profile type exif" | b"Raw profile type APP1");
    is_exif.then(|| &data[end + 1..])
}

fn plain_text(data: &[u8]) -> Option<Vec<u8>> {
    after_keyword(data).map(<[u8]>::to_vec)
}

fn compressed_text(data: &[u8]) -> Option<Vec<u8>> {
    let (0, stream) = after_keyword(data)?.split_first()? else { return None };
    inflate(stream)
}

fn international_text(data: &[u8]) -> Option<Vec<u8>> {
    let [is_compressed, _method, rest @ ..] = after_keyword(data)? else { return None };
    // The language and the translated keyword, which nobody fills in here.
    let mut parts = rest.splitn(3, |b| *b == 0);
    let text = parts.nth(2)?;
    if *is_compressed == 1 { inflate(text) } else { Some(text.to_vec()) }
}

fn inflate(stream: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(stream).take(LONGEST_PROFILE).read_to_end(&mut text).ok()?;
    Some(text)
}

/// A raw profile is a line with its name, one with its length, and hexadecimal digits in lines.
fn from_profile(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim_start();
    let mut lines = text.lines();
    let (_name, _length) = (lines.next()?, lines.next()?);
    let digits: Vec<u8> = lines
        .flat_map(str::bytes)
        .filter_map(|b| char::from(b).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    Some(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}
