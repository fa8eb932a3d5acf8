//! An evaluation as a page.

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use evaluation::Point;

use super::chart::Ink;
use super::charts::figure;
use super::graph::{Graph, Mark, Series};
use super::{circumstances, escaped, foot, head, model, section};
use crate::report::evaluation::{Assessed, EvaluationReport, assessments, points, tables};

/// What a line is called, and how high it is.
type Line = (&'static str, fn(&Point) -> f64);

/// What is drawn over the confidence.
const LINES: [Line; 3] =
    [("precision", |point| point.precision), ("recall", |point| point.recall), ("F1", |point| point.f1)];

pub(crate) fn evaluation(report: &EvaluationReport, to: &mut dyn Write) -> Result<()> {
    let names: Vec<&str> = report.targets.iter().map(|target| target.name.as_str()).collect();
    head(&escaped(&format!("Spotter: {} on {}", names.join(" and "), report.truth.path)), to)?;
    to.write_all(summary(report).as_bytes())?;
    to.write_all(section(&assessments(report), "").as_bytes())?;
    to.write_all(notes(report).as_bytes())?;
    for table in tables(report) {
        let charts = if table.title == "Best confidence" { curves(report)? } else { String::new() };
        to.write_all(section(&table, &charts).as_bytes())?;
    }
    to.write_all(measured(report).as_bytes())?;
    foot(to)
}

/// The three numbers of one target.
fn summary(report: &EvaluationReport) -> String {
    let [target] = report.targets.as_slice() else { return String::new() };
    let figures = &target.evaluation.figures;
    let best = target.evaluation.best;
    let entries = [
        (points(figures.ap), "AP, the mean over IoU 0.50 to 0.95".to_owned()),
        (points(figures.ap50), "AP50, at IoU 0.50".to_owned()),
        (
            best.map_or_else(|| "-".to_owned(), |best| format!("{:.2}", best.confidence)),
            best.map_or_else(
                || "nothing is found at any confidence".to_owned(),
                |best| format!("best confidence: precision {:.2}, recall {:.2}", best.precision, best.recall),
            ),
        ),
    ];
    let mut text = "<ul class=\"summary\">\n".to_owned();
    for (value, what) in entries {
        let _ = writeln!(text, "<li><strong>{value}</strong> <span>{what}</span></li>");
    }
    text + "</ul>\n"
}

fn notes(report: &EvaluationReport) -> String {
    let notes = report.all_notes();
    if notes.is_empty() {
        return String::new();
    }
    let mut text = "<section>\n<h2>Notes</h2>\n<ul class=\"verdict\">\n".to_owned();
    for note in notes {
        let _ = writeln!(text, "<li>{}</li>", escaped(&note));
    }
    text + "</ul>\n</section>\n"
}

/// Precision, recall and F1 of each target.
fn curves(report: &EvaluationReport) -> Result<String> {
    let legend: Vec<(String, Ink)> =
        LINES.iter().enumerate().map(|(place, (name, _))| ((*name).to_owned(), Ink::series(place))).collect();
    let mut text = String::new();
    for target in &report.targets {
        let line = |(place, (_, of)): (usize, &Line)| Series {
            ink: Ink::series(place),
            mark: Mark::Line,
            points: target.evaluation.curve.iter().map(|point| (point.confidence, of(point))).collect(),
        };
        let series = LINES.iter().enumerate().map(line).collect();
        let caption = match report.targets.len() {
            1 => "Precision, recall and F1 by confidence".to_owned(),
            _ => format!("Precision, recall and F1 by confidence: {}", target.name),
        };
        let graph = Graph { x: "confidence", y: "share", series, least_y: 1.0 };
        text += &figure(&caption, &legend, &graph.svg(&caption)?);
    }
    Ok(text)
}

fn measured(report: &EvaluationReport) -> String {
    let mut text = circumstances(&report.environment);
    let truth = &report.truth;
    let _ = writeln!(
        text,
        "<dt>Truth</dt><dd>{}: {} images, {} objects, {} categories</dd>",
        escaped(&truth.path),
        truth.images,
        truth.objects,
        truth.categories
    );
    for target in &report.targets {
        let Assessed { name, title, models, .. } = target;
        let parts: Vec<String> =
            std::iter::once(title.clone()).chain(models.iter().map(model)).chain(target.asked()).collect();
        let _ = writeln!(text, "<dt><code>{}</code></dt><dd>{}</dd>", escaped(name), escaped(&parts.join("; ")));
    }
    text + "</dl>\n</section>\n"
}

#[cfg(test)]
mod tests {
    use super::super::super::{Format, written};
    use crate::report::evaluation::tests::report;

    #[test]
    fn the_page_holds_everything_and_asks_for_nothing() {
        let page = written(Format::Html, &report());
        for part in
            ["Average precision", "COCO figures", "Classes: good", "Worst photos: weak", "sha256", "one label per box"]
        {
            assert!(page.contains(part), "{part} is missing");
        }
        assert_eq!(page.matches("<svg").count(), 2, "a curve for each target");
        for foreign in ["src=", "href=", "url(", "@import", "<script", "<b>"] {
            assert!(!page.contains(foreign), "{foreign} in the page");
        }
    }
}
