//! The colour of a class: the same in every photo, on the page and in annotated photos.

/// Vivid colours of sRGB. The two nearest are as far apart as they can be, as a normal, protan, deutan or tritan eye sees
/// them (CIEDE2000 in CIELAB: 10.9, 7.3, 7.7 and 6.1; about 2 is just noticeable).
const PALETTE: [[u8; 3]; 24] = [
    [254, 210, 68],
    [9, 220, 173],
    [255, 142, 198],
    [27, 188, 92],
    [47, 137, 68],
    [235, 29, 81],
    [0, 164, 116],
    [163, 141, 252],
    [164, 17, 138],
    [82, 109, 252],
    [164, 210, 116],
    [232, 168, 255],
    [74, 111, 0],
    [0, 57, 255],
    [255, 93, 138],
    [210, 0, 116],
    [152, 252, 166],
    [176, 140, 13],
    [118, 76, 183],
    [214, 1, 0],
    [180, 185, 15],
    [30, 255, 249],
    [164, 44, 68],
    [181, 100, 174],
];

/// The colour of each of COCO's 80 classes, as an index into the palette. Classes that share photos differ, the more often
/// the more: of 10,959 photos (201 labelled ones of COCO, the others looked at by yolox-nano at 0.4) 15 show two classes of
/// one colour. A person's colour is nobody else's. Classes that follow each other differ too, which is what a model
/// with labels of its own gets.
#[rustfmt::skip]
const CLASSES: [u8; 80] = [
    0, 21, 7, 18, 13, 1, 5, 15, 9, 12, 16, 14, 22, 2, 11, 8, 19, 12, 4, 21,
    6, 23, 7, 17, 8, 19, 23, 6, 17, 22, 9, 7, 13, 1, 4, 21, 15, 18, 14, 12,
    17, 4, 18, 2, 7, 21, 16, 9, 13, 22, 8, 5, 3, 11, 6, 15, 22, 16, 20, 9,
    1, 10, 7, 19, 18, 23, 2, 21, 19, 14, 8, 23, 13, 5, 11, 6, 12, 13, 15, 14,
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
    use ::palette::color_difference::Ciede2000;
    use ::palette::{FromColor, Lab, LinSrgb};

    type Matrix = [[f32; 3]; 3];

    /// A normal eye, and full protanopia, deuteranopia and tritanopia in linear RGB: Machado, Oliveira and Fernandes, 2009.
    const EYES: [Matrix; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_82, 0.042_94, 0.968_881]],
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_9]],
    ];
    const NORMAL: &[Matrix] = EYES.split_at(1).0;
    const RED_GREEN: &[Matrix] = EYES.split_at(3).0;

    /// The pairs of COCO's classes that share a photo most often, among the photos that the table was made with.
    #[rustfmt::skip]
    const TOGETHER: [(usize, usize); 160] = [
        (0, 2), (41, 60), (56, 58), (56, 60), (2, 7), (0, 32), (56, 57), (45, 60), (0, 16), (0, 60), (0, 56), (56, 62),
        (57, 58), (0, 41), (0, 3), (41, 45), (0, 39), (68, 69), (0, 38), (69, 72), (2, 5), (68, 72), (0, 7), (58, 75),
        (39, 60), (0, 27), (58, 60), (39, 41), (0, 17), (0, 5), (0, 1), (15, 16), (57, 62), (0, 62), (56, 72),
        (56, 59), (40, 60), (5, 7), (0, 24), (0, 26), (61, 71), (0, 35), (58, 62), (56, 68), (56, 75), (0, 34),
        (47, 49), (39, 72), (56, 69), (15, 59), (0, 45), (0, 25), (0, 67), (42, 60), (58, 69), (58, 68), (32, 38),
        (2, 9), (40, 41), (58, 72), (55, 60), (60, 75), (60, 62), (39, 40), (39, 71), (53, 60), (57, 59), (41, 44),
        (43, 60), (39, 45), (0, 29), (62, 63), (0, 37), (44, 60), (60, 72), (0, 40), (0, 63), (58, 59), (41, 55),
        (0, 28), (56, 74), (57, 60), (39, 56), (0, 15), (58, 71), (39, 75), (2, 3), (60, 69), (41, 42), (0, 57),
        (0, 58), (44, 45), (48, 60), (17, 19), (60, 68), (64, 66), (62, 66), (41, 53), (41, 56), (63, 66), (0, 59),
        (1, 3), (39, 69), (45, 56), (46, 49), (69, 71), (0, 9), (1, 2), (39, 68), (0, 74), (46, 47), (41, 43),
        (71, 72), (16, 29), (41, 63), (0, 30), (0, 8), (62, 64), (45, 50), (0, 33), (15, 57), (16, 59), (0, 13),
        (0, 53), (63, 64), (57, 75), (59, 62), (0, 36), (40, 45), (39, 58), (0, 6), (68, 71), (58, 61), (58, 74),
        (56, 63), (16, 57), (16, 56), (34, 35), (42, 44), (41, 48), (0, 19), (2, 16), (50, 60), (0, 43), (0, 44),
        (15, 56), (69, 74), (32, 35), (45, 53), (3, 7), (45, 47), (2, 24), (24, 26), (41, 67), (0, 31), (0, 65),
        (40, 42), (5, 9), (45, 48), (16, 77),
    ];

    fn seen(color: [u8; 3], eye: &Matrix) -> Lab {
        let light = color.map(linear);
        let [r, g, b] = eye.map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum::<f32>().clamp(0.0, 1.0));
        Lab::from_color(LinSrgb::new(r, g, b))
    }

    /// The distance of two colours for the eye that tells them apart least.
    fn distance(a: [u8; 3], b: [u8; 3], eyes: &[Matrix]) -> f32 {
        eyes.iter().map(|eye| seen(a, eye).difference(seen(b, eye))).fold(f32::INFINITY, f32::min)
    }

    #[test]
    fn classes_that_share_photos_look_different() {
        for (a, b) in TOGETHER {
            let (normal, red_green) = (distance(color(a), color(b), NORMAL), distance(color(a), color(b), RED_GREEN));
            assert!(normal > 10.5 && red_green > 7.5, "classes {a} and {b}: {normal}, {red_green}");
        }
    }

    #[test]
    fn a_person_has_a_colour_of_its_own() {
        for id in 1..80 {
            let far = distance(color(0), color(id), RED_GREEN);
            assert!(far > 8.0, "class {id} is {far} from a person");
        }
    }

    #[test]
    fn classes_that_follow_each_other_differ() {
        for id in 0..160 {
            for next in id + 1..id + 5 {
                assert!(distance(color(id), color(next), RED_GREEN) > 7.0, "{id} and {next}");
            }
        }
    }

    #[test]
    fn no_two_colours_are_close() {
        for (i, &a) in PALETTE.iter().enumerate() {
            for &b in &PALETTE[..i] {
                let (normal, any) = (distance(a, b, NORMAL), distance(a, b, &EYES));
                assert!(normal > 10.5 && any > 6.0, "{a:?} and {b:?}: {normal}, {any}");
            }
        }
    }

    #[test]
    fn every_colour_is_used() {
        let used: std::collections::BTreeSet<_> = (0..80).map(color).collect();
        assert_eq!(used.len(), PALETTE.len());
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
