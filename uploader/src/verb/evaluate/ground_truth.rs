//! The truth, and what of photos and labels belongs to it.

use anyhow::{Result, bail};
use evaluation::{Labels, Named, Truth, pair};

use crate::photo::{Found, Source};
use crate::report::counted;

/// So many of many names are told.
const TOLD: usize = 3;

pub(super) struct GroundTruth {
    pub(super) truth: Truth,
    pub(super) labels: Labels,
    /// Only some of its categories are wanted: what else a model finds is nobody's business.
    pub(super) is_chosen: bool,
    /// What has to be known beside the figures.
    pub(super) notes: Vec<String>,
    /// Entries that cannot be read and that may be photos of the truth.
    pub(super) unreadable: usize,
}

impl GroundTruth {
    /// The truth, or what of it is of some classes.
    pub(super) fn new(mut truth: Truth, classes: Option<&[String]>) -> Result<Self> {
        if let Some(classes) = classes {
            let labels = Labels::of(&truth.categories);
            let mut wanted = Vec::new();
            for class in classes {
                match labels.category(class) {
                    Some(category) => wanted.push(truth.categories[category].id),
                    None => bail!("--classes {class}: the truth has no such category; it has {}", categories(&truth)),
                }
            }
            truth.retain(|category| wanted.contains(&category.id));
        }
        let (labels, notes) = (Labels::of(&truth.categories), truth.notes.clone());
        let mut ground_truth = Self { truth, labels, is_chosen: classes.is_some(), notes, unreadable: 0 };
        if ground_truth.truth.objects.is_empty() {
            ground_truth.notes.push("the truth has no objects: there is nothing to tell AP or recall from".to_owned());
        }
        Ok(ground_truth)
    }

    /// The photos that are in the truth, and which of its images each is. What belongs to neither side is told.
    pub(super) fn photos(&mut self, found: Vec<Found>) -> Result<(Vec<Found>, Vec<usize>)> {
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let named: Vec<Named> =
            found.iter().map(|found| Named { path: text(&found.path), name: text(&found.name) }).collect();
        let (images, notes) = self.paired(&named, true)?;
        self.notes.extend(notes);
        let mut photos = (Vec::new(), Vec::new());
        for (found, image) in found.into_iter().zip(images) {
            match image {
                Some(image) => {
                    photos.0.push(found);
                    photos.1.push(image);
                }
                None => self.unreadable += usize::from(matches!(found.source, Source::Fault { .. })),
            }
        }
        Ok(photos)
    }

    /// Which image of the truth each photo is, and what is to be told of it. `is_complete`: an image that is not among the
    /// photos is missing.
    pub(super) fn paired(&self, photos: &[Named], is_complete: bool) -> Result<(Vec<Option<usize>>, Vec<String>)> {
        let truth = &self.truth;
        let pairing = pair(&truth.images, photos, truth.has_stems);
        let image = |image: &usize| truth.images[*image].name.clone();
        if pairing.images.iter().all(Option::is_none) {
            let first = |name: Option<String>| name.map_or_else(String::new, |name| format!(" (the first: {name})"));
            let (given, known) = (photos.first().map(|photo| photo.path.clone()), truth.images.first());
            bail!(
                "no photo is in the truth{}; none of its {} is among the photos{}. They are matched by file name",
                first(given),
                counted(truth.images.len() as u64, "image"),
                first(known.map(|image| image.name.clone()))
            );
        }
        let mut notes = Vec::new();
        let mut note = |names: Vec<String>, one: &str, several: &str| {
            if !names.is_empty() {
                let what = if names.len() == 1 { one } else { several };
                notes.push(format!("{} {what}: {}", names.len(), some(&names)));
            }
        };
        let extra = photos.iter().zip(&pairing.images).filter(|(_, image)| image.is_none());
        note(
            extra.map(|(photo, _)| photo.path.clone()).collect(),
            "photo is not in the truth and was left out",
            "photos are not in the truth and were left out",
        );
        note(
            pairing.missing.iter().filter(|_| is_complete).map(image).collect(),
            "image of the truth is not among the photos",
            "images of the truth are not among the photos",
        );
        note(
            pairing.ambiguous.iter().map(image).collect(),
            "image of the truth was left out: which photo it is cannot be told by its name",
            "images of the truth were left out: which photos they are cannot be told by their names",
        );
        Ok((pairing.images, notes))
    }

    /// Refuses a model that has no label in common with the truth.
    pub(super) fn check_labels(&self, labels: &[String]) -> Result<()> {
        if labels.iter().any(|label| self.labels.category(label).is_some()) {
            return Ok(());
        }
        bail!(
            "no label of the model is a category of the truth; the model has {}; the truth has {}",
            some(labels),
            categories(&self.truth)
        );
    }

    /// Categories with objects that a model with these labels cannot find.
    pub(super) fn beyond(&self, labels: &[String]) -> Vec<String> {
        let mut reached = vec![false; self.truth.categories.len()];
        labels.iter().filter_map(|label| self.labels.category(label)).for_each(|category| reached[category] = true);
        let mut wanted = vec![false; reached.len()];
        self.truth.objects.iter().for_each(|object| wanted[object.category] = true);
        let names = self.truth.categories.iter().zip(wanted.iter().zip(&reached));
        names
            .filter(|(_, (wanted, reached))| **wanted && !**reached)
            .map(|(category, _)| category.name.clone())
            .collect()
    }
}

fn categories(truth: &Truth) -> String {
    some(&truth.categories.iter().map(|category| category.name.clone()).collect::<Vec<_>>())
}

/// The first of many names.
pub(super) fn some(names: &[String]) -> String {
    let told = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > TOLD { format!("{told}, …") } else { told }
}
