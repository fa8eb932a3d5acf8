//! Smaller photos travel faster; the boxes are brought back to the original's size.

use std::io::Cursor;

use detector::{Limits, Photo, PhotoError, PhotoFormat};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{ImageReader, RgbImage};
use wire::{Answer, ImageSize};

/// At this quality nothing that a detector finds is lost, at about a third of the bytes of quality 95.
const QUALITY: u8 = 88;

/// The sizes of a photo that was shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shrunk {
    /// The upright original.
    pub(crate) original: ImageSize,
    /// What is sent.
    pub(crate) sent: ImageSize,
}

/// The photo with its longest side shrunk to `side`, upright, as JPEG; `None` where it is no longer than that.
pub(crate) fn shrink(bytes: &[u8], side: u32, limits: &Limits) -> Result<Option<(Vec<u8>, Shrunk)>, PhotoError> {
    // The header alone tells whether there is anything to do; turning a photo does not change its longest side.
    if header_size(bytes).is_some_and(|(width, height)| width.max(height) <= side) {
        return Ok(None);
    }
    // A large JPEG need not be decoded in full to become a small one.
    let fit = |width, height| {
        let sent = fitted(ImageSize { width, height }, side);
        (sent.width, sent.height)
    };
    let photo = Photo::decode_at_least(bytes, limits, &fit)?;
    let original = ImageSize { width: photo.width(), height: photo.height() };
    let sent = fitted(original, side);
    if sent == original {
        return Ok(None);
    }
    let format = PhotoFormat::sniff(bytes).unwrap_or(PhotoFormat::Jpeg);
    let failed = |reason: String| PhotoError::Undecodable { format, reason };
    let small = resample(photo.into_image(), sent).map_err(failed)?;
    let jpeg = detector::annotate::jpeg(&small, QUALITY).map_err(|error| failed(error.to_string()))?;
    Ok(Some((jpeg, Shrunk { original, sent })))
}

impl Shrunk {
    /// Brings the boxes of an answer about the small photo back into the original's pixels.
    pub(crate) fn restore(&self, answer: &mut Answer) {
        let (width, height) = (f64::from(self.original.width), f64::from(self.original.height));
        // What the function says it saw counts: a mirror in between may have shrunk the photo once more.
        let (x, y) = (width / f64::from(answer.image.width.max(1)), height / f64::from(answer.image.height.max(1)));
        for object in &mut answer.detections {
            let [x1, y1, x2, y2] = object.bbox;
            object.bbox = [
                hundredth((x1 * x).clamp(0.0, width)),
                hundredth((y1 * y).clamp(0.0, height)),
                hundredth((x2 * x).clamp(0.0, width)),
                hundredth((y2 * y).clamp(0.0, height)),
            ];
        }
        answer.image = self.original;
    }
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn header_size(bytes: &[u8]) -> Option<(u32, u32)> {
    ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.into_dimensions().ok()
}

fn fitted(size: ImageSize, side: u32) -> ImageSize {
    let longest = size.width.max(size.height);
    if longest <= side {
        return size;
    }
    let scale = |length: u32| {
        let scaled = (f64::from(length) * f64::from(side) / f64::from(longest)).round() as u32;
        scaled.max(1)
    };
    ImageSize { width: scale(size.width), height: scale(size.height) }
}

fn resample(photo: RgbImage, to: ImageSize) -> Result<RgbImage, String> {
    let (width, height) = photo.dimensions();
    let source = ImageRef::new(width, height, photo.as_raw(), PixelType::U8x3).map_err(|e| e.to_string())?;
    let mut small = Image::new(to.width, to.height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut small, &options).map_err(|e| e.to_string())?;
    RgbImage::from_raw(to.width, to.height, small.into_vec())
        .ok_or_else(|| "the pixels do not match the size".to_owned())
}

#[cfg(test)]
mod tests {
    use wire::{FoundObject, ModelRef, ThresholdsUsed, TimingsMs};

    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let image = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 90]));
        detector::annotate::jpeg(&image, 90).unwrap()
    }

    fn answer(size: ImageSize, bbox: [f64; 4]) -> Answer {
        Answer {
            image: size,
            detections: vec![FoundObject { label: "cat".to_owned(), class_id: 15, score: 0.9, bbox }],
            model: ModelRef::default(),
            thresholds: ThresholdsUsed { confidence: 0.25, iou: 0.45, max_detections: 100 },
            timings_ms: TimingsMs::default(),
            cold_start: false,
            init_ms: 0.0,
            annotated: None,
            redacted: None,
        }
    }

    #[test]
    fn only_larger_photos_are_shrunk() {
        assert!(shrink(&jpeg(416, 300), 416, &Limits::default()).unwrap().is_none());
        let (bytes, shrunk) = shrink(&jpeg(640, 480), 416, &Limits::default()).unwrap().unwrap();
        assert_eq!(shrunk.sent, ImageSize { width: 416, height: 312 });
        let photo = Photo::decode(&bytes, &Limits::default()).unwrap();
        assert_eq!((photo.width(), photo.height()), (416, 312));
    }

    #[test]
    fn a_sliver_keeps_a_pixel() {
        let sent = fitted(ImageSize { width: 10_000, height: 3 }, 100);
        assert_eq!(sent, ImageSize { width: 100, height: 1 });
    }

    #[test]
    fn boxes_come_back_in_the_originals_pixels() {
        let shrunk =
            Shrunk { original: ImageSize { width: 1000, height: 501 }, sent: ImageSize { width: 100, height: 50 } };
        let mut answer = answer(shrunk.sent, [10.0, 5.0, 100.0, 50.0]);
        shrunk.restore(&mut answer);
        assert_eq!(answer.image, shrunk.original);
        assert_eq!(answer.detections[0].bbox, [100.0, 50.1, 1000.0, 501.0]);
    }

    #[test]
    fn what_cannot_be_decoded_says_so() {
        assert!(shrink(b"\xff\xd8\xff\xe0 broken", 416, &Limits::default()).is_err());
    }
}
