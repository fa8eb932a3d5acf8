//! Photos of every colour kind come out as the same RGB, and broken ones as defined errors.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Cursor;

use detector::{Detector, Limits, Photo, PhotoError, PhotoFormat, Thresholds};
use image::{DynamicImage, ImageFormat, RgbImage};

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// The test picture: red and green above, blue and grey below.
fn color(x: u32, y: u32) -> [u8; 3] {
    match (x < WIDTH / 2, y < HEIGHT / 2) {
        (true, true) => [220, 30, 30],
        (false, true) => [30, 200, 30],
        (true, false) => [30, 40, 220],
        (false, false) => [120, 120, 120],
    }
}

fn pixels() -> impl Iterator<Item = [u8; 3]> {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| color(x, y)))
}

fn picture() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(WIDTH, HEIGHT, |x, y| image::Rgb(color(x, y))))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg(input: mozjpeg::ColorSpace, stored: mozjpeg::ColorSpace, progressive: bool, data: &[u8]) -> Vec<u8> {
    let mut compress = mozjpeg::Compress::new(input);
    compress.set_size(WIDTH as usize, HEIGHT as usize);
    compress.set_color_space(stored);
    compress.set_quality(95.0);
    if progressive {
        compress.set_progressive_mode();
    }
    let mut started = compress.start_compress(Vec::new()).unwrap();
    started.write_scanlines(data).unwrap();
    started.finish().unwrap()
}

fn png(color: png::ColorType, depth: png::BitDepth, palette: Option<&[u8]>, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if let Some(palette) = palette {
        encoder.set_palette(palette.to_vec());
        encoder.set_trns(vec![255, 255, 128, 0]);
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

fn assert_picture(name: &str, bytes: &[u8], wanted: impl Fn([u8; 3]) -> [u8; 3]) {
    let photo = Photo::decode(bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!((photo.width(), photo.height()), (WIDTH, HEIGHT), "{name}");
    for (x, y) in [(10, 10), (50, 10), (10, 40), (50, 40)] {
        let (found, wanted) = (photo.pixels().get_pixel(x, y).0, wanted(color(x, y)));
        let close = found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 6);
        assert!(close, "{name} at {x},{y}: {found:?}, expected {wanted:?}");
    }
}

fn same(color: [u8; 3]) -> [u8; 3] {
    color
}

/// What `image` makes of a colour as grey.
fn luma(color: [u8; 3]) -> u8 {
    DynamicImage::from(RgbImage::from_pixel(1, 1, image::Rgb(color))).to_luma8().get_pixel(0, 0).0[0]
}

#[test]
fn every_jpeg_colour_space_is_the_same_picture() {
    use mozjpeg::ColorSpace::{JCS_CMYK, JCS_RGB, JCS_YCCK, JCS_YCbCr};
    let rgb: Vec<u8> = pixels().flatten().collect();
    // Adobe's convention: 255 is no ink.
    let cmyk: Vec<u8> = pixels().flat_map(|[r, g, b]| [r, g, b, 255]).collect();
    assert_picture("YCbCr", &jpeg(JCS_RGB, JCS_YCbCr, false, &rgb), same);
    assert_picture("progressive", &jpeg(JCS_RGB, JCS_YCbCr, true, &rgb), same);
    assert_picture("RGB", &jpeg(JCS_RGB, JCS_RGB, false, &rgb), same);
    assert_picture("grey", &encoded(&picture().to_luma8().into(), ImageFormat::Jpeg), |color| [luma(color); 3]);
    assert_picture("CMYK", &jpeg(JCS_CMYK, JCS_CMYK, false, &cmyk), same);
    assert_picture("YCCK", &jpeg(JCS_CMYK, JCS_YCCK, false, &cmyk), same);
}

#[test]
fn every_png_colour_type_is_the_same_picture() {
    let picture = picture();
    for (name, image) in [
        ("rgb8", picture.clone()),
        ("rgba8", picture.to_rgba8().into()),
        ("rgb16", picture.to_rgb16().into()),
        ("rgba16", picture.to_rgba16().into()),
    ] {
        assert_picture(name, &encoded(&image, ImageFormat::Png), same);
    }
    for (name, image) in [
        ("luma8", DynamicImage::from(picture.to_luma8())),
        ("luma16", picture.to_luma16().into()),
        ("lumaa8", picture.to_luma_alpha8().into()),
    ] {
        assert_picture(name, &encoded(&image, ImageFormat::Png), |color| [luma(color); 3]);
    }
    let palette: Vec<u8> = [color(0, 0), color(63, 0), color(0, 47), color(63, 47)].concat();
    let indices: Vec<u8> =
        (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| u8::from(x >= 32) + 2 * u8::from(y >= 24))).collect();
    assert_picture("palette", &png(png::ColorType::Indexed, png::BitDepth::Eight, Some(&palette), &indices), same);
}

#[test]
fn webp_lossless_and_lossy() {
    assert_picture("lossless", &encoded(&picture(), ImageFormat::WebP), same);
    assert_picture("lossless alpha", &encoded(&picture().to_rgba8().into(), ImageFormat::WebP), same);
    assert_picture("lossy", include_bytes!("photos/lossy.webp"), same);
}

#[test]
fn a_scaled_decode_is_the_same_picture_smaller() {
    let large = picture().resize_exact(WIDTH * 16, HEIGHT * 16, image::imageops::FilterType::Nearest);
    let bytes = encoded(&large, ImageFormat::Jpeg);
    for (needed, side) in [(400, WIDTH * 8), (256, WIDTH * 4), (64, WIDTH * 2)] {
        let photo = Photo::decode_at_least(&bytes, &Limits::default(), &|_, _| (needed, needed * 3 / 4)).unwrap();
        assert_eq!((photo.width(), photo.height()), (WIDTH * 16, HEIGHT * 16));
        assert_eq!(photo.pixels().width(), side);
        for (x, y) in [(1, 1), (side - 2, 1), (1, side * 3 / 4 - 2)] {
            let found = photo.pixels().get_pixel(x, y).0;
            let wanted = color(x * WIDTH / side, y * WIDTH / side);
            assert!(found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 6), "{found:?} {wanted:?}");
        }
    }
}

#[test]
fn truncated_files_are_refused_and_trailing_bytes_are_not() {
    let large = picture().resize_exact(WIDTH * 8, HEIGHT * 8, image::imageops::FilterType::Triangle);
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let mut bytes = encoded(&large, format);
        for length in [12, bytes.len() / 4, bytes.len() / 2, bytes.len() - 20] {
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
fn a_jpeg_with_thousands_of_scans_is_refused_at_once() {
    use mozjpeg::ColorSpace::{JCS_RGB, JCS_YCbCr};
    let rgb: Vec<u8> = pixels().flatten().collect();
    let bytes = jpeg(JCS_RGB, JCS_YCbCr, true, &rgb);
    let scan = bytes.windows(2).rposition(|w| w == [0xff, 0xda]).unwrap();
    let (head, last) = bytes[..bytes.len() - 2].split_at(scan);
    let mut many = head.to_vec();
    (0..5000).for_each(|_| many.extend_from_slice(last));
    many.extend_from_slice(&[0xff, 0xd9]);
    let error = Photo::decode(&many, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("scans"), "{error}");
}

#[test]
fn the_content_decides_what_a_file_is() {
    assert_eq!(PhotoFormat::sniff(&encoded(&picture(), ImageFormat::WebP)), Some(PhotoFormat::WebP));
    for (bytes, word) in
        [(&b"GIF89a\x01\x00"[..], "GIF"), (b"\0\0\0\x18ftypavif____", "AVIF"), (b"hello, world", "no image")]
    {
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
