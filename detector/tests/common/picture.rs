//! The picture that is stored in every kind of file, and whether a photo shows it.

use std::io::Cursor;

use detector::{Limits, Photo};
use image::{DynamicImage, ImageFormat, RgbImage};

/// Width of the test picture.
pub const WIDTH: u32 = 64;
/// Its height.
pub const HEIGHT: u32 = 48;

/// The test picture: red and green above, blue and grey below.
pub fn color(x: u32, y: u32) -> [u8; 3] {
    match (x < WIDTH / 2, y < HEIGHT / 2) {
        (true, true) => [220, 30, 30],
        (false, true) => [30, 200, 30],
        (true, false) => [30, 40, 220],
        (false, false) => [120, 120, 120],
    }
}

/// Its pixels, row by row.
pub fn pixels() -> impl Iterator<Item = [u8; 3]> {
    (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| color(x, y)))
}

/// The test picture itself.
pub fn picture() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(WIDTH, HEIGHT, |x, y| image::Rgb(color(x, y))))
}

/// A picture in a format that `image` writes.
pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The photo is the test picture, each of its colours as `wanted` makes it.
pub fn assert_picture(name: &str, bytes: &[u8], wanted: impl Fn([u8; 3]) -> [u8; 3]) {
    let photo = Photo::decode(bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!((photo.width(), photo.height()), (WIDTH, HEIGHT), "{name}");
    for (x, y) in [(10, 10), (50, 10), (10, 40), (50, 40)] {
        let (found, wanted) = (photo.pixels().get_pixel(x, y).0, wanted(color(x, y)));
        let close = found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 6);
        assert!(close, "{name} at {x},{y}: {found:?}, expected {wanted:?}");
    }
}

/// A colour as it is.
pub fn same(color: [u8; 3]) -> [u8; 3] {
    color
}

/// A colour as grey, as JPEG, Pillow and OpenCV have it (BT.601).
pub fn grey([r, g, b]: [u8; 3]) -> [u8; 3] {
    [(0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)).round() as u8; 3]
}

/// What `image` makes of a colour as grey.
pub fn luma(color: [u8; 3]) -> u8 {
    DynamicImage::from(RgbImage::from_pixel(1, 1, image::Rgb(color))).to_luma8().get_pixel(0, 0).0[0]
}
