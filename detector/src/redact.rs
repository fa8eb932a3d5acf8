//! Objects made unrecognisable, for good: what is left of one is a few averages over its box.

use image::RgbImage;

use crate::BBox;

/// The margin where nothing else is said: a detector's boxes are tight, and what sticks out may be told.
pub const MARGIN: f32 = 0.1;
/// The largest margin.
pub const MAX_MARGIN: f32 = 1.0;

/// Averages along the longer side of a box. A face of so many is nobody's, and blur adds nothing to them.
const CELLS: u32 = 6;
/// The smallest cell in pixels: what is small in the photo is not kept better.
const SMALLEST_CELL: u32 = 8;

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A few averages with smooth changes between them.
    Blur,
    /// The same averages as squares.
    Pixelate,
    /// Black.
    Fill,
}

/// Makes what lies in `boxes` (pixels of the image) unrecognisable; each is first enlarged on every side by `margin` of its
/// width and height.
pub fn redact(image: &mut RgbImage, boxes: &[BBox], style: Style, margin: f32) {
    for bbox in boxes {
        let Some(area) = Area::around(bbox, margin, image) else { continue };
        match style {
            Style::Fill => area.each(image, |_, _| [0; 3]),
            Style::Pixelate => {
                let cells = Cells::of(&area, image);
                area.each(image, |x, y| cells.at(x, y));
            }
            Style::Blur => {
                let cells = Cells::of(&area, image);
                area.each(image, |x, y| cells.between(x, y));
            }
        }
    }
}

/// A rectangle of whole pixels inside an image, not empty.
struct Area {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Area {
    fn around(bbox: &BBox, margin: f32, image: &RgbImage) -> Option<Self> {
        let (dx, dy) = (bbox.width() * margin, bbox.height() * margin);
        let large = BBox::new(bbox.x1 - dx, bbox.y1 - dy, bbox.x2 + dx, bbox.y2 + dy);
        if !large.is_finite() {
            return None;
        }
        let large = large.clamped(image.width() as f32, image.height() as f32);
        let (left, top) = (large.x1.floor() as u32, large.y1.floor() as u32);
        let (right, bottom) = (large.x2.ceil() as u32, large.y2.ceil() as u32);
        let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
        (width > 0 && height > 0).then_some(Self { left, top, width, height })
    }

    /// Sets every pixel; the colour is asked for by its place in the area.
    fn each(&self, image: &mut RgbImage, color: impl Fn(u32, u32) -> [u8; 3]) {
        for y in 0..self.height {
            for x in 0..self.width {
                image.put_pixel(self.left + x, self.top + y, image::Rgb(color(x, y)));
            }
        }
    }
}

/// The averages of an area.
struct Cells {
    side: u32,
    columns: u32,
    rows: u32,
    averages: Vec<[f32; 3]>,
}

impl Cells {
    fn of(area: &Area, image: &RgbImage) -> Self {
        let side = area.width.max(area.height).div_ceil(CELLS).max(SMALLEST_CELL);
        let (columns, rows) = (area.width.div_ceil(side), area.height.div_ceil(side));
        let mut sums = vec![([0u64; 3], 0u64); (columns * rows) as usize];
        for y in 0..area.height {
            for x in 0..area.width {
                let (sum, count) = &mut sums[(y / side * columns + x / side) as usize];
                let pixel = image.get_pixel(area.left + x, area.top + y).0;
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(value));
                *count += 1;
            }
        }
        let averages = sums.iter().map(|(sum, count)| sum.map(|sum| sum as f32 / (*count).max(1) as f32)).collect();
        Self { side, columns, rows, averages }
    }

    fn average(&self, column: u32, row: u32) -> [f32; 3] {
        self.averages[(row * self.columns + column) as usize]
    }

    /// The average of the cell that holds a pixel.
    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        self.average(x / self.side, y / self.side).map(|value| value.round() as u8)
    }

    /// Between the averages of the nearest cells, bilinearly.
    fn between(&self, x: u32, y: u32) -> [u8; 3] {
        let along = |position: u32, count: u32| {
            let place = ((position as f32 + 0.5) / self.side as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let near = place as u32;
            (near, (near + 1).min(count - 1), place - near as f32)
        };
        let (left, right, fx) = along(x, self.columns);
        let (top, bottom, fy) = along(y, self.rows);
        let mix = |a: [f32; 3], b: [f32; 3], weight: f32| [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * weight);
        let upper = mix(self.average(left, top), self.average(right, top), fx);
        let lower = mix(self.average(left, bottom), self.average(right, bottom), fx);
        mix(upper, lower, fy).map(|value| value.round() as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, (x ^ y) as u8]))
    }

    fn styles() -> impl Strategy<Value = Style> {
        prop_oneof![Just(Style::Blur), Just(Style::Pixelate), Just(Style::Fill)]
    }

    proptest! {
        #[test]
        fn any_box_is_no_panic_and_nothing_outside_changes(
            width in 1u32..80, height in 1u32..80, corners in prop::array::uniform4(-50.0f32..130.0), margin in 0.0f32..1.0, style in styles(),
        ) {
            let before = noise(width, height);
            let mut after = before.clone();
            let bbox = BBox::new(corners[0], corners[1], corners[2], corners[3]);
            redact(&mut after, &[bbox], style, margin);
            let (dx, dy) = (bbox.width() * margin, bbox.height() * margin);
            for (x, y, pixel) in after.enumerate_pixels() {
                let inside = (x as f32) > bbox.x1 - dx - 1.0 && (x as f32) < bbox.x2 + dx + 1.0
                    && (y as f32) > bbox.y1 - dy - 1.0 && (y as f32) < bbox.y2 + dy + 1.0;
                prop_assert!(inside || pixel == before.get_pixel(x, y));
            }
        }

        /// What was in the box cannot be told from the result: photos with the same averages give the same pixels.
        #[test]
        fn only_averages_are_left(style in styles(), seed in any::<u64>()) {
            let bbox = BBox::new(0.0, 0.0, 96.0, 96.0);
            let mut one = RgbImage::from_fn(96, 96, |x, y| image::Rgb([(60 + x / 16 * 20 + y / 16 * 5) as u8; 3]));
            let mut other = one.clone();
            // A pattern that adds and takes the same in every cell of 16 x 16.
            for (x, y, pixel) in other.enumerate_pixels_mut() {
                let bit = (seed >> ((x / 2 % 8) * 8 + y / 2 % 8)) & 1 == 1;
                if bit {
                    let sign: i16 = if (x + y) % 2 == 0 { 20 } else { -20 };
                    pixel.0 = pixel.0.map(|v| (i16::from(v) + sign).clamp(0, 255) as u8);
                }
            }
            redact(&mut one, &[bbox], style, 0.0);
            redact(&mut other, &[bbox], style, 0.0);
            prop_assert_eq!(one, other);
        }
    }
}
