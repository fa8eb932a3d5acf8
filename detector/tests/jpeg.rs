//! JPEG in every shape that libjpeg-turbo reads, whole and cut.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::picture::{HEIGHT, WIDTH, assert_picture, color, encoded, luma, picture, pixels, same};
use detector::{Limits, Photo};
use image::{ImageFormat, RgbImage};

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
