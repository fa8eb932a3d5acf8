//! A dataset as Ultralytics' YOLO has it: `data.yaml` with the names of the classes, and for each photo of `images/` a file in
//! `labels/` with a line for each object: class, center, width, height, as shares of the photo's sides.

use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Yaml};
use walkdir::WalkDir;

use super::{Category, Image, Object, Reader, Truth, TruthError};

pub(super) struct Yolo;

const NAMES: [&str; 2] = ["data.yaml", "data.yml"];

impl Reader for Yolo {
    fn fits(&self, path: &Path) -> bool {
        if path.is_dir() {
            return NAMES.iter().any(|name| path.join(name).is_file());
        }
        path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
    }

    fn read(&self, path: &Path) -> Result<Truth, TruthError> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let yaml: PathBuf = if path.is_dir() {
            NAMES.iter().map(|name| path.join(name)).find(|yaml| yaml.is_file()).unwrap_or_else(|| path.to_owned())
        } else {
            path.to_owned()
        };
        let text = fs::read_to_string(&yaml).map_err(|reason| TruthError::io(&yaml, reason))?;
        let categories = names(&text).map_err(|reason| TruthError::format(&yaml, reason))?;
        let mut truth = Truth { categories, is_relative: true, has_stems: true, ..Truth::default() };
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let at = error.path().unwrap_or(folder).to_owned();
                TruthError::format(&at, error.to_string())
            })?;
            if let Some(name) = image_name(folder, entry.path()) {
                labels(entry.path(), name, &mut truth)?;
            }
        }
        if truth.images.is_empty() {
            return Err(TruthError::format(folder, "no label files: expected .txt files in a folder labels/"));
        }
        Ok(truth)
    }
}

/// The names of the classes: a list, or a map from numbers.
fn names(text: &str) -> Result<Vec<Category>, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| format!("not YAML: {error}"))?;
    let expected = "names must be a list of labels, or a map from class numbers to labels";
    let names = documents.first().and_then(|document| document.as_mapping_get("names")).ok_or("it has no names")?;
    let label = |name: &Yaml<'_>| {
        let number = || name.as_integer().map(|number| number.to_string());
        name.as_str().map(str::to_owned).or_else(number).ok_or(expected)
    };
    let mut categories = Vec::new();
    if let Some(list) = names.as_vec() {
        for (id, name) in list.iter().enumerate() {
            categories.push(Category { id: id as i64, name: label(name)? });
        }
    } else if let Some(map) = names.as_mapping() {
        for (id, name) in map {
            let id = id.as_integer().or_else(|| id.as_str()?.parse().ok()).ok_or(expected)?;
            categories.push(Category { id, name: label(name)? });
        }
    } else {
        return Err(expected.to_owned());
    }
    Ok(categories)
}

/// What the photo of a label file is called, without its extension: beside `labels/` is `images/`.
fn image_name(folder: &Path, path: &Path) -> Option<String> {
    if path.extension()? != "txt" || !path.is_file() {
        return None;
    }
    let inside = path.strip_prefix(folder).ok()?.with_extension("");
    let mut parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let labels = parts.iter().rposition(|part| part == "labels").filter(|at| at + 1 < parts.len())?;
    parts[labels] = "images".to_owned();
    Some(parts.join("/"))
}

fn labels(path: &Path, name: String, truth: &mut Truth) -> Result<(), TruthError> {
    let image = truth.images.len();
    truth.images.push(Image { id: None, name, size: None });
    let text = fs::read_to_string(path).map_err(|reason| TruthError::io(path, reason))?;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (category, bbox) = object(line, &truth.categories)
            .map_err(|reason| TruthError::format(path, format!("line {}: {reason}", number + 1)))?;
        truth.objects.push(Object { image, category, bbox, area: None, is_crowd: false });
    }
    Ok(())
}

/// A class and its box: four numbers, perhaps with a score behind, or the corners of a polygon.
fn object(line: &str, categories: &[Category]) -> Result<(usize, [f64; 4]), String> {
    let mut fields = line.split_whitespace();
    let class = fields.next().unwrap_or_default();
    let id: i64 = class.parse().map_err(|_| format!("class {class:?} is not a whole number"))?;
    let category = categories.iter().position(|category| category.id == id);
    let category = category.ok_or_else(|| format!("class {id} has no name in data.yaml"))?;
    let numbers: Vec<f64> = fields
        .map(|field| field.parse().ok().filter(|number: &f64| number.is_finite()).ok_or(field))
        .collect::<Result<_, _>>()
        .map_err(|field| format!("{field:?} is not a number"))?;
    let bbox = match numbers[..] {
        [cx, cy, width, height] | [cx, cy, width, height, _] => [cx - width / 2.0, cy - height / 2.0, width, height],
        _ if numbers.len() >= 6 && numbers.len().is_multiple_of(2) => {
            let span = |first: usize| {
                let along = || numbers.iter().skip(first).step_by(2).copied();
                (along().fold(f64::INFINITY, f64::min), along().fold(f64::NEG_INFINITY, f64::max))
            };
            let ((left, right), (top, bottom)) = (span(0), span(1));
            [left, top, right - left, bottom - top]
        }
        _ => return Err(format!("{} numbers after the class; expected 4: center x, y, width, height", numbers.len())),
    };
    if bbox[2] < 0.0 || bbox[3] < 0.0 {
        return Err("a negative width or height".to_owned());
    }
    Ok((category, bbox))
}
