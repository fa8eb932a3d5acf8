//! The tables of an evaluation, as text: the same on a terminal, in Markdown and in HTML.

use evaluation::{ClassResult, Figures, Operating};

use super::{Assessed, EvaluationReport};
use crate::report::comparison::{Table, dollars, number};

const NONE: &str = "-";

/// What a figure is called, and which it is.
type Figure = (&'static str, fn(&Figures) -> Option<f64>);

/// COCO's figures.
const FIGURES: [Figure; 12] = [
    ("AP, IoU 0.50:0.95", |figures| figures.ap),
    ("AP50, IoU 0.50", |figures| figures.ap50),
    ("AP75, IoU 0.75", |figures| figures.ap75),
    ("AP small", |figures| figures.ap_small),
    ("AP medium", |figures| figures.ap_medium),
    ("AP large", |figures| figures.ap_large),
    ("AR, 1 detection", |figures| figures.ar1),
    ("AR, 10 detections", |figures| figures.ar10),
    ("AR, 100 detections", |figures| figures.ar100),
    ("AR small", |figures| figures.ar_small),
    ("AR medium", |figures| figures.ar_medium),
    ("AR large", |figures| figures.ar_large),
];

/// A share in points, 0 to 100.
pub(crate) fn points(share: Option<f64>) -> String {
    share.map_or_else(|| NONE.to_owned(), |share| format!("{:.2}", share * 100.0))
}

/// A score or a share.
fn share(share: f64) -> String {
    format!("{share:.3}")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A row for each target: what it finds, how fast, at what price.
pub(crate) fn assessments(report: &EvaluationReport) -> Table {
    let row = |target: &Assessed| {
        let figures = &target.evaluation.figures;
        let or_none = |value: Option<String>| value.unwrap_or_else(|| NONE.to_owned());
        let models: Vec<&str> = target.models.iter().map(|model| model.name.as_str()).collect();
        vec![
            target.name.clone(),
            or_none((!models.is_empty()).then(|| models.join(", "))),
            target.evaluation.photos.to_string(),
            points(figures.ap),
            points(figures.ap50),
            or_none(target.ms_per_photo.map(number)),
            or_none(target.dollars_per_1000.map(dollars)),
        ]
    };
    let mut notes = vec!["AP in points, 0 to 100".to_owned()];
    if report.targets.iter().any(|target| target.ms_per_photo.is_some()) {
        notes.push("ms: the function's own, median".to_owned());
    }
    let memories: Vec<u32> = report.targets.iter().filter_map(|target| target.memory_mb).collect();
    if let (Some(least), Some(most)) = (memories.iter().min(), memories.iter().max()) {
        let rates = &report.rates;
        let memory = if least == most { least.to_string() } else { format!("{least} to {most}") };
        notes.push(format!(
            "dollars: Lambda's list prices of {}, {}, {memory} MB, {}; for targets on this machine, what their speed would \
             cost there",
            rates.list_of, rates.region, rates.architecture
        ));
    }
    Table {
        title: "Average precision".to_owned(),
        header: words(&["", "model", "photos", "AP", "AP50", "ms per photo", "$ per 1000"]),
        rows: report.targets.iter().map(row).collect(),
        note: Some(notes.join("; ")),
    }
}

/// All other tables.
pub(crate) fn tables(report: &EvaluationReport) -> Vec<Table> {
    let mut tables = vec![figures(report), thresholds(report)];
    tables.extend(report.targets.iter().map(|target| classes(report, target)));
    tables.extend(report.targets.iter().filter_map(|target| worst(report, target)));
    tables
}

/// The title of a target's own table.
fn titled(report: &EvaluationReport, title: &str, target: &Assessed) -> String {
    if report.targets.len() == 1 { title.to_owned() } else { format!("{title}: {}", target.name) }
}

fn figures(report: &EvaluationReport) -> Table {
    let mut header = vec!["points".to_owned()];
    header.extend(report.targets.iter().map(|target| target.name.clone()));
    let row = |(name, of): &Figure| {
        let cells = report.targets.iter().map(|target| points(of(&target.evaluation.figures)));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    Table {
        title: "COCO figures".to_owned(),
        header,
        rows: FIGURES.iter().map(row).collect(),
        note: Some(
            "as pycocotools counts: small below 32 x 32 pixels, medium below 96 x 96; AR: recall with so many detections \
             per photo and category"
                .to_owned(),
        ),
    }
}

fn thresholds(report: &EvaluationReport) -> Table {
    let row = |target: &Assessed| {
        let mut row = vec![target.name.clone()];
        match &target.evaluation.best {
            Some(best) => {
                row.extend([best.confidence, best.precision, best.recall, best.f1].map(share));
                row.extend(
                    [best.true_positives, best.false_negatives, best.false_positives].map(|count| count.to_string()),
                );
            }
            None => row.extend(vec![NONE.to_owned(); 7]),
        }
        row
    };
    Table {
        title: "Best confidence".to_owned(),
        header: words(&["", "confidence", "precision", "recall", "F1", "found", "missed", "false"]),
        rows: report.targets.iter().map(row).collect(),
        note: Some("the confidence with the highest F1, all classes together, at IoU 0.50".to_owned()),
    }
}

fn classes(report: &EvaluationReport, target: &Assessed) -> Table {
    let mut classes: Vec<&ClassResult> = target.evaluation.classes.iter().collect();
    // The commonest first.
    classes.sort_by(|a, b| b.objects.cmp(&a.objects).then_with(|| a.label.cmp(&b.label)));
    let row = |class: &&ClassResult| {
        let best = |of: fn(&Operating) -> f64| class.best.map_or_else(|| NONE.to_owned(), |best| share(of(&best)));
        vec![
            class.label.clone(),
            class.objects.to_string(),
            points(class.ap),
            points(class.ap50),
            best(|best| best.confidence),
            best(|best| best.precision),
            best(|best| best.recall),
            best(|best| best.f1),
        ]
    };
    Table {
        title: titled(report, "Classes", target),
        header: words(&["class", "objects", "AP", "AP50", "confidence", "precision", "recall", "F1"]),
        rows: classes.iter().map(row).collect(),
        note: Some("confidence, precision, recall and F1: each class at its own best confidence".to_owned()),
    }
}

fn worst(report: &EvaluationReport, target: &Assessed) -> Option<Table> {
    let row = |photo: &evaluation::Worst| {
        let counts = [photo.false_negatives, photo.false_positives, photo.true_positives];
        std::iter::once(photo.photo.clone()).chain(counts.map(|count| count.to_string())).collect()
    };
    let rows: Vec<Vec<String>> = target.evaluation.worst.iter().map(row).collect();
    (!rows.is_empty()).then(|| Table {
        title: titled(report, "Worst photos", target),
        header: words(&["photo", "missed", "false", "found"]),
        rows,
        note: Some("most missed objects and false detections at the best confidence".to_owned()),
    })
}
