//! All of it for one model.

use std::sync::Arc;

use hotcoco::{Annotation, COCO, Dataset};
use serde::Serialize;

use crate::curve::{best, curve};
use crate::error::EvaluationError;
use crate::figures::{Sides, figures};
use crate::matches::{Match, Matches};
use crate::worst::worst;
use crate::{Figures, Operating, Point, Truth, Worst};

/// So many photos are named as the worst.
const WORST: usize = 10;

/// What a model found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// In which image of the truth.
    pub image: usize,
    /// Which category of the truth.
    pub category: usize,
    /// 0 to 1.
    pub score: f64,
    /// Left, top, right, bottom, in pixels.
    pub bbox: [f64; 4],
}

/// How well detections fit a truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Photos that were evaluated.
    pub photos: usize,
    /// Objects on them, crowds apart.
    pub objects: usize,
    /// Crowds on them.
    pub crowds: usize,
    /// Detections of a category of the truth.
    pub detections: usize,
    /// COCO's twelve.
    pub figures: Figures,
    /// The least score with the best F1 over all categories, at an IoU of 0.50.
    pub best: Option<Operating>,
    /// Precision, recall and F1 of all categories together, by the least score.
    pub curve: Vec<Point>,
    /// Each category that there are objects or detections of.
    pub classes: Vec<ClassResult>,
    /// The photos with most missed objects and false detections at the best least score.
    pub worst: Vec<Worst>,
}

/// A category by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassResult {
    /// What it is called in the truth.
    pub label: String,
    /// Its objects, crowds apart.
    pub objects: usize,
    /// Its detections.
    pub detections: usize,
    /// Average precision; `None` where there are no objects.
    pub ap: Option<f64>,
    /// At an IoU of 0.50.
    pub ap50: Option<f64>,
    /// Its own best least score.
    pub best: Option<Operating>,
}

/// Evaluates detections on some images of the truth, with their sizes where they are known otherwise than by the truth.
///
/// # Errors
/// [`EvaluationError`].
pub fn evaluate(
    truth: &Truth,
    images: &[(usize, Option<(u32, u32)>)],
    detections: &[Detection],
) -> Result<Evaluation, EvaluationError> {
    let mut sizes: Vec<Option<Option<(u32, u32)>>> = vec![None; truth.images.len()];
    for (image, size) in images {
        sizes[*image] = Some(*size);
    }
    let is_evaluated = |image: usize| sizes.get(image).is_some_and(Option::is_some);
    let objects = || truth.objects.iter().filter(|object| is_evaluated(object.image));
    let dataset = Dataset {
        images: (0..truth.images.len())
            .filter(|image| is_evaluated(*image))
            .map(|image| hotcoco::Image { id: image as u64 + 1, ..hotcoco::Image::default() })
            .collect(),
        categories: (truth.categories.iter().enumerate())
            .map(|(place, category)| hotcoco::Category {
                id: place as u64 + 1,
                name: category.name.clone(),
                ..hotcoco::Category::default()
            })
            .collect(),
        annotations: objects()
            .enumerate()
            .map(|(place, object)| {
                let size = sizes[object.image].flatten().or(truth.images[object.image].size);
                if truth.is_relative && size.is_none() {
                    return Err(EvaluationError::UnknownSize(truth.images[object.image].name.clone()));
                }
                let bbox = object.in_pixels(truth.is_relative, size.unwrap_or_default());
                Ok(Annotation {
                    id: place as u64 + 1,
                    image_id: object.image as u64 + 1,
                    category_id: object.category as u64 + 1,
                    area: Some(object.area.unwrap_or(bbox[2] * bbox[3])),
                    bbox: Some(bbox),
                    iscrowd: object.is_crowd,
                    ..Annotation::default()
                })
            })
            .collect::<Result<_, _>>()?,
        ..Dataset::default()
    };
    let found = || detections.iter().filter(|found| is_evaluated(found.image));
    let rows = found()
        .map(|&Detection { image, category, score, bbox: [x1, y1, x2, y2] }| Annotation {
            image_id: image as u64 + 1,
            category_id: category as u64 + 1,
            bbox: Some([x1, y1, x2 - x1, y2 - y1]),
            score: Some(score),
            ..Annotation::default()
        })
        .collect();
    let known = COCO::from_dataset(dataset);
    let sides = Sides { found: Arc::new(known.load_res_anns(rows)?), truth: Arc::new(known) };
    let (figures, of_categories) = figures(&sides, truth.categories.len())?;
    let matches = Matches::of(&sides)?;

    let all: Vec<&Match> = matches.detections.iter().collect();
    let crowds = objects().filter(|object| object.is_crowd).count();
    let count = objects().count() - crowds;
    let best_of_all = best(&all, count);
    let mut by_category: Vec<(usize, Vec<&Match>)> = vec![(0, Vec::new()); truth.categories.len()];
    matches.objects.iter().for_each(|(_, category, objects)| by_category[*category].0 += objects);
    all.iter().for_each(|found| by_category[found.category].1.push(found));
    let mut counts = vec![0; truth.categories.len()];
    found().for_each(|found| counts[found.category] += 1);
    let class = |(place, (objects, found)): (usize, &(usize, Vec<&Match>))| ClassResult {
        label: truth.categories[place].name.clone(),
        objects: *objects,
        detections: counts[place],
        ap: of_categories[place].ap,
        ap50: of_categories[place].ap50,
        best: best(found, *objects),
    };
    let classes = by_category.iter().enumerate().map(class);
    let least = best_of_all.map_or(f64::INFINITY, |best| best.confidence);
    Ok(Evaluation {
        photos: images.len(),
        objects: count,
        crowds,
        detections: found().count(),
        figures,
        best: best_of_all,
        curve: curve(&all, count),
        classes: classes.filter(|class| class.objects > 0 || class.detections > 0).collect(),
        worst: worst(&matches, least, WORST, |image| truth.images[image].name.clone()),
    })
}
