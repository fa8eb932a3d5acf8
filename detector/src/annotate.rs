//! Photos with their boxes drawn: a frame per detection and a label tab that stays inside the photo.

mod palette;
mod tab;
mod text;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

use crate::BBox;
use crate::letterbox::average;
pub use palette::{color, ink};
use tab::{Photo, Rect};

/// JPEG quality of annotated photos.
pub const QUALITY: u8 = 90;

/// How dark the casing is that sets a frame off from a photo of its own colour.
const CASING: f32 = 0.5;

/// How much smaller a label is written where others crowd it, or where its box is smaller than its tab.
const CROWDED: f32 = 0.76;

/// The largest share of a box's side that its line takes, so that a small object is still seen.
const THICKEST: f32 = 1.0 / 9.0;

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

/// Line width and text height of a photo, in its pixels.
#[derive(Debug, Clone, Copy)]
struct Scale {
    line: i64,
    text: f32,
}

impl Scale {
    /// In proportion to the photo's short side; the widest label still fits into the photo.
    fn of(image: &RgbImage, labels: &[Label]) -> Self {
        let short_side = image.width().min(image.height()) as f32;
        let line = (short_side / 200.0).round().clamp(1.0, 12.0) as i64;
        let wanted = (short_side / 26.0).clamp(11.0, 64.0);
        let scale = Self { line, text: wanted };
        let widest = labels.iter().map(|label| scale.tab(&label.text).0).max().unwrap_or(0) as f32;
        Self { text: wanted * (image.width() as f32 / widest.max(1.0)).min(1.0), ..scale }
    }

    /// The place of a box's tab, and the scale at which its text is written.
    fn place(self, photo: &Photo<'_>, around: &Rect, text: &str) -> Option<(Rect, Self)> {
        let smaller = Self { text: self.text * CROWDED, ..self };
        let (width, height) = self.tab(text);
        let first = if width * height > around.area() { smaller } else { self };
        let near = |scale: Self| Some((photo.near(around, scale.tab(text))?, scale));
        near(first).or_else(|| near(smaller)).or_else(|| Some((photo.anywhere(around, smaller.tab(text))?, smaller)))
    }

    /// The line of a box: thinner around small ones.
    fn line_of(self, around: &Rect) -> i64 {
        let short_side = (around.right - around.left).min(around.bottom - around.top) as f32;
        let thinnest = self.line as f32 / 2.5;
        (self.line as f32).min(thinnest.max(short_side * THICKEST)).round().max(1.0) as i64
    }

    fn padding(self) -> f32 {
        self.text * 0.25
    }

    /// Width and height of the tab with a text.
    fn tab(self, text: &str) -> (i64, i64) {
        ((text::width(text, self.text) + 2.0 * self.padding()).ceil() as i64, (self.text * 1.1).ceil() as i64)
    }
}

/// Draws the boxes, the last of the list first, so that the best (first) lies on top. Line width and text scale with
/// the photo; a tab that would hide another, bury a box or leave the photo is written smaller, or moved.
pub fn draw(image: &mut RgbImage, labels: &[Label]) {
    let scale = Scale::of(image, labels);
    for label in labels.iter().rev() {
        let around = around(&label.bbox);
        frame(image, &around, scale.line_of(&around), color(label.class_id));
    }
    let boxes: Vec<Rect> = labels.iter().map(|label| around(&label.bbox)).collect();
    let size = (i64::from(image.width()), i64::from(image.height()));
    let mut photo = Photo { size, boxes: &boxes, taken: Vec::new() };
    for (label, around) in labels.iter().zip(&boxes) {
        let Some((tab, scale)) = scale.place(&photo, around, &label.text) else { continue };
        let fill_color = color(label.class_id);
        fill(image, &tab, fill_color, 1.0);
        let start = (tab.left as f32 + scale.padding(), (tab.top + tab.bottom) as f32 / 2.0);
        text::write(image, &label.text, scale.text, start, ink(fill_color));
        photo.taken.push(tab);
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

/// A box in whole pixels.
fn around(bbox: &BBox) -> Rect {
    let [left, top, right, bottom] = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(|v| v.round() as i64);
    Rect { left, top, right, bottom }
}

/// The frame lies inside the box, its casing around it.
fn frame(image: &mut RgbImage, around: &Rect, line: i64, color: [u8; 3]) {
    let casing = (line / 3).max(1);
    ring(image, around, casing, [0; 3], CASING);
    let inside = Rect {
        left: around.left + line,
        top: around.top + line,
        right: (around.right - line).max(around.left + line),
        bottom: (around.bottom - line).max(around.top + line),
    };
    ring(image, &inside, line, color, 1.0);
}

/// A ring of `width` around a rectangle.
fn ring(image: &mut RgbImage, hole: &Rect, width: i64, color: [u8; 3], opacity: f32) {
    let Rect { left, top, right, bottom } = *hole;
    for side in [
        Rect { left: left - width, top: top - width, right: right + width, bottom: top },
        Rect { left: left - width, top: bottom, right: right + width, bottom: bottom + width },
        Rect { left: left - width, top, right: left, bottom },
        Rect { left: right, top, right: right + width, bottom },
    ] {
        fill(image, &side, color, opacity);
    }
}

fn fill(image: &mut RgbImage, rect: &Rect, color: [u8; 3], opacity: f32) {
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    for y in rect.top.clamp(0, height)..rect.bottom.clamp(0, height) {
        for x in rect.left.clamp(0, width)..rect.right.clamp(0, width) {
            blend(image, (x, y), color, opacity);
        }
    }
}

/// Lays a colour over a pixel; outside the image nothing happens.
fn blend(image: &mut RgbImage, (x, y): (i64, i64), color: [u8; 3], opacity: f32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    let Some(Rgb(pixel)) = image.get_pixel_mut_checked(x, y) else { return };
    for (value, over) in pixel.iter_mut().zip(color) {
        *value = (f32::from(*value) * (1.0 - opacity) + f32::from(over) * opacity).round().clamp(0.0, 255.0) as u8;
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
        let mut image = RgbImage::from_pixel(200, 200, Rgb([90; 3]));
        draw(&mut image, &[label(50.0, 60.0, 150.0, 160.0)]);
        assert_eq!(image.get_pixel(50, 100).0, color(4));
        assert_eq!(image.get_pixel(149, 100).0, color(4));
        assert_eq!(image.get_pixel(100, 159).0, color(4));
        assert_eq!(image.get_pixel(150, 100).0, [45; 3], "the casing");
        assert_eq!(image.get_pixel(100, 110).0, [90; 3]);
        assert_eq!(image.get_pixel(152, 100).0, [90; 3]);
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
    fn a_long_label_is_written_smaller_in_a_narrow_photo() {
        let long = Label { text: "traffic light 0.81".to_owned(), ..label(0.0, 0.0, 30.0, 90.0) };
        let narrow = Scale::of(&RgbImage::new(80, 400), std::slice::from_ref(&long));
        assert!(narrow.tab(&long.text).0 <= 81, "{narrow:?}");
        assert!(narrow.text < Scale::of(&RgbImage::new(400, 400), &[long]).text);
    }
}
