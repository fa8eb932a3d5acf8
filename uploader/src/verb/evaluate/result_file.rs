//! Results of an earlier run, in a file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evaluation::{Named, Row, read_results};
use wire::ModelRef;

use super::ground_truth::GroundTruth;
use super::target_results::{Labelled, TargetResults};

/// A file as it was read: photos by their place among `named`, or by their number in the truth.
#[derive(Default)]
struct Contents {
    named: Vec<Named>,
    places: HashMap<String, usize>,
    /// Of each named photo its size; nothing where it has failed.
    looked: Vec<Option<Option<(u32, u32)>>>,
    rows: Vec<(Place, Labelled)>,
    /// COCO results: photos without objects have no place in it.
    is_list: bool,
    /// Its categories that the truth does not have.
    unknown: HashSet<i64>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Named(usize),
    Image(usize),
}

/// Reads a file of results.
pub(super) async fn read(name: String, path: PathBuf, ground_truth: &GroundTruth) -> Result<TargetResults> {
    let ids: HashMap<i64, usize> =
        ground_truth.truth.images.iter().enumerate().filter_map(|(place, image)| Some((image.id?, place))).collect();
    let categories: HashMap<i64, String> =
        ground_truth.truth.categories.iter().map(|category| (category.id, category.name.clone())).collect();
    let title = path.display().to_string();
    let target_results = TargetResults::new(name.clone(), title, None, None);
    let read = tokio::task::spawn_blocking(move || contents(&path, target_results, &ids, &categories)).await?;
    let (contents, mut target_results) = read.context("--results")?;
    let (images, notes) = if contents.named.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        ground_truth.paired(&contents.named, !contents.is_list).with_context(|| format!("--results {name}"))?
    };
    target_results.notes.extend(notes);
    if !contents.unknown.is_empty() && !ground_truth.is_chosen {
        target_results
            .notes
            .push(format!("{} category ids are not in the truth and count for nothing", contents.unknown.len()));
    }
    let image = |place: Place| match place {
        Place::Named(named) => images.get(named).copied().flatten(),
        Place::Image(image) => Some(image),
    };
    target_results.found = (contents.rows.into_iter())
        .filter_map(|(place, labelled)| Some(Labelled { image: image(place)?, ..labelled }))
        .collect();
    target_results.images = if contents.is_list {
        (0..ground_truth.truth.images.len()).map(|image| (image, None)).collect()
    } else {
        let looked = contents.looked.into_iter().enumerate();
        looked.filter_map(|(place, size)| Some((image(Place::Named(place))?, size?))).collect()
    };
    Ok(target_results)
}
fn contents(
    path: &Path,
    mut target_results: TargetResults,
    ids: &HashMap<i64, usize>,
    categories: &HashMap<i64, String>,
) -> Result<(Contents, TargetResults)> {
    // Only a list has no lines: an empty one is a list, too.
    let mut contents = Contents { is_list: true, ..Contents::default() };
    read_results(path, &mut |row| {
        match row {
            Row::Photo { name, size, boxes, model, ms } => {
                contents.is_list = false;
                let (place, is_new) = contents.place(name);
                // Photos are delivered at least once: the first line counts.
                if !is_new {
                    return Ok(());
                }
                let Some(boxes) = boxes else {
                    *target_results.failures.entry("failed".to_owned()).or_default() += 1;
                    return Ok(());
                };
                contents.looked[place] = Some(size);
                for found in boxes {
                    let label = target_results.seen.number(&found.label);
                    let labelled = Labelled { image: 0, label, score: found.score, bbox: found.bbox };
                    contents.rows.push((Place::Named(place), labelled));
                }
                let model = ModelRef { name: model.unwrap_or_default(), ..ModelRef::default() };
                if !target_results.models.contains(&model) {
                    target_results.models.push(model);
                }
                target_results.ms.extend(ms);
            }
            Row::Object { image_id, name, category_id, score, bbox } => {
                let place = match (name, image_id.and_then(|id| ids.get(&id))) {
                    (Some(name), _) => Place::Named(contents.place(name).0),
                    (None, Some(image)) => Place::Image(*image),
                    (None, None) => {
                        let id = image_id.map_or_else(|| "none".to_owned(), |id| id.to_string());
                        return Err(format!("image_id {id} is not in the truth"));
                    }
                };
                let Some(label) = categories.get(&category_id) else {
                    contents.unknown.insert(category_id);
                    return Ok(());
                };
                let label = target_results.seen.number(label);
                contents.rows.push((place, Labelled { image: 0, label, score, bbox }));
            }
        }
        Ok(())
    })?;
    Ok((contents, target_results))
}

impl Contents {
    /// The place of a photo among those with names, and whether it is the first time.
    fn place(&mut self, name: String) -> (usize, bool) {
        if let Some(place) = self.places.get(&name) {
            return (*place, false);
        }
        let place = self.named.len();
        self.named.push(Named { path: name.clone(), name: name.clone() });
        self.looked.push(None);
        self.places.insert(name, place);
        (place, true)
    }
}
