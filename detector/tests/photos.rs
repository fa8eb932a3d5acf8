//! Photos of every colour kind come out as the same RGB, and broken ones as defined errors.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Cursor;

use detector::{Detector, Foreign, Limits, Photo, PhotoError, PhotoFormat, Thresholds};
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

/// A colour as grey, as JPEG, Pillow and OpenCV have it (BT.601).
fn grey([r, g, b]: [u8; 3]) -> [u8; 3] {
    [(0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)).round() as u8; 3]
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

/// What `make.py` wrote.
fn stored(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/photos").join(name)).unwrap()
}

#[test]
fn heic_in_every_depth_and_turn_is_the_same_picture() {
    for name in ["plain", "alpha", "bt709", "limited", "lossless", "10-bit", "12-bit"] {
        assert_picture(name, &stored(&format!("{name}.heic")), same);
    }
    assert_picture("grey", &stored("grey.heic"), grey);
    for orientation in 1..=8 {
        assert_picture(&format!("o{orientation}.heic"), &stored(&format!("o{orientation}.heic")), same);
    }
    let error = Photo::decode(&stored("full-chroma.heic"), &Limits::default()).unwrap_err();
    assert!(
        matches!(error, PhotoError::Unsupported { found: Foreign::Picture(kind) } if kind.contains("4:4:4")),
        "{error}"
    );
}

#[test]
fn heic_in_tiles_is_put_together_before_it_is_turned() {
    let photo = Photo::decode(&stored("grid.heic"), &Limits::default()).unwrap();
    assert_eq!((photo.width(), photo.height()), (2 * WIDTH, 2 * HEIGHT));
    for (x, y) in [(10, 10), (120, 10), (10, 90), (120, 90), (50, 10), (80, 90)] {
        let (found, wanted) = (photo.pixels().get_pixel(x, y).0, color(x / 2, y / 2));
        assert!(found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 6), "{x},{y}: {found:?} {wanted:?}");
    }
}

#[test]
fn avif_in_every_sampling_and_turn_is_the_same_picture() {
    for name in ["420", "422", "444", "alpha", "limited", "lossless", "sequence"] {
        assert_picture(name, &stored(&format!("{name}.avif")), same);
    }
    assert_picture("grey", &stored("grey.avif"), grey);
    for orientation in 1..=8 {
        assert_picture(&format!("o{orientation}.avif"), &stored(&format!("o{orientation}.avif")), same);
    }
}

#[test]
fn tiff_in_every_kind_of_pixel_is_the_same_picture() {
    for name in ["raw", "lzw", "adobe_deflate", "packbits", "jpeg", "alpha", "cmyk", "palette", "pages", "big"] {
        assert_picture(name, &stored(&format!("{name}.tif")), same);
    }
    assert_picture("grey", &stored("grey.tif"), grey);
    assert_picture("fax", &stored("fax.tif"), |color| grey(color).map(|shade| if shade > 90 { 255 } else { 0 }));
    for orientation in 1..=8 {
        assert_picture(&format!("o{orientation}.tif"), &stored(&format!("o{orientation}.tif")), same);
    }
    // Floating point, as image's own writer has it: from 0 to 1.
    assert_picture("float", &encoded(&picture().to_rgb32f().into(), ImageFormat::Tiff), same);
    assert_picture("16 bits", &encoded(&picture().to_rgb16().into(), ImageFormat::Tiff), same);
}

#[test]
fn the_thumbnail_of_a_camera_raw_file_is_not_its_photo() {
    let mut bytes = stored("raw.tif");
    // The first entry of Pillow's directory is ImageWidth (256), which becomes NewSubfileType (254): "reduced".
    let directory = usize::try_from(u32::from_le_bytes(bytes[4..8].try_into().unwrap())).unwrap();
    let entries = usize::from(u16::from_le_bytes(bytes[directory..directory + 2].try_into().unwrap()));
    let mut table = bytes[directory + 2..directory + 2 + 12 * entries].to_vec();
    table.splice(0..0, [254, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    let moved = u32::try_from(bytes.len()).unwrap();
    bytes[4..8].copy_from_slice(&moved.to_le_bytes());
    bytes.extend(u16::try_from(entries + 1).unwrap().to_le_bytes());
    bytes.extend(table);
    bytes.extend([0; 4]);
    let error = Photo::decode(&bytes, &Limits::default()).unwrap_err();
    assert_eq!(error, PhotoError::Unsupported { found: Foreign::Raw });
}

#[test]
fn bmp_and_gif_are_the_same_picture() {
    assert_picture("bmp", &encoded(&picture(), ImageFormat::Bmp), same);
    assert_picture("bmp alpha", &encoded(&picture().to_rgba8().into(), ImageFormat::Bmp), same);
    assert_picture("gif", &encoded(&picture(), ImageFormat::Gif), same);
}

#[test]
fn jpeg_is_read_in_every_sampling_that_libjpeg_reads() {
    use mozjpeg::ScanMode::{AllComponentsTogether, ScanPerComponent};
    let rgb: Vec<u8> = pixels().flatten().collect();
    // Luma's factors, then chroma's; the last ones have chroma sampled larger than luma.
    for factors in [
        [(1, 1), (1, 1)],
        [(2, 1), (1, 1)],
        [(1, 2), (1, 1)],
        [(2, 2), (1, 1)],
        [(3, 1), (1, 1)],
        [(3, 2), (1, 1)],
        [(4, 1), (1, 1)],
        [(4, 2), (1, 1)],
        [(1, 1), (2, 1)],
        [(1, 1), (2, 2)],
        [(1, 2), (2, 1)],
    ] {
        for scans in [None, Some(AllComponentsTogether), Some(ScanPerComponent)] {
            let mut compress = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
            // Progressive, unless told otherwise.
            match scans {
                Some(scans) => compress.set_scan_optimization_mode(scans),
                None => compress.set_fastest_defaults(),
            }
            compress.set_size(WIDTH as usize, HEIGHT as usize);
            compress.set_quality(95.0);
            for (component, (across, down)) in
                compress.components_mut().iter_mut().zip([factors[0], factors[1], factors[1]])
            {
                (component.h_samp_factor, component.v_samp_factor) = (across, down);
            }
            let mut started = compress.start_compress(Vec::new()).unwrap();
            started.write_scanlines(&rgb).unwrap();
            let bytes = started.finish().unwrap();
            assert_picture(&format!("{factors:?}"), &bytes, same);
        }
    }
}

#[test]
fn a_jpeg_may_lack_its_end_but_no_rows() {
    use mozjpeg::ColorSpace::{JCS_RGB, JCS_YCbCr};
    let scale = 8;
    let large = picture().resize_exact(WIDTH * scale, HEIGHT * scale, image::imageops::FilterType::Triangle);
    let noisy = RgbImage::from_fn(large.width(), large.height(), |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 13 & 31;
        image::Rgb(large.to_rgb8().get_pixel(x, y).0.map(|c| c.saturating_add(noise as u8)))
    });
    for (progressive, restarts) in [(false, 0), (true, 0), (false, 5)] {
        let mut compress = mozjpeg::Compress::new(JCS_RGB);
        compress.set_size(noisy.width() as usize, noisy.height() as usize);
        compress.set_color_space(JCS_YCbCr);
        if progressive {
            compress.set_progressive_mode();
        } else {
            compress.set_fastest_defaults();
        }
        let mut started = compress.start_compress(Vec::new()).unwrap();
        started.write_scanlines(noisy.as_raw()).unwrap();
        let mut whole = started.finish().unwrap();
        if restarts > 0 {
            // What has no restart markers where they are announced is a photo that lacks all but its first interval.
            let scan = whole.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
            whole.splice(scan..scan, [0xff, 0xdd, 0, 4, 0, restarts]);
            assert!(Photo::decode(&whole, &Limits::default()).is_err());
            continue;
        }
        let pixels = |bytes: &[u8]| Photo::decode(bytes, &Limits::default()).map(|photo| photo.into_image());
        let wanted = pixels(&whole).unwrap();
        let data = &whole[..whole.len() - 2];
        let trailer = [data, b"SEFH\x01\0\0\0 a maker's own \xff\x12 SEFT"].concat();
        for (name, bytes) in [("no end", data), ("a trailer", &trailer), ("zeroes", &[data, &[0; 999]].concat())] {
            assert_eq!(pixels(bytes).unwrap(), wanted, "{name}, progressive {progressive}");
        }
        for share in [30, 60, 90, 99] {
            let cut = &whole[..whole.len() * share / 100];
            assert!(pixels(cut).is_err(), "cut at {share} %, progressive {progressive}");
            // A coarse progressive photo has every row.
            if !progressive && share < 95 {
                assert!(pixels(&[cut, &[0, 0xff, 0xd9]].concat()).is_err(), "ended at {share} %");
            }
        }
    }
}

#[test]
fn exif_orients_every_kind_of_png_and_webp() {
    let turned = picture().rotate270();
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0".to_vec();
    for marked in [false, true] {
        if marked {
            exif.splice(0..0, *b"Exif\0\0");
        }
        let webp = with_exif_chunk(&encoded(&turned, ImageFormat::WebP), &exif);
        assert_picture(&format!("webp, marked: {marked}"), &webp, same);
        let png = encoded(&turned, ImageFormat::Png);
        assert_picture("eXIf", &with_chunk(&png, b"eXIf", &exif), same);
        let hex: String = exif.iter().map(|byte| format!("{byte:02x}")).collect();
        let profile = format!("\nexif\n{:8}\n{}\n{}\n", exif.len(), &hex[..20], &hex[20..]);
        let zlib = |text: &str| {
            use std::io::Write;
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        for keyword in ["Raw profile type exif", "Raw profile type APP1"] {
            let text = [keyword.as_bytes(), b"\0", profile.as_bytes()].concat();
            assert_picture("tEXt", &with_chunk(&png, b"tEXt", &text), same);
            let text = [keyword.as_bytes(), b"\0\0", &zlib(&profile)].concat();
            assert_picture("zTXt", &with_chunk(&png, b"zTXt", &text), same);
            let text = [keyword.as_bytes(), b"\0\x01\0\0\0", &zlib(&profile)].concat();
            assert_picture("iTXt", &with_chunk(&png, b"iTXt", &text), same);
            let text = [keyword.as_bytes(), b"\0\0\0\0\0", profile.as_bytes()].concat();
            assert_picture("iTXt, plain", &with_chunk(&png, b"iTXt", &text), same);
        }
    }
}

/// A PNG with one more chunk, before its end.
fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let (head, end) = png.split_at(png.len() - 12);
    let body = [&kind[..], data].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [head, &length, &body, &crc.sum().to_be_bytes(), end].concat()
}

/// A simple WebP as an extended one with an EXIF chunk.
fn with_exif_chunk(webp: &[u8], exif: &[u8]) -> Vec<u8> {
    let (width, height) = (HEIGHT - 1, WIDTH - 1);
    let mut extended = b"VP8X\x0a\0\0\0\x08\0\0\0".to_vec();
    extended.extend(&width.to_le_bytes()[..3]);
    extended.extend(&height.to_le_bytes()[..3]);
    let mut chunk = [&b"EXIF"[..], &u32::try_from(exif.len()).unwrap().to_le_bytes(), exif].concat();
    chunk.extend(&[0][..exif.len() % 2]);
    let body = [&extended, &webp[12..], &chunk].concat();
    [&b"RIFF"[..], &u32::try_from(body.len() + 4).unwrap().to_le_bytes(), b"WEBP", &body].concat()
}

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
    assert!(matches!(error, PhotoError::Undecodable { .. }) && error.to_string().contains("no pixels"), "{error}");
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
    for (bytes, word) in [
        (&b"\0\0\0\x18ftypmp42____"[..], "a video"),
        (b"\0\0\0\x14ftypheim\0\0\0\0mif1", "heim"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.4", "PDF"),
        (b"hello, world", "text"),
        (b"\x01\x02\x03", "no image"),
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
