//! One page that needs nothing else: no script, no request, light and dark, good to print.

mod bars;
mod chart;
mod graph;

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;

use self::bars::{Bar, bars};
use self::chart::Ink;
use self::graph::{Graph, Mark, Series};
use super::{Comparison, Exporter};
use crate::report::comparison::{Family, PHASES, Sample, Sheet, Waterfall, sheets};

const STYLE: &str = include_str!("html/style.css");

pub(super) struct Html;

impl Exporter for Html {
    fn export(&self, comparison: &Comparison, to: &mut dyn Write) -> Result<()> {
        let names: Vec<&str> = comparison.targets.iter().map(|target| target.name.as_str()).collect();
        let title = escaped(&format!("Spotter: {}", names.join(" against ")));
        write!(
            to,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{}{}",
            environment(comparison),
            verdict(comparison),
        )?;
        for sheet in sheets(comparison) {
            writeln!(to, "<section>\n<h2>{}</h2>", escaped(&sheet.title))?;
            // Each chart stands with the table of its numbers.
            to.write_all(charts(comparison, &sheet)?.as_bytes())?;
            to.write_all(table(&sheet).as_bytes())?;
            to.write_all(b"</section>\n")?;
        }
        to.write_all(b"</body>\n</html>\n")?;
        Ok(())
    }
}

fn environment(comparison: &Comparison) -> String {
    let environment = &comparison.environment;
    let settings = &comparison.settings;
    let resize = settings.resize.map_or_else(String::new, |side| format!(", shrunk to {side} pixels"));
    let mut rows = vec![
        ("Date", environment.date.clone()),
        ("Machine", environment.machine()),
        ("Command", environment.command.clone()),
        ("Sent", format!("{} photos, {} bodies{resize}", settings.photos, settings.body)),
    ];
    for target in &comparison.targets {
        let models: Vec<String> =
            target.models.iter().map(|model| format!("{} (sha256 {})", model.name, model.sha256)).collect();
        let link = target.link_ms;
        let tls = link.tls.map_or_else(String::new, |ms| format!(", TLS handshake {ms:.1} ms"));
        rows.push((
            &target.name,
            format!("{}; {}; link round trip {:.1} ms{tls}", target.title, models.join(", "), link.round_trip),
        ));
    }
    let mut text = "<dl>\n".to_owned();
    for (name, value) in rows {
        let _ = writeln!(text, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(&value));
    }
    text + "</dl>\n"
}

fn verdict(comparison: &Comparison) -> String {
    let mut text = "<section>\n<h2>Verdict</h2>\n<ul class=\"verdict\">\n".to_owned();
    for finding in &comparison.verdict {
        let _ = writeln!(text, "<li class=\"{}\">{}</li>", finding.topic, escaped(&finding.text));
    }
    text + "</ul>\n</section>\n"
}

fn table(sheet: &Sheet) -> String {
    let mut text = "<div class=\"table\"><table>\n<thead><tr>".to_owned();
    for cell in &sheet.header {
        let _ = write!(text, "<th scope=\"col\">{}</th>", escaped(cell));
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in &sheet.rows {
        text += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let (open, close) = if column == 0 { ("<th scope=\"row\">", "</th>") } else { ("<td>", "</td>") };
            let _ = write!(text, "{open}{}{close}", escaped(cell));
        }
        text += "</tr>\n";
    }
    text += "</tbody>\n</table></div>\n";
    if let Some(note) = &sheet.note {
        let _ = writeln!(text, "<p class=\"note\">{}</p>", escaped(note));
    }
    text
}

/// The charts that belong to a table, by its title.
fn charts(comparison: &Comparison, sheet: &Sheet) -> Result<String> {
    Ok(match sheet.title.as_str() {
        "Side by side" => distributions(comparison)? + &scatter(comparison)?,
        "Where the time went" => phases(comparison)?,
        "What concurrency buys" => ladder(comparison)?,
        title => match comparison.waterfalls.iter().find(|waterfall| title.ends_with(&waterfall.target)) {
            Some(found) if title.starts_with("From ") => waterfall(found)?,
            _ => String::new(),
        },
    })
}

/// A chart with its caption and legend.
fn figure(caption: &str, legend: &[(String, Ink)], svg: &str) -> String {
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
    let caption = "Latency: how many photos were answered within so many milliseconds";
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
    let weight = "Each photo, by its weight: what rises to the right is the link";
    let time = "Each photo, in the order of sending: what drifts, drifts for all";
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
        .filter(|(_, phase)| measured().any(|target| target.phase(phase.name) >= 0.05))
        .map(|(place, phase)| {
            let whose = match phase.family {
                Family::Client => "client",
                Family::Network => "network",
                Family::Platform => "platform",
                Family::Function => "function",
            };
            let name = if phase.name == whose { phase.name.to_owned() } else { format!("{whose}: {}", phase.name) };
            (name, Ink::phase(place))
        })
        .collect();
    let caption = "A photo's time, on average, from the file to the boxes";
    Ok(figure(caption, &legend, &bars(caption, &rows)?))
}

fn ladder(comparison: &Comparison) -> Result<String> {
    let series = comparison.targets.iter().enumerate().map(|(place, target)| {
        let points = target.ladder.iter().map(|rung| (rung.at_once as f64, rung.photos_per_second)).collect();
        Series { ink: Ink::series(place), mark: Mark::Both, points }
    });
    let series = series.filter(|series| !series.points.is_empty()).collect();
    let graph = Graph { x: "photos at once", y: "photos/s", series, least_y: 0.0 };
    let caption = "Throughput with more photos at once";
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
    let caption = "What each difference to the student project's client brings";
    Ok(figure(caption, &legend, &bars(caption, &rows)?))
}

/// Text that stays text, in elements and in attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::super::comparison::tests::{comparison, sample};
    use super::super::written;
    use super::*;

    #[test]
    fn the_page_holds_everything_and_asks_for_nothing() {
        let page = written(&Html, &comparison());
        for part in ["Verdict", "here is faster than there", "Latency", "Each photo", "Where the time went", "sha256"] {
            assert!(page.contains(part), "{part} is missing");
        }
        assert_eq!(page.matches("<svg").count(), 6, "distribution, two scatters, phases, ladder, waterfall");
        for foreign in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(foreign), "{foreign} in the page");
        }
        assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
    }

    #[test]
    fn colours_are_variables() {
        let page = written(&Html, &comparison());
        let body = &page[page.find("</style>").unwrap()..];
        assert!(body.contains("stroke=\"var(--series0)\"") && body.contains("fill=\"var(--ink)\""), "{body}");
        assert!(!body.contains("\"#FE"), "a colour was left as it is drawn");
    }

    #[test]
    fn names_are_text() {
        let mut comparison = comparison();
        comparison.samples = vec![sample(0, "<script>alert(1)</script>.jpg", 10.0)];
        comparison.targets[0].name = "<script>".to_owned();
        comparison.targets[0].title = "\"><img onerror=x>".to_owned();
        comparison.verdict[0].text = "a<b".to_owned();
        let page = written(&Html, &comparison);
        assert!(!page.contains("<script>") && !page.contains("<img") && page.contains("a&lt;b"));
    }
}
