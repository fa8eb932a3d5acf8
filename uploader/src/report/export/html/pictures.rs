//! The photos in which two targets found different boxes, small, with the boxes of both.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use detector::annotate::{QUALITY, jpeg};
use detector::{Limits, Photo};
use wire::{Answer, FoundObject};

use super::chart::Ink;
use super::escaped;
use crate::report::comparison::{Comparison, Disagreement, Pair};

/// So many photos are shown; the rest is in the JSON report.
const MOST: usize = 12;
/// Their longer side in pixels.
const SIDE: u32 = 480;
/// So many objects are named below a photo.
const NAMES: usize = 6;

/// A section for each pair that differs.
pub(super) fn differences(comparison: &Comparison) -> String {
    let pairs = comparison.pairs.iter().filter(|pair| !pair.boxes.different.is_empty());
    pairs.map(|pair| section(comparison, pair)).collect()
}

fn section(comparison: &Comparison, pair: &Pair) -> String {
    let [first, second] = [&pair.first, &pair.second].map(|name| {
        let place = comparison.targets.iter().position(|target| target.name == *name).unwrap_or_default();
        (format!("<code>{}</code>", escaped(name)), place)
    });
    let mut text = format!("<section>\n<h2>Different boxes: {} and {}</h2>\n<ul class=\"legend\">", first.0, second.0);
    for (name, line, place) in [(&first.0, "solid", first.1), (&second.0, "dashed", second.1)] {
        let ink = Ink::series(place).variable();
        let _ = write!(text, "<li><i style=\"background:{ink}\"></i>only {name} ({line})</li>");
    }
    text += "<li>thin: both</li></ul>\n<div class=\"shots\">\n";
    for different in pair.boxes.different.iter().take(MOST) {
        text += &shot(comparison, different, (&first.0, first.1), (&second.0, second.1));
    }
    text += "</div>\n";
    let more = pair.boxes.different.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(text, "<p class=\"note\">and {more} more, in the JSON report</p>");
    }
    text + "</section>\n"
}

fn shot(comparison: &Comparison, different: &Disagreement, first: (&str, usize), second: (&str, usize)) -> String {
    let name = escaped(&different.photo);
    let mut picture = String::new();
    if let Some((path, answer)) = found(comparison, &different.photo, first.1) {
        let image = thumbnail(path).map_or_else(String::new, |jpeg| {
            format!("<img alt=\"{name}\" src=\"data:image/jpeg;base64,{}\">", STANDARD.encode(jpeg))
        });
        let (width, height) = (answer.image.width, answer.image.height);
        // Without its photo, the picture has its shape all the same.
        let ratio = format!("aspect-ratio:{width}/{height}");
        let same = answer.detections.iter().filter(|object| !different.first_objects.contains(object));
        let boxes = rects(same, "same", "")
            + &rects(&different.first_objects, "first", &Ink::series(first.1).variable())
            + &rects(&different.second_objects, "second", &Ink::series(second.1).variable());
        let _ = write!(
            picture,
            "<div class=\"shot\" style=\"{ratio}\">{image}<svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">{boxes}</svg></div>"
        );
    }
    let only = |(name, _): (&str, usize), objects: &[FoundObject]| {
        (!objects.is_empty()).then(|| format!("; only {name}: {}", named(objects)))
    };
    let only = [only(first, &different.first_objects), only(second, &different.second_objects)];
    let only: String = only.into_iter().flatten().collect();
    // Its whole path is said by the picture, and in the verdict.
    let file =
        Path::new(&different.photo).file_name().map_or_else(|| name.clone(), |file| escaped(&file.to_string_lossy()));
    format!("<figure>{picture}<figcaption>{file}{only}</figcaption></figure>\n")
}

/// The photo's path and what a target found in it.
fn found<'a>(comparison: &'a Comparison, photo: &str, target: usize) -> Option<(&'a Path, &'a Answer)> {
    let mut samples = comparison.samples.iter().filter(|sample| sample.target == target && sample.run == 1);
    let sample = samples.find(|sample| sample.photo() == photo)?;
    Some((&sample.record.photo, sample.answer()?))
}

/// `None` where the photo is not there any more.
fn thumbnail(path: &Path) -> Option<Vec<u8>> {
    let limits = Limits::default();
    let photo = Photo::decode(&fs::read(path).ok()?, &limits).ok()?;
    let pixels = photo.pixels();
    let scale = f64::from(SIDE) / f64::from(pixels.width().max(pixels.height()));
    let shrunk = |side: u32| ((f64::from(side) * scale).round() as u32).clamp(1, side.max(1));
    let small = image::imageops::thumbnail(pixels, shrunk(pixels.width()), shrunk(pixels.height()));
    jpeg(&small, QUALITY).ok()
}

fn rects<'a>(objects: impl IntoIterator<Item = &'a FoundObject>, class: &str, ink: &str) -> String {
    let mut text = String::new();
    let stroke = if ink.is_empty() { String::new() } else { format!(" stroke=\"{ink}\"") };
    for object in objects {
        let [x1, y1, x2, y2] = object.bbox;
        let (width, height) = ((x2 - x1).max(0.0), (y2 - y1).max(0.0));
        let _ = write!(
            text,
            "<rect class=\"{class}\"{stroke} x=\"{x1}\" y=\"{y1}\" width=\"{width:.2}\" height=\"{height:.2}\"/>"
        );
    }
    text
}

fn named(objects: &[FoundObject]) -> String {
    let mut names: Vec<String> =
        objects.iter().take(NAMES).map(|object| format!("{} {:.2}", escaped(&object.label), object.score)).collect();
    let more = objects.len().saturating_sub(NAMES);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::super::comparison::tests::{comparison, differing};
    use super::*;

    #[test]
    fn the_same_boxes_need_no_pictures() {
        assert_eq!(differences(&comparison()), "");
    }

    #[test]
    fn boxes_of_both_lie_on_the_photo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("<b>.png");
        image::RgbImage::new(640, 480).save(&path).unwrap();
        let text = differences(&differing(&path.display().to_string()));
        for part in [
            "<h2>Different boxes: <code>here</code> and <code>there</code></h2>",
            "src=\"data:image/jpeg;base64,",
            "viewBox=\"0 0 640 480\"",
            "<rect class=\"first\" stroke=\"var(--series0)\"",
            "<rect class=\"second\" stroke=\"var(--series1)\"",
            "only <code>here</code>: cat 0.90; only <code>there</code>: dog 0.80</figcaption>",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(!text.contains("<b>"), "{text}");
    }

    #[test]
    fn a_photo_that_is_gone_leaves_its_boxes() {
        let text = differences(&differing("/nowhere.jpg"));
        assert!(!text.contains("<img") && text.contains("<rect class=\"first\""), "{text}");
    }
}
