//! Photos with their boxes drawn: a frame per detection and a label tab that stays inside the photo.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use crate::BBox;
use crate::letterbox::average;

/// JPEG quality of annotated photos.
pub const QUALITY: u8 = 90;

static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(include_bytes!("../font/DejaVuSans-latin.ttf")).ok());

/// Colours that stay apart for colour-blind eyes too: Okabe and Ito's palette ("Color Universal Design") without black
/// and with its yellow darkened, so that each carries either white or black text. A class has the same colour in every
/// photo.
const PALETTE: [[u8; 3]; 7] =
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [214, 196, 46], [0, 114, 178], [213, 94, 0], [204, 121, 167]];

/// The colour of a class.
#[must_use]
pub fn color(class_id: usize) -> [u8; 3] {
    PALETTE[class_id % PALETTE.len()]
}

/// A box to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Where, in the image's pixels.
    pub bbox: BBox,
    /// What is written on it.
    pub text: String,
    /// Decides the colour.
    pub class_id: usize,
}

/// A rectangle of whole pixels, right and bottom exclusive.
#[derive(Debug, Clone, Copy)]
struct Rect {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Rect {
    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// Draws the boxes, the last of the list first, so that the best (first) lies on top. Line width and text scale with
/// the photo; a tab that would hide another or leave the photo is moved.
pub fn draw(image: &mut RgbImage, labels: &[Label]) {
    let short_side = image.width().min(image.height()) as f32;
    let line = (short_side / 200.0).round().clamp(1.0, 12.0) as i64;
    let text_height = (short_side / 26.0).clamp(11.0, 64.0);
    for label in labels.iter().rev() {
        frame(image, &label.bbox, line, color(label.class_id));
    }
    let mut taken: Vec<Rect> = Vec::new();
    for label in labels {
        let Some(font) = FONT.as_ref() else { return };
        let tab = place(image, font, label, text_height, line, &taken);
        fill(image, &tab, color(label.class_id));
        write(image, font, &label.text, text_height, &tab, label.class_id);
        taken.push(tab);
    }
}

/// A JPEG of the image.
///
/// # Errors
/// Where the encoder refuses it: an image without pixels, or with a side above 65535.
pub fn jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(image)?;
    Ok(bytes)
}

/// The image at half its size, averaged.
#[must_use]
pub fn halved(image: &RgbImage) -> RgbImage {
    let mut half = RgbImage::default();
    average(image, 2, &mut half);
    half
}

fn frame(image: &mut RgbImage, bbox: &BBox, line: i64, color: [u8; 3]) {
    let (left, top) = (bbox.x1.round() as i64, bbox.y1.round() as i64);
    let (right, bottom) = (bbox.x2.round() as i64, bbox.y2.round() as i64);
    for side in [
        Rect { left, top, right, bottom: top + line },
        Rect { left, top: bottom - line, right, bottom },
        Rect { left, top, right: left + line, bottom },
        Rect { left: right - line, top, right, bottom },
    ] {
        fill(image, &side, color);
    }
}

fn fill(image: &mut RgbImage, rect: &Rect, color: [u8; 3]) {
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    for y in rect.top.clamp(0, height)..rect.bottom.clamp(0, height) {
        for x in rect.left.clamp(0, width)..rect.right.clamp(0, width) {
            image.put_pixel(x as u32, y as u32, Rgb(color));
        }
    }
}

/// Where the tab goes: above the box, else inside at its top, else below, and from there down until it hides no other.
fn place(image: &RgbImage, font: &FontRef<'_>, label: &Label, text_height: f32, line: i64, taken: &[Rect]) -> Rect {
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    let tab_width = text_width(font, &label.text, text_height).ceil() as i64 + 2 * line + 4;
    let tab_height = text_height.ceil() as i64 + line;
    let left = (label.bbox.x1.round() as i64).min(width - tab_width).max(0);
    let at = |top: i64| {
        let top = top.min(height - tab_height).max(0);
        Rect { left, top, right: left + tab_width, bottom: top + tab_height }
    };
    let (top, bottom) = (label.bbox.y1.round() as i64, label.bbox.y2.round() as i64);
    let above = (top >= tab_height).then_some(top - tab_height);
    let places = above.into_iter().chain([top, bottom]).chain((1..8).map(|step| top + step * tab_height));
    let free = places.map(at).find(|tab| !taken.iter().any(|other| other.overlaps(tab)));
    free.unwrap_or_else(|| at(above.unwrap_or(top)))
}

fn text_width(font: &FontRef<'_>, text: &str, height: f32) -> f32 {
    let scaled = font.as_scaled(PxScale::from(height));
    text.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum()
}

fn write(image: &mut RgbImage, font: &FontRef<'_>, text: &str, height: f32, tab: &Rect, class_id: usize) {
    let [r, g, b] = color(class_id).map(f32::from);
    // Rec. 601 luma decides between black and white text.
    let ink = if 0.299 * r + 0.587 * g + 0.114 * b > 140.0 { 0.0 } else { 255.0 };
    let scaled = font.as_scaled(PxScale::from(height));
    let padding = ((tab.right - tab.left) as f32 - text_width(font, text, height)) / 2.0;
    let mut x = tab.left as f32 + padding;
    let baseline = tab.top as f32 + (tab.bottom - tab.top) as f32 / 2.0 + (scaled.ascent() + scaled.descent()) / 2.0;
    for c in text.chars() {
        let glyph = scaled.glyph_id(c);
        let advance = scaled.h_advance(glyph);
        let outline = font.outline_glyph(glyph.with_scale_and_position(height, point(x, baseline)));
        x += advance;
        let Some(outline) = outline else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|dx, dy, coverage| {
            let (px, py) = (bounds.min.x as i64 + i64::from(dx), bounds.min.y as i64 + i64::from(dy));
            let inside = (0..i64::from(image.width())).contains(&px) && (0..i64::from(image.height())).contains(&py);
            if inside {
                let Rgb(pixel) = image.get_pixel_mut(px as u32, py as u32);
                for value in pixel {
                    *value = (f32::from(*value) * (1.0 - coverage) + ink * coverage).round().clamp(0.0, 255.0) as u8;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(x1: f32, y1: f32, x2: f32, y2: f32) -> Label {
        Label { bbox: BBox::new(x1, y1, x2, y2), text: "cat 0.81".to_owned(), class_id: 4 }
    }

    #[test]
    fn a_frame_is_drawn_where_the_box_is() {
        let mut image = RgbImage::from_pixel(200, 200, Rgb([9; 3]));
        draw(&mut image, &[label(50.0, 60.0, 150.0, 160.0)]);
        assert_eq!(image.get_pixel(50, 100).0, color(4));
        assert_eq!(image.get_pixel(149, 100).0, color(4));
        assert_eq!(image.get_pixel(100, 159).0, color(4));
        assert_eq!(image.get_pixel(100, 110).0, [9; 3]);
    }

    #[test]
    fn boxes_outside_and_tiny_photos_are_no_panic() {
        for (width, height) in [(1, 1), (3, 200), (200, 3)] {
            let mut image = RgbImage::new(width, height);
            draw(&mut image, &[label(-50.0, -60.0, 900.0, 900.0), label(0.0, 0.0, 1.0, 1.0)]);
            assert!(jpeg(&image, QUALITY).is_ok());
        }
    }

    #[test]
    fn tabs_do_not_hide_each_other() {
        let image = RgbImage::new(400, 400);
        let font = FONT.as_ref().unwrap();
        let first = place(&image, font, &label(50.0, 60.0, 150.0, 160.0), 12.0, 1, &[]);
        let second = place(&image, font, &label(52.0, 62.0, 150.0, 160.0), 12.0, 1, &[first]);
        assert!(!first.overlaps(&second));
    }
}
