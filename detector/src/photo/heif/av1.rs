//! One picture coded in AV1, by rav1d, the Rust translation of dav1d.

use heic_rs::hevc::{ChromaFormat, Frame};
use re_rav1d::{DecodeFrameType, Decoder, Picture, PixelLayout, PlanarImageComponent, Settings};

use super::color::{Color, UNSPECIFIED};
use crate::photo::error::Failure;

/// A still picture is one frame, a layered one a few. Frames that are never shown cost as much as those that are.
const MAX_FRAMES: usize = 8;

/// Decodes a picture of at most the given width and height.
pub(super) fn decode(data: Vec<u8>, most: (u32, u32)) -> Result<(Frame, Color), Failure> {
    let damaged = |error: re_rav1d::Error| Failure::Damaged(error.to_string().to_lowercase());
    if frames(&data) > MAX_FRAMES {
        return Err(Failure::damaged("too many frames"));
    }
    let mut settings = Settings::new();
    // The caller's thread alone: photos are what is worked on side by side.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_decode_frame_type(DecodeFrameType::Intra);
    settings.set_frame_size_limit(most.0.saturating_mul(most.1));
    let mut decoder = Decoder::with_settings(&settings).map_err(damaged)?;
    match decoder.send_data(data, None, None, None) {
        Err(error) if !error.is_again() => return Err(damaged(error)),
        _ => {}
    }
    let picture = decoder.get_picture().map_err(|error| match error {
        error if error.is_again() => Failure::damaged("no picture in it"),
        error => damaged(error),
    })?;
    drop(decoder);
    let color = Color { matrix: matrix(&picture), full_range: is_full_range(&picture) };
    Ok((frame(&picture), color))
}

/// The planes, a sample to a `u16` as HEVC's come.
fn frame(picture: &Picture) -> Frame {
    let (width, height) = (picture.width(), picture.height());
    let chroma = match picture.pixel_layout() {
        PixelLayout::I400 => ChromaFormat::Monochrome,
        PixelLayout::I420 => ChromaFormat::Yuv420,
        PixelLayout::I422 => ChromaFormat::Yuv422,
        PixelLayout::I444 => ChromaFormat::Yuv444,
    };
    let (chroma_width, chroma_height) = chroma.chroma_size(width, height);
    let bit_depth = u8::try_from(picture.bit_depth()).unwrap_or(8);
    let plane = |component, width: u32, height: u32| -> Vec<u16> {
        if width == 0 {
            return Vec::new();
        }
        let plane = picture.plane(component);
        let stride = picture.stride(component) as usize;
        let rows = plane.chunks(stride.max(1)).take(height as usize);
        let mut samples = Vec::with_capacity(width as usize * height as usize);
        for row in rows {
            if bit_depth == 8 {
                samples.extend(row.iter().take(width as usize).map(|sample| u16::from(*sample)));
            } else {
                samples.extend(row.as_chunks::<2>().0.iter().take(width as usize).map(|two| u16::from_ne_bytes(*two)));
            }
        }
        samples
    };
    Frame {
        width,
        height,
        bit_depth,
        chroma,
        y: plane(PlanarImageComponent::Y, width, height),
        cb: plane(PlanarImageComponent::U, chroma_width, chroma_height),
        cr: plane(PlanarImageComponent::V, chroma_width, chroma_height),
        y_stride: width,
        c_stride: chroma_width,
    }
}

fn matrix(picture: &Picture) -> u16 {
    use re_rav1d::pixel::MatrixCoefficients::{
        BT470BG, BT470M, BT709, BT2020NonConstantLuminance, Identity, ST170M, ST240M, Unspecified,
    };
    match picture.matrix_coefficients() {
        Identity => 0,
        BT709 => 1,
        BT470M | BT470BG | ST170M => 6,
        ST240M => 7,
        BT2020NonConstantLuminance => 9,
        Unspecified => UNSPECIFIED,
        _ => u16::MAX,
    }
}

fn is_full_range(picture: &Picture) -> bool {
    matches!(picture.color_range(), re_rav1d::pixel::YUVRange::Full)
}

/// Counts the frame headers among the open bitstream units (AV1, 5.3).
fn frames(mut data: &[u8]) -> usize {
    const FRAME_HEADER: u8 = 3;
    const FRAME: u8 = 6;
    let mut count = 0;
    while let Some((first, rest)) = data.split_first() {
        let (has_extension, has_size) = (first & 4 != 0, first & 2 != 0);
        let rest = rest.get(usize::from(has_extension)..).unwrap_or_default();
        count += usize::from(matches!(first >> 3 & 15, FRAME_HEADER | FRAME));
        if !has_size {
            break;
        }
        let Some((size, rest)) = leb128(rest) else { break };
        data = rest.get(size..).unwrap_or_default();
    }
    count
}

fn leb128(data: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (index, byte) in data.iter().take(8).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &data[index + 1..]));
        }
    }
    None
}
