//! Where a photo lies in the model's input, and the fused pass that resizes and packs it into the tensor.

use image::RgbImage;

use crate::BBox;
use crate::card::{Color, Input, Layout, Resize};

/// How photos are fitted to an input: what the card asks for and the graph allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fitting {
    /// Width and height of the input; `None` takes any.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) resize: Resize,
    /// The input has the photo's own shape: its content within `size`, rounded up to this stride. `None` is always all
    /// of `size`.
    pub(crate) stride: Option<u32>,
}

/// Longest side of a photo fed as it is (`resize = "none"`), in pixels: bounds the memory of graphs of dynamic size.
const MAX_UNRESIZED_SIDE: u32 = 1280;

/// Where a photo lies in the input tensor: `input = photo * scale + offset`, per axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    /// Size of the input tensor, width and height.
    pub(crate) input: (u32, u32),
    /// Size of the resized photo within it.
    pub(crate) content: (u32, u32),
    /// Its top-left corner.
    pub(crate) offset: (u32, u32),
    /// Size of the photo.
    photo: (u32, u32),
}

impl Placement {
    /// Fits a photo of `photo` pixels.
    pub(crate) fn new(photo: (u32, u32), fitting: &Fitting) -> Self {
        let Fitting { size, resize, stride } = *fitting;
        let (width, height) = (f64::from(photo.0), f64::from(photo.1));
        let Some(input) = size else {
            let shrink = (f64::from(MAX_UNRESIZED_SIDE) / width.max(height)).min(1.0);
            let side = |length: f64| ((length * shrink).round() as u32).max(1);
            let content = (side(width), side(height));
            return Self { input: content, content, offset: (0, 0), photo };
        };
        let ratio = (f64::from(input.0) / width).min(f64::from(input.1) / height);
        // YOLOX's reference truncates the resized sides, Ultralytics' and NanoDet's round them.
        let fit = |length: f64, most: u32, round: fn(f64) -> f64| (round(length * ratio + 1e-9) as u32).clamp(1, most);
        let content = match resize {
            Resize::Letterbox => (fit(width, input.0, f64::floor), fit(height, input.1, f64::floor)),
            Resize::LetterboxCenter => (fit(width, input.0, f64::round), fit(height, input.1, f64::round)),
            Resize::Stretch | Resize::None => input,
        };
        let rounded = |length: u32, most: u32| stride.map_or(most, |stride| length.next_multiple_of(stride).min(most));
        let input = (rounded(content.0, input.0), rounded(content.1, input.1));
        let offset = match resize {
            Resize::LetterboxCenter => ((input.0 - content.0) / 2, (input.1 - content.1) / 2),
            _ => (0, 0),
        };
        Self { input, content, offset, photo }
    }

    /// A box from input pixels to photo pixels. Not clamped.
    pub(crate) fn to_photo(self, bbox: BBox) -> BBox {
        let scale = |photo: u32, content: u32| photo as f32 / content as f32;
        let (sx, sy) = (scale(self.photo.0, self.content.0), scale(self.photo.1, self.content.1));
        let (ox, oy) = (self.offset.0 as f32, self.offset.1 as f32);
        BBox::new((bbox.x1 - ox) * sx, (bbox.y1 - oy) * sy, (bbox.x2 - ox) * sx, (bbox.y2 - oy) * sy)
    }
}

/// A tensor's element type.
pub(crate) trait Element: Copy + Default {
    /// From a normalised value.
    fn from_value(value: f32) -> Self;
}

impl Element for f32 {
    fn from_value(value: f32) -> Self {
        value
    }
}

impl Element for half::f16 {
    fn from_value(value: f32) -> Self {
        Self::from_f32(value)
    }
}

impl Element for u8 {
    fn from_value(value: f32) -> Self {
        value.round().clamp(0.0, 255.0) as u8
    }
}

/// Buffers of [`pack`] that live as long as their worker.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    row: Vec<f32>,
    columns: Vec<Tap>,
    shrunk: RgbImage,
}

/// Two source pixels and the weight of the second.
#[derive(Debug, Clone, Copy)]
struct Tap {
    near: usize,
    far: usize,
    weight: f32,
}

impl Tap {
    /// Bilinear taps with pixel centres at half-integers, as OpenCV's `INTER_LINEAR`.
    fn new(index: u32, content: u32, source: u32) -> Self {
        let position = (f64::from(index) + 0.5) * f64::from(source) / f64::from(content) - 0.5;
        let position = position.clamp(0.0, f64::from(source - 1));
        let near = position as usize;
        let far = (near + 1).min(source as usize - 1);
        Self { near, far, weight: (position - near as f64) as f32 }
    }
}

/// Resizes `pixels` (all of the photo, at any resolution) bilinearly into its place in `tensor`, normalised and in the
/// card's colour order and layout, padding included, in one pass. Photos of more than twice the resolution are
/// averaged over whole pixels first, so that nothing between two samples is lost.
pub(crate) fn pack<T: Element>(
    pixels: &RgbImage,
    placement: &Placement,
    card: &Input,
    tensor: &mut Vec<T>,
    scratch: &mut Scratch,
) {
    let Scratch { row, columns, shrunk } = scratch;
    let (content_width, content_height) = placement.content;
    let factor = (pixels.width() / content_width).min(pixels.height() / content_height);
    let pixels = if factor >= 2 {
        average(pixels, factor, shrunk);
        &*shrunk
    } else {
        pixels
    };
    let (width, height) = (placement.input.0 as usize, placement.input.1 as usize);
    let plane = width * height;
    tensor.resize(3 * plane, T::default());

    // (x * scale - mean) / std, as one multiplication and one addition per channel of the source.
    let source_channel = |c: usize| if card.color == Color::Bgr { 2 - c } else { c };
    let mut factors = [0f32; 3];
    let mut terms = [0f32; 3];
    let mut starts = [0usize; 3];
    for c in 0..3 {
        let source = source_channel(c);
        factors[source] = card.scale / card.std[c];
        terms[source] = -card.mean[c] / card.std[c];
        starts[source] = match card.layout {
            Layout::Nchw => c * plane,
            Layout::Nhwc => c,
        };
    }
    let step = match card.layout {
        Layout::Nchw => 1,
        Layout::Nhwc => 3,
    };
    let pad: [T; 3] = std::array::from_fn(|c| T::from_value(f32::from(card.pad) * factors[c] + terms[c]));

    columns.clear();
    columns.extend((0..content_width).map(|x| {
        let tap = Tap::new(x, content_width, pixels.width());
        Tap { near: tap.near * 3, far: tap.far * 3, weight: tap.weight }
    }));
    let source_row = pixels.width() as usize * 3;
    let source: &[u8] = pixels.as_raw();
    row.resize(source_row, 0.0);
    let (left, top) = (placement.offset.0 as usize, placement.offset.1 as usize);
    for y in 0..height {
        let inside = y >= top && y < top + content_height as usize;
        if inside {
            let tap = Tap::new((y - top) as u32, content_height, pixels.height());
            let near = &source[tap.near * source_row..][..source_row];
            let far = &source[tap.far * source_row..][..source_row];
            for ((value, near), far) in row.iter_mut().zip(near).zip(far) {
                let near = f32::from(*near);
                *value = near + (f32::from(*far) - near) * tap.weight;
            }
        }
        for c in 0..3 {
            let start = starts[c] + y * width * step;
            let line = &mut tensor[start..(start + (width - 1) * step + 1)];
            if !inside {
                line.iter_mut().step_by(step).for_each(|value| *value = pad[c]);
                continue;
            }
            let content = left..left + columns.len();
            line[..left * step].iter_mut().step_by(step).for_each(|value| *value = pad[c]);
            line.iter_mut().step_by(step).skip(content.end).for_each(|value| *value = pad[c]);
            let (factor, term) = (factors[c], terms[c]);
            for (value, tap) in line.iter_mut().step_by(step).skip(left).zip(columns.iter()) {
                let near = row[tap.near + c];
                let sample = near + (row[tap.far + c] - near) * tap.weight;
                *value = T::from_value(sample * factor + term);
            }
        }
    }
}

/// Averages blocks of `factor` x `factor` pixels. Up to `factor - 1` pixels at the right and lower edge are left out.
pub(crate) fn average(pixels: &RgbImage, factor: u32, shrunk: &mut RgbImage) {
    let (width, height) = (pixels.width() / factor, pixels.height() / factor);
    let mut bytes = std::mem::take(shrunk).into_raw();
    bytes.clear();
    let factor = factor as usize;
    let source_row = pixels.width() as usize * 3;
    let area = (factor * factor) as u32;
    let mut sums = vec![0u32; width as usize * 3];
    for rows in pixels.as_raw().chunks_exact(source_row * factor).take(height as usize) {
        sums.fill(0);
        for row in rows.chunks_exact(source_row) {
            for (sum, block) in sums.chunks_exact_mut(3).zip(row.chunks_exact(factor * 3)) {
                for pixel in block.chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                }
            }
        }
        bytes.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
    }
    *shrunk = RgbImage::from_raw(width, height, bytes).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(photo: (u32, u32), size: (u32, u32), resize: Resize) -> Placement {
        Placement::new(photo, &Fitting { size: Some(size), resize, stride: None })
    }

    fn input(resize: Resize) -> Input {
        Input { resize, pad: 114, ..Input::default() }
    }

    proptest! {
        #[test]
        fn a_box_survives_the_way_there_and_back(
            width in 1u32..5000, height in 1u32..5000, side in 32u32..700,
            resize in prop_oneof![Just(Resize::Letterbox), Just(Resize::LetterboxCenter), Just(Resize::Stretch)],
            corners in prop::array::uniform4(0.0f32..1.0),
        ) {
            let placement = place((width, height), (side, side), resize);
            prop_assert!(placement.content.0 + placement.offset.0 <= side);
            prop_assert!(placement.content.1 + placement.offset.1 <= side);
            let at = |fraction: f32, content: u32, offset: u32| fraction * content as f32 + offset as f32;
            let there = BBox::new(
                at(corners[0], placement.content.0, placement.offset.0), at(corners[1], placement.content.1, placement.offset.1),
                at(corners[2], placement.content.0, placement.offset.0), at(corners[3], placement.content.1, placement.offset.1),
            );
            let back = placement.to_photo(there);
            let close = |found: f32, fraction: f32, length: u32| (found - fraction * length as f32).abs() <= length as f32 * 1e-3 + 1e-3;
            prop_assert!(close(back.x1, corners[0], width) && close(back.y1, corners[1], height));
            prop_assert!(close(back.x2, corners[2], width) && close(back.y2, corners[3], height));
        }

        #[test]
        fn a_letterbox_keeps_the_aspect_ratio(width in 50u32..5000, height in 50u32..5000) {
            let placement = place((width, height), (416, 416), Resize::Letterbox);
            let (w, h) = placement.content;
            prop_assert!(w == 416 || h == 416 || w == 415 || h == 415);
            let ratio = f64::from(width) / f64::from(height);
            prop_assert!((f64::from(w) - f64::from(h) * ratio).abs() <= ratio.max(1.0) + 1.0);
        }

        #[test]
        fn in_its_own_shape_a_photo_loses_only_padding(width in 1u32..5000, height in 1u32..5000, centre in any::<bool>()) {
            let resize = if centre { Resize::LetterboxCenter } else { Resize::Letterbox };
            let square = Fitting { size: Some((416, 416)), resize, stride: None };
            let shape = Fitting { stride: Some(32), ..square };
            let (square, shape) = (Placement::new((width, height), &square), Placement::new((width, height), &shape));
            prop_assert_eq!(square.content, shape.content);
            for (side, content, offset) in [
                (shape.input.0, shape.content.0, shape.offset.0),
                (shape.input.1, shape.content.1, shape.offset.1),
            ] {
                prop_assert!(side % 32 == 0 && side <= 416 && side < content + 32 && content + offset <= side);
            }
        }

        #[test]
        fn one_colour_stays_one_colour(width in 1u32..200, height in 1u32..200, grey in 0u8..=255) {
            let photo = RgbImage::from_pixel(width, height, image::Rgb([grey; 3]));
            let placement = place((width, height), (64, 64), Resize::Stretch);
            let mut tensor: Vec<f32> = Vec::new();
            pack(&photo, &placement, &input(Resize::Stretch), &mut tensor, &mut Scratch::default());
            prop_assert!(tensor.iter().all(|value| (value - f32::from(grey)).abs() < 1e-3));
        }
    }

    #[test]
    fn layout_colour_and_normalisation() {
        let mut photo = RgbImage::from_pixel(2, 1, image::Rgb([10, 20, 30]));
        photo.put_pixel(1, 0, image::Rgb([40, 50, 60]));
        let placement = place((2, 1), (2, 2), Resize::Letterbox);
        let card = Input {
            color: Color::Bgr,
            scale: 0.5,
            mean: [1.0, 2.0, 3.0],
            std: [2.0, 4.0, 5.0],
            ..input(Resize::Letterbox)
        };
        let mut nchw: Vec<f32> = Vec::new();
        pack(&photo, &placement, &card, &mut nchw, &mut Scratch::default());
        assert_close(&nchw, &[7.0, 14.5, 28.0, 28.0, 2.0, 5.75, 13.75, 13.75, 0.4, 3.4, 10.8, 10.8]);
        let mut nhwc: Vec<f32> = Vec::new();
        pack(&photo, &placement, &Input { layout: Layout::Nhwc, ..card }, &mut nhwc, &mut Scratch::default());
        assert_close(&nhwc, &[7.0, 2.0, 0.4, 14.5, 5.75, 3.4, 28.0, 13.75, 10.8, 28.0, 13.75, 10.8]);
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
    }

    #[test]
    fn an_old_tensor_leaves_no_trace() {
        let mut tensor: Vec<u8> = vec![9; 3 * 8 * 8];
        let photo = RgbImage::from_pixel(8, 2, image::Rgb([200; 3]));
        let placement = place((8, 2), (8, 8), Resize::LetterboxCenter);
        pack(&photo, &placement, &input(Resize::LetterboxCenter), &mut tensor, &mut Scratch::default());
        let expected: Vec<u8> = (0..64).map(|i| if (24..40).contains(&i) { 200 } else { 114 }).collect();
        assert_eq!(&tensor[..64], &expected[..]);
    }

    #[test]
    fn a_large_photo_is_averaged_not_sampled() {
        let photo = RgbImage::from_fn(400, 400, |x, y| image::Rgb([if (x + y) % 2 == 0 { 0 } else { 200 }; 3]));
        let placement = place((400, 400), (40, 40), Resize::Stretch);
        let mut tensor: Vec<f32> = Vec::new();
        pack(&photo, &placement, &input(Resize::Stretch), &mut tensor, &mut Scratch::default());
        assert!(tensor.iter().all(|value| (value - 100.0).abs() < 1.0), "{:?}", &tensor[..8]);
    }
}
