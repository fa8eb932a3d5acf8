//! Anti-aliased text in the embedded font, DejaVu Sans cut down to Latin.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::RgbImage;

use super::blend;

static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../../font/DejaVuSans-latin.ttf")).ok());

/// The width of a text, `height` pixels from its ascent to its descent.
pub(super) fn width(text: &str, height: f32) -> f32 {
    let Some(font) = FONT.as_ref() else { return 0.0 };
    let scaled = font.as_scaled(PxScale::from(height));
    text.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum()
}

/// Writes a text whose left end is `x` and whose middle is `y`.
pub(super) fn write(image: &mut RgbImage, text: &str, height: f32, (x, y): (f32, f32), ink: [u8; 3]) {
    let Some(font) = FONT.as_ref() else { return };
    let scaled = font.as_scaled(PxScale::from(height));
    let baseline = y + (scaled.ascent() + scaled.descent()) / 2.0;
    let mut x = x;
    for c in text.chars() {
        let glyph = scaled.glyph_id(c);
        let outline = font.outline_glyph(glyph.with_scale_and_position(height, point(x, baseline)));
        x += scaled.h_advance(glyph);
        let Some(outline) = outline else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, coverage| {
            blend(image, (bounds.min.x as i64 + i64::from(dx), bounds.min.y as i64 + i64::from(dy)), ink, coverage);
        });
    }
}
