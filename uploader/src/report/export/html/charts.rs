//! The charts of a report, each with its caption and its legend.

use std::fmt::Write as _;

use anyhow::Result;

use super::bars::{Bar, bars};
use super::chart::Ink;
use super::escaped;
use super::graph::{Graph, Mark, Series};
use crate::report::comparison::{Comparison, Family, PHASES, SEEN_MS, Sample, Table, Waterfall};

/// The charts that belong to a table, by its title.
pub(super) fn charts(comparison: &Comparison, table: &Table) -> Result<String> {
    Ok(match table.title.as_str() {
        "Side by side" => distributions(comparison)? + &scatter(comparison)?,
        "Where the time went" => phases(comparison)?,
        "Concurrency" => ladder(comparison)?,
        title => match comparison.waterfalls.iter().find(|waterfall| title.ends_with(&waterfall.target)) {
            Some(found) if title.starts_with("What each step saves") => waterfall(found)?,
            _ => String::new(),
        },
    })
}

/// A chart with its caption and legend.
pub(super) fn figure(caption: &str, legend: &[(String, Ink)], svg: &str) -> String {
    let mut text = format!("<figure>\n<figcaption>{}</figcaption>\n", escaped(caption));
    if !legend.is_empty() {
        text += "<ul class=\"legend\">";
        for (name, ink) in legend {
            let _ = write!(text, "<li><i style=\"background:{}\"></i>{}</li>", ink.variable(), escaped(name));
        }
        text += "</ul>\n";
    }
    text + svg + "</figure>\n"
}

fn targets(comparison: &Comparison) -> Vec<(String, Ink)> {
    comparison.targets.iter().enumerate().map(|(place, target)| (target.name.clone(), Ink::series(place))).collect()
}

/// For each target, a series of what `points` makes of its counted samples.
fn series(comparison: &Comparison, mark: Mark, points: impl Fn(&[&Sample]) -> Vec<(f64, f64)>) -> Vec<Series> {
    (0..comparison.targets.len())
        .map(|place| {
            let samples: Vec<&Sample> = comparison.counted(place).collect();
            Series { ink: Ink::series(place), mark, points: points(&samples) }
        })
        .filter(|series| !series.points.is_empty())
        .collect()
}

fn distributions(comparison: &Comparison) -> Result<String> {
    // The slowest hundredth would squeeze everybody else together; the table tells the maximum.
    let most = comparison.targets.iter().map(|target| target.round_trip_ms.p99).fold(0.0, f64::max) * 1.05;
    let series = series(comparison, Mark::Line, |samples| {
        let mut times: Vec<f64> = samples.iter().map(|sample| sample.round_trip_ms()).collect();
        times.sort_by(f64::total_cmp);
        let count = times.len().max(1) as f64;
        let mut points = vec![(0.0, 0.0)];
        for (place, ms) in times.iter().enumerate().filter(|(_, ms)| **ms <= most) {
            points.extend([(*ms, place as f64 * 100.0 / count), (*ms, (place + 1) as f64 * 100.0 / count)]);
        }
        points
    });
    let graph = Graph { x: "round trip, ms", y: "% of photos", series, least_y: 100.0 };
    let caption = "Latency: share of the photos answered within a time";
    Ok(figure(caption, &targets(comparison), &graph.svg(caption)?))
}

fn scatter(comparison: &Comparison) -> Result<String> {
    let by_weight = series(comparison, Mark::Points, |samples| {
        samples.iter().map(|sample| (sample.record.traffic.sent as f64 / 1e3, sample.round_trip_ms())).collect()
    });
    let by_time = series(comparison, Mark::Points, |samples| {
        let place = |sample: &Sample| (sample.turn * comparison.settings.concurrency + sample.place) as f64;
        samples.iter().map(|sample| (place(sample), sample.round_trip_ms())).collect()
    });
    let weight = "Round trip by photo size: a rising trend is the link";
    let time = "Round trip in the order of sending";
    let graph = |x, series| Graph { x, y: "round trip, ms", series, least_y: 0.0 };
    Ok(figure(weight, &targets(comparison), &graph("kB sent", by_weight).svg(weight)?)
        + &figure(time, &targets(comparison), &graph("photo", by_time).svg(time)?))
}

fn phases(comparison: &Comparison) -> Result<String> {
    let measured = || comparison.targets.iter().filter(|target| target.is_measured());
    let rows: Vec<Bar> = measured()
        .map(|target| {
            let parts = PHASES.iter().enumerate().map(|(place, phase)| (target.phase(phase.name), Ink::phase(place)));
            let parts: Vec<(f64, Ink)> = parts.collect();
            let whole: f64 = parts.iter().map(|(ms, _)| ms).sum();
            Bar { label: format!("{}: {whole:.1} ms", target.name), parts }
        })
        .collect();
    let legend: Vec<(String, Ink)> = PHASES
        .iter()
        .enumerate()
        .filter(|(_, phase)| measured().any(|target| target.phase(phase.name) >= SEEN_MS))
        .map(|(place, phase)| {
            let whose = match phase.family {
                Family::Client => "client",
                Family::Network => "network",
                Family::Platform => "platform",
                Family::Queue => "queue",
                Family::Function => "function",
            };
            let name = if phase.name == whose { phase.name.to_owned() } else { format!("{whose}: {}", phase.name) };
            (name, Ink::phase(place))
        })
        .collect();
    let caption = "A typical photo's time, from the file to the boxes";
    Ok(figure(caption, &legend, &bars(caption, &rows)?))
}

fn ladder(comparison: &Comparison) -> Result<String> {
    let series = comparison.targets.iter().enumerate().map(|(place, target)| {
        let points = target.ladder.iter().map(|rung| (rung.at_once as f64, rung.photos_per_second)).collect();
        Series { ink: Ink::series(place), mark: Mark::Both, points }
    });
    let series = series.filter(|series| !series.points.is_empty()).collect();
    let graph = Graph { x: "photos at once", y: "photos/s", series, least_y: 0.0 };
    let caption = "Throughput by photos at once";
    Ok(figure(caption, &targets(comparison), &graph.svg(caption)?))
}

fn waterfall(waterfall: &Waterfall) -> Result<String> {
    let rows: Vec<Bar> = waterfall
        .steps
        .iter()
        .map(|step| Bar {
            label: format!("{}: {:.1} ms", step.name, step.ms),
            parts: vec![(step.ms, Ink::series(0)), (step.saves_ms.max(0.0), Ink::Saved)],
        })
        .collect();
    let legend = [("ms per photo".to_owned(), Ink::series(0)), ("saved by this step".to_owned(), Ink::Saved)];
    let caption = "From a client like the student project's to this one";
    Ok(figure(caption, &legend, &bars(caption, &rows)?))
}
