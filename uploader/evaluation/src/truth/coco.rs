//! COCO's `instances.json`: images, annotations, categories. What else it holds (segmentations, licences) is not kept.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::{Deserialize, Deserializer};

use super::{Category, Image, Object, Reader, Truth, TruthError};

pub(super) struct Coco;

#[derive(Deserialize)]
struct Dataset {
    images: Vec<ImageEntry>,
    annotations: Vec<Annotation>,
    categories: Vec<CategoryEntry>,
}

#[derive(Deserialize)]
struct ImageEntry {
    id: i64,
    file_name: String,
    #[serde(default)]
    width: Option<f64>,
    #[serde(default)]
    height: Option<f64>,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    id: Option<i64>,
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    bbox: Option<Vec<f64>>,
    #[serde(default)]
    area: Option<f64>,
    #[serde(default, deserialize_with = "flag")]
    iscrowd: bool,
}

#[derive(Deserialize)]
struct CategoryEntry {
    id: i64,
    name: String,
}

/// 0 and 1, or false and true.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Truth(bool),
        Number(f64),
    }
    Ok(match Option::<Flag>::deserialize(deserializer)? {
        Some(Flag::Truth(truth)) => truth,
        Some(Flag::Number(number)) => number != 0.0,
        None => false,
    })
}

impl Reader for Coco {
    fn fits(&self, path: &Path) -> bool {
        path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    }

    fn read(&self, path: &Path) -> Result<Truth, TruthError> {
        let failed = |reason| TruthError::io(path, reason);
        let mut from = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?);
        let begins = from.fill_buf().map_err(failed)?.iter().copied().find(|byte| !byte.is_ascii_whitespace());
        if begins == Some(b'[') {
            let reason = "a list, as COCO results are; a ground truth has images, annotations and categories";
            return Err(TruthError::format(path, reason));
        }
        let dataset: Dataset = serde_json::from_reader(from)
            .map_err(|error| TruthError::format(path, format!("not a COCO ground truth: {error}")))?;
        truth(dataset).map_err(|reason| TruthError::format(path, reason))
    }
}

fn truth(dataset: Dataset) -> Result<Truth, String> {
    let mut truth = Truth::default();
    let mut entries = dataset.images;
    // As pycocotools goes through them, which decides where scores are equal.
    entries.sort_by_key(|entry| entry.id);
    let mut images = HashMap::with_capacity(entries.len());
    for ImageEntry { id, file_name, width, height } in entries {
        if images.insert(id, truth.images.len()).is_some() {
            return Err(format!("two images have the id {id}"));
        }
        let side = |side: Option<f64>| side.filter(|side| (1.0..4e9).contains(side)).map(|side| side as u32);
        let name = file_name.replace('\\', "/");
        truth.images.push(Image { id: Some(id), name, size: side(width).zip(side(height)) });
    }
    let mut categories = HashMap::with_capacity(dataset.categories.len());
    for CategoryEntry { id, name } in dataset.categories {
        if categories.insert(id, truth.categories.len()).is_some() {
            return Err(format!("two categories have the id {id}"));
        }
        truth.categories.push(Category { id, name });
    }
    let (mut homeless, mut nameless) = (0_usize, 0_usize);
    for (place, annotation) in dataset.annotations.into_iter().enumerate() {
        let called = || annotation.id.map_or_else(|| format!("annotations[{place}]"), |id| format!("annotation {id}"));
        let Some(&[x, y, width, height]) = annotation.bbox.as_deref() else {
            return Err(format!("{}: bbox must be four numbers: x, y, width, height", called()));
        };
        let bbox = [x, y, width, height];
        if width < 0.0 || height < 0.0 || !bbox.iter().all(|number| number.is_finite()) {
            return Err(format!("{}: bbox {bbox:?} has a negative width or height", called()));
        }
        let (image, category) = (images.get(&annotation.image_id), categories.get(&annotation.category_id));
        let (Some(&image), Some(&category)) = (image, category) else {
            if image.is_none() {
                homeless += 1
            } else {
                nameless += 1
            }
            continue;
        };
        truth.objects.push(Object { image, category, bbox, area: annotation.area, is_crowd: annotation.iscrowd });
    }
    for (count, what) in [(homeless, "image"), (nameless, "category")] {
        if count > 0 {
            truth.notes.push(format!("annotations ignored because the truth does not list their {what}: {count}"));
        }
    }
    Ok(truth)
}
