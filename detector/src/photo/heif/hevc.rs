//! One picture coded in HEVC (ITU-T H.265), by `heic-rs`: young, but without `unsafe`. What it allocates and how long it
//! works is bounded here, by the parameter sets and the number of slices, before it sees the picture.

use std::borrow::Cow;

use heic_rs::hevc::Frame;
use heic_rs::props::ItemProps;
use heic_rs::props::hvcc::NAL_SPS;
use scuffle_h265::SpsNALUnit;

use super::color::{Color, UNSPECIFIED};
use super::damaged;
use crate::photo::UnsupportedType;
use crate::photo::error::{Failure, clause};

/// Encoders write one slice for each picture, hardware ones a few. Every slice may code the whole picture anew.
const MAX_SLICES: usize = 64;

/// Decodes a picture of at most the given width and height.
pub(super) fn decode(properties: &ItemProps<'_>, data: &[u8], most: (u32, u32)) -> Result<(Frame, Color), Failure> {
    let config = properties.hvcc.as_ref().ok_or_else(|| Failure::damaged("no decoder configuration"))?;
    let mut color = None;
    for set in config.arrays.iter().filter(|array| array.nal_type == NAL_SPS).flat_map(|array| &array.nals) {
        let set =
            SpsNALUnit::parse(&*with_known_level(set)).map_err(|error| Failure::Damaged(clause(&error.to_string())));
        let set = set?.rbsp;
        if set.chroma_format_idc > 1 {
            let kind = "HEIC image in 4:2:2 or 4:4:4 (4:2:0 and grey are supported)";
            return Err(Failure::NotRead(UnsupportedType::Picture(kind)));
        }
        let size = (set.pic_width_in_luma_samples.get(), set.pic_height_in_luma_samples.get());
        if size.0 > most.0.into() || size.1 > most.1.into() {
            return Err(Failure::damaged("the picture is larger than the header says"));
        }
        let signal = set.vui_parameters.as_ref().map(|vui| &vui.video_signal_type);
        color = color.or(signal
            .map(|signal| Color { matrix: u16::from(signal.matrix_coeffs), full_range: signal.video_full_range_flag }));
    }
    let units = config.split_nals(data).map_err(damaged)?;
    // Types 0 to 31 are slices (table 7-1); the type is in bits 1 to 6 of a unit's first byte.
    let slices: Vec<&[u8]> =
        units.into_iter().filter(|unit| unit.first().is_some_and(|first| first >> 1 & 0x3f < 32)).collect();
    if slices.len() > MAX_SLICES {
        return Err(Failure::damaged("too many slices"));
    }
    let frame = heic_rs::hevc::decode_still(&config.parameter_sets(), &slices).map_err(damaged)?;
    Ok((frame, color.unwrap_or(Color { matrix: UNSPECIFIED, full_range: false })))
}

/// Level 8.5, "no level" (255, which encoders of lossless pictures write), is not known to the parser of parameter sets.
/// The level changes nothing about what follows it, so it may as well be 6.2.
fn with_known_level(set: &[u8]) -> Cow<'_, [u8]> {
    const LEVEL_6_2: u8 = 186;
    // After the unit's header (2), a byte of identifiers, and 11 of profile; 3 after two zeroes is only an escape.
    const AT: usize = 14;
    let is_escape = |at: usize| at >= 2 && set[at] == 3 && set[at - 1] == 0 && set[at - 2] == 0;
    let level = (0..set.len()).filter(|at| !is_escape(*at)).nth(AT);
    match level {
        Some(at) if set[at] == u8::MAX => {
            let mut set = set.to_vec();
            set[at] = LEVEL_6_2;
            Cow::Owned(set)
        }
        _ => Cow::Borrowed(set),
    }
}
