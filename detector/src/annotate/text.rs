//! Anti-aliased text in the embedded font, DejaVu Sans cut down to Latin.

use std::collections::HashMap;
use std::sync::LazyLock;

use image::RgbImage;
use zeno::{Command, Mask, PathData, Scratch, Transform};

use super::blend;

/// `font/outlines.py` says what is in it. The font never changes, so its file is read when the outlines are made, not here:
/// that needs a font parser, and the one that is maintained takes longer to build than the rest of this crate.
static FONT: LazyLock<Font> = LazyLock::new(|| Font::read(include_str!("../../font/outlines.txt")).unwrap_or_default());

/// All lengths are in units of the font, with the y axis pointing down.
#[derive(Debug, Default)]
struct Font {
    ascent: f32,
    descent: f32,
    glyphs: HashMap<char, Glyph>,
}

#[derive(Debug)]
struct Glyph {
    advance: f32,
    /// Empty where there is nothing to draw.
    outline: Vec<Command>,
}

impl Font {
    fn read(outlines: &str) -> Option<Self> {
        let mut lines = outlines.lines();
        let metrics = lines.next()?.split(' ').map(str::parse).collect::<Result<Vec<f32>, _>>().ok()?;
        let &[ascent, descent] = metrics.as_slice() else { return None };
        Some(Self { ascent, descent, glyphs: lines.map(glyph).collect::<Option<_>>()? })
    }

    /// The glyph of a character; of one that the font lacks, a blank.
    fn glyph(&self, c: char) -> Option<&Glyph> {
        self.glyphs.get(&c).or_else(|| self.glyphs.get(&'\0'))
    }

    /// What a unit is in pixels where a line is `height` pixels high.
    fn scale(&self, height: f32) -> f32 {
        height / (self.ascent - self.descent)
    }
}

fn glyph(line: &str) -> Option<(char, Glyph)> {
    let mut fields = line.splitn(3, ' ');
    let c = char::from_u32(u32::from_str_radix(fields.next()?, 16).ok()?)?;
    let advance = fields.next()?.parse().ok()?;
    let outline = fields.next().unwrap_or_default().commands().collect();
    Some((c, Glyph { advance, outline }))
}

/// The width of a text, `height` pixels from its ascent to its descent.
pub(super) fn width(text: &str, height: f32) -> f32 {
    let advances = text.chars().filter_map(|c| FONT.glyph(c)).map(|glyph| glyph.advance);
    advances.sum::<f32>() * FONT.scale(height)
}

/// Writes a text whose left end is `x` and whose middle is `y`.
pub(super) fn write(image: &mut RgbImage, text: &str, height: f32, (x, y): (f32, f32), ink: [u8; 3]) {
    let scale = FONT.scale(height);
    let baseline = y + (FONT.ascent + FONT.descent) / 2.0 * scale;
    let mut scratch = Scratch::new();
    let mut x = x;
    for glyph in text.chars().filter_map(|c| FONT.glyph(c)) {
        let place = Transform::scale(scale, scale).then_translate(x, baseline);
        let (coverage, at) = Mask::with_scratch(glyph.outline.as_slice(), &mut scratch).transform(Some(place)).render();
        for (row, y) in coverage.chunks_exact((at.width as usize).max(1)).zip(i64::from(at.top)..) {
            for (&covered, x) in row.iter().zip(i64::from(at.left)..).filter(|(covered, _)| **covered > 0) {
                blend(image, (x, y), ink, f32::from(covered) / 255.0);
            }
        }
        x += glyph.advance * scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn written(text: &str) -> RgbImage {
        let mut image = RgbImage::from_pixel(200, 30, Rgb([255; 3]));
        write(&mut image, text, 24.0, (2.0, 15.0), [0; 3]);
        image
    }

    /// How many pixels are black all through.
    fn black(image: &RgbImage) -> usize {
        image.pixels().filter(|pixel| pixel.0 == [0; 3]).count()
    }

    #[test]
    fn every_glyph_is_read_and_all_but_blanks_leave_ink() {
        assert_eq!(FONT.glyphs.len(), include_str!("../../font/outlines.txt").lines().count() - 1);
        for &c in FONT.glyphs.keys().filter(|c| **c != '\0') {
            let image = written(&c.to_string());
            let blank = image.pixels().all(|pixel| pixel.0 == [255; 3]);
            assert_eq!(blank, c.is_whitespace(), "{c:?}");
        }
    }

    #[test]
    fn text_is_as_wide_as_what_is_written() {
        let (image, wide) = (written("cat 0.81"), width("cat 0.81", 24.0));
        let right = (0..200).rfind(|&x| (0..30).any(|y| image.get_pixel(x, y).0 != [255; 3])).unwrap();
        assert!((right as f32 - (2.0 + wide)).abs() < 3.0, "{right} against {wide}");
        assert!(black(&image) > 100);
    }

    #[test]
    fn counters_stay_open_and_unknown_characters_are_blank() {
        assert_eq!(written("猫"), written(" "));
        assert!(width("猫", 24.0) > 5.0);
        let o = written("o");
        let (middle, center) = (2.0 + width("o", 24.0) / 2.0, 17);
        assert_eq!(o.get_pixel(middle as u32, center).0, [255; 3], "the inside of an o");
    }
}
