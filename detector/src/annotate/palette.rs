//! The colour of a class: the same in every photo, on the page and in annotated photos.

/// Vivid colours of sRGB, chosen so that the two nearest, as a normal, protan, deutan or tritan eye sees them, are as far
/// apart as they can be.
const PALETTE: [[u8; 3]; 18] = [
    [191, 113, 1],
    [65, 77, 232],
    [48, 238, 247],
    [42, 161, 254],
    [168, 0, 105],
    [254, 203, 60],
    [16, 168, 142],
    [103, 96, 4],
    [153, 180, 11],
    [15, 125, 157],
    [175, 181, 252],
    [211, 0, 67],
    [133, 103, 250],
    [0, 222, 147],
    [254, 89, 112],
    [253, 125, 205],
    [212, 58, 185],
    [157, 27, 182],
];

/// The colour of each of COCO's 80 classes, as an index into the palette: the more often two classes share a photo, the
/// further apart their colours (person and bicycle, bottle, cup and table, cat and dog). Classes that follow each other
/// differ too, which is what a model with labels of its own gets.
#[rustfmt::skip]
const CLASSES: [u8; 80] = [
    5, 0, 14, 4, 1, 2, 7, 3, 14, 17, 2, 7, 5, 14, 3, 12, 7, 17, 14, 3,
    5, 2, 4, 7, 1, 0, 10, 12, 13, 11, 7, 4, 1, 10, 13, 3, 2, 17, 8, 7,
    1, 3, 13, 4, 0, 8, 2, 15, 1, 0, 4, 5, 7, 2, 12, 17, 14, 4, 3, 2,
    10, 0, 1, 17, 2, 8, 0, 7, 12, 17, 5, 2, 11, 4, 1, 5, 2, 6, 4, 1,
];

/// The colour of a class.
#[must_use]
pub fn color(class_id: usize) -> [u8; 3] {
    PALETTE[usize::from(CLASSES[class_id % CLASSES.len()])]
}

/// Black or white: what is easier to read on a colour (the larger contrast ratio of WCAG 2).
#[must_use]
pub fn ink(color: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = color.map(linear);
    let luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    // 0.179 has the same contrast with both: (1 + 0.05) / (y + 0.05) = (y + 0.05) / 0.05.
    if luminance > 0.179 { [0; 3] } else { [255; 3] }
}

/// An sRGB value as a share of light.
fn linear(value: u8) -> f32 {
    let v = f32::from(value) / 255.0;
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Matrix = [[f32; 3]; 3];

    /// Full protanopia, deuteranopia and tritanopia in linear RGB: Machado, Oliveira and Fernandes, 2009.
    const EYES: [Matrix; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_82, 0.042_94, 0.968_881]],
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_9]],
    ];

    /// Linear RGB to Oklab, by way of cone responses: Ottosson, 2020.
    const CONES: Matrix = [
        [0.412_221_47, 0.536_332_54, 0.051_445_993],
        [0.211_903_5, 0.680_699_5, 0.107_396_96],
        [0.088_302_46, 0.281_718_84, 0.629_978_7],
    ];
    const OKLAB: Matrix = [
        [0.210_454_26, 0.793_617_8, -0.004_072_047],
        [1.977_998_5, -2.428_592_2, 0.450_593_7],
        [0.025_904_037, 0.782_771_77, -0.808_675_77],
    ];

    /// COCO classes that share photos.
    const COMPANY: [&[usize]; 7] = [
        &[0, 1, 2, 3, 5, 7, 9],           // person, bicycle, car, motorcycle, bus, truck, traffic light
        &[0, 39, 40, 41, 43, 45, 56, 60], // person, bottle, wine glass, cup, knife, bowl, chair, dining table
        &[0, 2, 24, 25, 26, 27, 28],      // person, car, backpack, umbrella, handbag, tie, suitcase
        &[0, 30, 31, 36, 37, 38],         // person, skis, snowboard, skateboard, surfboard, tennis racket
        &[0, 15, 16, 57, 59],             // person, cat, dog, couch, bed
        &[0, 16, 17, 18, 19],             // person, dog, horse, sheep, cow
        &[0, 56, 62, 63, 66, 67],         // person, chair, tv, laptop, keyboard, cell phone
    ];

    fn times(matrix: &Matrix, vector: [f32; 3]) -> [f32; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    fn seen(color: [u8; 3], eye: &Matrix) -> [f32; 3] {
        let light = times(eye, color.map(linear)).map(|v| v.clamp(0.0, 1.0));
        times(&OKLAB, times(&CONES, light).map(f32::cbrt))
    }

    /// The distance of two colours for the eye that tells them apart least.
    fn distance(a: [u8; 3], b: [u8; 3]) -> f32 {
        EYES.iter()
            .map(|eye| seen(a, eye).iter().zip(seen(b, eye)).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt())
            .fold(f32::INFINITY, f32::min)
    }

    #[test]
    fn classes_that_share_photos_look_different_to_every_eye() {
        for group in COMPANY {
            for (i, &a) in group.iter().enumerate() {
                for &b in &group[..i] {
                    let far = distance(color(a), color(b));
                    // A just noticeable difference is about 0.02.
                    assert!(far > 0.055, "classes {a} and {b} are {far} apart");
                }
            }
        }
    }

    #[test]
    fn classes_that_follow_each_other_differ() {
        for id in 0..160 {
            assert!((id + 1..id + 5).all(|next| distance(color(id), color(next)) > 0.03), "{id}");
        }
    }

    #[test]
    fn no_two_colours_are_close() {
        for (i, &a) in PALETTE.iter().enumerate() {
            for &b in &PALETTE[..i] {
                assert!(distance(a, b) > 0.04, "{a:?} and {b:?}: {}", distance(a, b));
            }
        }
    }

    #[test]
    fn text_is_readable_on_every_colour() {
        for color in PALETTE {
            let luminance = |c: [u8; 3]| {
                let [r, g, b] = c.map(linear);
                0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
            };
            let (a, b) = (luminance(color), luminance(ink(color)));
            assert!(a.max(b) / a.min(b) >= 4.5, "{color:?}");
        }
    }
}
