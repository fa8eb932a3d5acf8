//! Pascal VOC: an XML file for each photo. Coordinates are pixels counted from 1, both ends included. Objects that are marked
//! difficult count for nothing, as in VOC's own evaluation.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use quick_xml::Reader as Xml;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use walkdir::{DirEntry, WalkDir};

use super::{Category, Image, Object, Reader, Truth, TruthError};

pub(super) struct Voc;

impl Reader for Voc {
    fn fits(&self, path: &Path) -> bool {
        if path.is_dir() { files(path).flatten().next().is_some() } else { is_xml(path) }
    }

    fn read(&self, path: &Path) -> Result<Truth, TruthError> {
        let mut truth = Truth::default();
        for entry in files(path) {
            let entry = entry.map_err(|error| {
                let at = error.path().unwrap_or(path).to_owned();
                TruthError::format(&at, error.to_string())
            })?;
            let file = File::open(entry.path()).map_err(|reason| TruthError::io(entry.path(), reason))?;
            let annotation =
                annotation(BufReader::new(file)).map_err(|reason| TruthError::format(entry.path(), reason))?;
            add(annotation, entry.path(), &mut truth)?;
        }
        Ok(truth)
    }
}

fn is_xml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"))
}

fn files(path: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let is_wanted = |entry: &walkdir::Result<DirEntry>| {
        entry.as_ref().map_or(true, |entry| entry.file_type().is_file() && is_xml(entry.path()))
    };
    WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter(is_wanted)
}

#[derive(Debug, Default)]
struct Annotation {
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
    objects: Vec<Found>,
}

#[derive(Debug, Default)]
struct Found {
    label: String,
    /// xmin, ymin, xmax, ymax.
    corners: [Option<f64>; 4],
    is_difficult: bool,
}

/// The texts of one file, by the path of their elements.
fn annotation(from: impl BufRead) -> Result<Annotation, String> {
    let mut xml = Xml::from_reader(from);
    let mut found = Annotation::default();
    let (mut path, mut text, mut buffer): (Vec<String>, String, Vec<u8>) = (Vec::new(), String::new(), Vec::new());
    loop {
        let failed = |error: &dyn std::fmt::Display, at: u64| format!("not XML: {error} at byte {at}");
        let event = xml.read_event_into(&mut buffer).map_err(|error| failed(&error, xml.error_position()))?;
        match event {
            Event::Start(start) => {
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
                if path.iter().map(String::as_str).eq(["annotation", "object"]) {
                    found.objects.push(Found::default());
                }
            }
            Event::Text(part) => {
                text +=
                    &unescape(&part.decode().map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
            }
            Event::CData(part) => text += &part.decode().map_err(|error| error.to_string())?,
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| error.to_string())?;
                text += &unescape(&format!("&{name};")).map_err(|error| error.to_string())?;
            }
            Event::End(_) => {
                let path_here: Vec<&str> = path.iter().map(String::as_str).collect();
                take(&path_here, text.trim(), &mut found)?;
                path.pop();
                text.clear();
            }
            Event::Eof => break,
            _ => {}
        }
        buffer.clear();
    }
    if path.is_empty() { Ok(found) } else { Err(format!("not XML: <{}> is not closed", path.join("><"))) }
}

fn take(path: &[&str], text: &str, found: &mut Annotation) -> Result<(), String> {
    let number = || text.parse::<f64>().ok().filter(|number| number.is_finite());
    let side = || number().filter(|side| (1.0..4e9).contains(side)).map(|side| side as u32);
    match (path, found.objects.last_mut()) {
        (["annotation", "filename"], _) => found.file_name = text.replace('\\', "/"),
        (["annotation", "size", "width"], _) => found.width = side(),
        (["annotation", "size", "height"], _) => found.height = side(),
        (["annotation", "object", "name"], Some(object)) => object.label = text.to_owned(),
        (["annotation", "object", "difficult"], Some(object)) => object.is_difficult = text != "0" && !text.is_empty(),
        (["annotation", "object", "bndbox", corner], Some(object)) => {
            if let Some(place) = ["xmin", "ymin", "xmax", "ymax"].iter().position(|name| name == corner) {
                let value = number().ok_or_else(|| format!("{corner} {text:?} is not a number"))?;
                object.corners[place] = Some(value);
            }
        }
        _ => {}
    }
    Ok(())
}

fn add(annotation: Annotation, path: &Path, truth: &mut Truth) -> Result<(), TruthError> {
    let Annotation { file_name: name, width, height, objects } = annotation;
    if name.is_empty() {
        return Err(TruthError::format(path, "it names no photo: expected <annotation><filename>"));
    }
    let image = truth.images.len();
    truth.images.push(Image { id: None, name, size: width.zip(height) });
    for Found { label, corners, is_difficult } in objects {
        let [Some(left), Some(top), Some(right), Some(bottom)] = corners else {
            return Err(TruthError::format(path, format!("an object {label:?} lacks xmin, ymin, xmax or ymax")));
        };
        let bbox = [left - 1.0, top - 1.0, right - left + 1.0, bottom - top + 1.0];
        if label.is_empty() || bbox[2] < 0.0 || bbox[3] < 0.0 {
            return Err(TruthError::format(path, format!("an object {label:?} has no name, or ends before it begins")));
        }
        let known = truth.categories.iter().position(|category| category.name == label);
        let category = known.unwrap_or_else(|| {
            truth.categories.push(Category { id: truth.categories.len() as i64 + 1, name: label });
            truth.categories.len() - 1
        });
        truth.objects.push(Object { image, category, bbox, area: None, is_crowd: is_difficult });
    }
    Ok(())
}
