//! The other kinds of photo: the same picture in all their shapes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::picture::{HEIGHT, WIDTH, assert_picture, color, encoded, grey, luma, picture, same};
use detector::{Limits, Photo, PhotoError, UnsupportedType};
use image::{DynamicImage, ImageFormat};

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
fn webp_lossless_and_lossy() {
    assert_picture("lossless", &encoded(&picture(), ImageFormat::WebP), same);
    assert_picture("lossless alpha", &encoded(&picture().to_rgba8().into(), ImageFormat::WebP), same);
    assert_picture("lossy", include_bytes!("photos/lossy.webp"), same);
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
        matches!(error, PhotoError::Unsupported { found: UnsupportedType::Picture(kind) } if kind.contains("4:4:4")),
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
fn a_tile_may_not_be_larger_than_the_limits_that_its_picture_keeps() {
    let mut bytes = stored("grid.heic");
    // Of four tiles of 64 x 64 only 65 x 65 pixels are shown.
    let grid = bytes.windows(8).position(|window| window == [0, 0, 1, 1, 0, 96, 0, 128]).unwrap();
    bytes[grid + 4..grid + 8].copy_from_slice(&[0, 65, 0, 65]);
    let decode = |max_pixels| Photo::decode(&bytes, &Limits { max_pixels, ..Limits::default() });
    assert!(matches!(decode(5000), Err(PhotoError::TooManyPixels { width: 65, height: 65, .. })));
    assert_eq!(decode(7000).map(|photo| (photo.width(), photo.height())).unwrap(), (65, 65));
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
    assert_eq!(error, PhotoError::Unsupported { found: UnsupportedType::Raw });
}

#[test]
fn bmp_and_gif_are_the_same_picture() {
    assert_picture("bmp", &encoded(&picture(), ImageFormat::Bmp), same);
    assert_picture("bmp alpha", &encoded(&picture().to_rgba8().into(), ImageFormat::Bmp), same);
    assert_picture("gif", &encoded(&picture(), ImageFormat::Gif), same);
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
        // Each may be small and inflate to a megabyte: a file full of them is not worked through.
        let empty = [&b"Raw profile type exif\0\0"[..], &zlib(&"0".repeat(1 << 20))].concat();
        let text = [&b"Raw profile type exif\0\0"[..], &zlib(&profile)].concat();
        let after = |count: usize| {
            let png = (0..count).fold(png.clone(), |png, _| with_chunk(&png, b"zTXt", &empty));
            Photo::decode(&with_chunk(&png, b"zTXt", &text), &Limits::default()).unwrap().into_image().dimensions()
        };
        assert_eq!((after(7), after(8)), ((WIDTH, HEIGHT), (HEIGHT, WIDTH)));
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
