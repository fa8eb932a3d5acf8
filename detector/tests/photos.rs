//! What holds for photos of every kind: what is broken, too large or no photo, and which way is up.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::picture::{HEIGHT, WIDTH, encoded, picture};
use detector::{Detector, Limits, Photo, PhotoError, PhotoFormat, Thresholds};
use image::ImageFormat;

/// Photos handed out with what other decoders make of them: all of the astronaut, all of the cat.
#[test]
fn handed_out_cases_come_out_as_everywhere_else() {
    let (Some(folder), Some(models)) = (common::asset("cases"), common::asset("models")) else { return };
    let detector = common::detector(&models.join("yolox_nano.onnx"));
    for name in ["scans-420", "no-dht", "sampling-3x1", "no-eoi-trailer"] {
        let bytes = std::fs::read(folder.join(format!("jpeg/{name}.jpg"))).unwrap();
        let found = detector.detect(&bytes, &Thresholds::default()).unwrap();
        assert_eq!((found.width, found.height), (320, 320), "{name}");
        let persons: Vec<_> = found.detections.iter().filter(|found| found.class_id == 0).collect();
        let [person] = persons[..] else { panic!("{name}: {persons:?}") };
        let wanted = [6.0, 14.0, 232.0, 317.0];
        let edges = [person.bbox.x1, person.bbox.y1, person.bbox.x2, person.bbox.y2];
        assert!(edges.iter().zip(wanted).all(|(a, b)| (f64::from(*a) - b).abs() <= 8.0), "{name}: {edges:?}");
        assert!(person.score >= 0.85, "{name}: {person:?}");
    }
    for name in ["two-exif-6-1.jpg", "long-le.jpg", "webp-exif-marked.webp", "png-raw-profile-ztxt.png"] {
        let bytes = std::fs::read(folder.join("orientation").join(name)).unwrap();
        let photo = Photo::decode(&bytes, &Limits::default()).unwrap();
        assert_eq!((photo.width(), photo.height()), (226, 150), "{name}");
    }
}

#[test]
fn truncated_files_are_refused_and_trailing_bytes_are_not() {
    let large = picture().resize_exact(WIDTH * 8, HEIGHT * 8, image::imageops::FilterType::Triangle);
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    for format in [Jpeg, Png, WebP, Bmp, Gif, Tiff] {
        let mut bytes = encoded(&large, format);
        for length in [60, bytes.len() / 4, bytes.len() / 2, bytes.len() - 20] {
            let error = Photo::decode(&bytes[..length], &Limits::default()).unwrap_err();
            assert!(matches!(error, PhotoError::Undecodable { .. }), "{format:?} cut to {length}: {error:?}");
        }
        bytes.extend_from_slice(b"trailing");
        assert!(Photo::decode(&bytes, &Limits::default()).is_ok(), "{format:?}");
    }
}

#[test]
fn limits_are_checked_on_the_header() {
    let bytes = encoded(&picture(), ImageFormat::Png);
    let limits = Limits { max_pixels: u64::from(WIDTH * HEIGHT) - 1, ..Limits::default() };
    assert!(matches!(Photo::decode(&bytes, &limits), Err(PhotoError::TooManyPixels { width: WIDTH, .. })));
    let limits = Limits { max_bytes: 10, ..Limits::default() };
    assert!(matches!(Photo::decode(&bytes, &limits), Err(PhotoError::TooManyBytes { max: 10, .. })));
    // A GIF whose screen has no height: nothing may divide by that.
    let mut flat = encoded(&picture(), ImageFormat::Gif);
    flat[8..10].fill(0);
    let error = Photo::decode(&flat, &Limits::default()).unwrap_err();
    // Its screen and a frame of another width may lie in memory side by side, four bytes a pixel each.
    let whole = encoded(&picture(), ImageFormat::Gif);
    let limits = Limits { max_pixels: u64::from(WIDTH * HEIGHT), ..Limits::default() };
    assert!(matches!(Photo::decode(&whole, &limits), Err(PhotoError::TooManyPixels { .. })));
    assert!(Photo::decode(&whole, &Limits { max_pixels: 2 * limits.max_pixels, ..limits }).is_ok());
    assert!(matches!(error, PhotoError::Undecodable { .. }) && error.to_string().contains("zero width"), "{error}");
    let limits = Limits { max_side: 50, ..Limits::default() };
    assert!(matches!(Photo::decode(&bytes, &limits), Err(PhotoError::TooManyPixels { .. })));
    // A JPEG of a few hundred bytes that claims 65500 x 65500 pixels.
    let mut jpeg = encoded(&picture(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let error = Photo::decode(&jpeg, &Limits::default()).unwrap_err();
    assert!(matches!(error, PhotoError::TooManyPixels { width: 65500, height: 65500, .. }), "{error}");
}

#[test]
fn the_content_decides_what_a_file_is() {
    assert_eq!(PhotoFormat::sniff(&encoded(&picture(), ImageFormat::WebP)), Some(PhotoFormat::WebP));
    for (bytes, word) in [
        (&b"\0\0\0\x18ftypmp42____"[..], "file type: video."),
        (b"\0\0\0\x14ftypheim\0\0\0\0mif1", "heim"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.4", "PDF"),
        (b"hello, world", "file type: text."),
        (b"\x01\x02\x03", "file type: unknown. Supported: JPEG"),
    ] {
        let error = Photo::decode(bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, PhotoError::Unsupported { .. }) && error.to_string().contains(word), "{error}");
    }
    assert_eq!(Photo::decode(b"", &Limits::default()).unwrap_err(), PhotoError::Empty);
}

#[test]
fn all_orientations_of_a_photo_give_the_same_boxes() {
    let (Some(folder), Some(models)) = (common::asset("hostile/exif"), common::asset("models")) else { return };
    let detector: Detector = common::detector(&models.join("yolox_nano.onnx"));
    for motif in ["Landscape", "Portrait"] {
        let found: Vec<_> = (0..9)
            .map(|orientation| {
                let bytes = std::fs::read(folder.join(format!("{motif}_{orientation}.jpg"))).unwrap();
                detector.detect(&bytes, &Thresholds { confidence: 0.4, ..Thresholds::default() }).unwrap()
            })
            .collect();
        for other in &found[1..] {
            assert_eq!((other.width, other.height), (found[0].width, found[0].height), "{motif}");
            assert_eq!(other.detections.len(), found[0].detections.len(), "{motif}");
            for (a, b) in other.detections.iter().zip(&found[0].detections) {
                assert!(a.class_id == b.class_id && a.bbox.iou(&b.bbox) > 0.9, "{motif}: {a:?} {b:?}");
            }
        }
    }
}
