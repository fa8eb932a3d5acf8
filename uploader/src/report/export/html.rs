//! One page that needs nothing else: no script, no request, light and dark, good to print.

mod bars;
mod chart;
mod charts;
#[cfg(feature = "evaluate")]
mod evaluation;
mod graph;
mod pictures;

use std::fmt::Write as _;
use std::io::Write;

use anyhow::Result;
use wire::ModelRef;

use self::charts::charts;
#[cfg(feature = "evaluate")]
pub(super) use self::evaluation::evaluation;
use super::Comparison;
use crate::report::comparison::{Environment, Marked, SEEN_MS, Table, tables, waterfall_tables};
use crate::target_kind::Kind;

const STYLE: &str = include_str!("html/style.css");

pub(super) fn comparison(comparison: &Comparison, to: &mut dyn Write) -> Result<()> {
    let names: Vec<&str> = comparison.targets.iter().map(|target| target.name.as_str()).collect();
    head(&escaped(&format!("Spotter: {}", names.join(" and "))), to)?;
    to.write_all(summary(comparison).as_bytes())?;
    for table in waterfall_tables(comparison) {
        to.write_all(section(&table, &charts(comparison, &table)?).as_bytes())?;
    }
    to.write_all(verdict(comparison).as_bytes())?;
    to.write_all(pictures::differences(comparison).as_bytes())?;
    for table in tables(comparison) {
        to.write_all(section(&table, &charts(comparison, &table)?).as_bytes())?;
    }
    to.write_all(measured(comparison).as_bytes())?;
    foot(to)
}

/// Up to the title, which is escaped already.
fn head(title: &str, to: &mut dyn Write) -> Result<()> {
    write!(
        to,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
    )?;
    Ok(())
}

fn foot(to: &mut dyn Write) -> Result<()> {
    to.write_all(b"</body>\n</html>\n")?;
    Ok(())
}

/// A table with the charts of its numbers.
fn section(table: &Table, charts: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{charts}{}</section>\n", escaped(&table.title), table_html(table))
}

/// The three numbers of each pair.
fn summary(comparison: &Comparison) -> String {
    let mut text = String::new();
    for headline in &comparison.summary {
        if let Some(note) = &headline.note {
            let _ = writeln!(text, "<p>{}</p>", marked(note));
        }
        text += "<ul class=\"summary\">\n";
        for (value, what) in &headline.figures {
            let _ = writeln!(text, "<li><strong>{}</strong> <span>{}</span></li>", escaped(value), marked(what));
        }
        text += "</ul>\n";
    }
    text
}

fn measured(comparison: &Comparison) -> String {
    let settings = &comparison.settings;
    let resize = settings.resize.map_or_else(String::new, |side| format!(", shrunk to {side} pixels"));
    let mut text = circumstances(&comparison.environment);
    let mut row = |name: String, value: String| {
        let _ = writeln!(text, "<dt>{name}</dt><dd>{value}</dd>");
    };
    let photos = if settings.photos == 1 { "1 photo".to_owned() } else { format!("{} photos", settings.photos) };
    row("Sent".to_owned(), escaped(&format!("{photos}, {} bodies{resize}", settings.body)));
    for target in &comparison.targets {
        let mut parts = vec![target.title.clone()];
        parts.extend(target.models.iter().map(model));
        let link = target.link_ms;
        if target.kind == Kind::Url && link.round_trip >= SEEN_MS {
            parts.push(format!("link round trip {:.1} ms", link.round_trip));
        }
        parts.extend(link.tls.map(|ms| format!("TLS handshake {ms:.1} ms")));
        row(format!("<code>{}</code>", escaped(&target.name)), escaped(&parts.join("; ")));
    }
    text + "</dl>\n</section>\n"
}

/// The beginning of a list of how something was measured.
fn circumstances(environment: &Environment) -> String {
    let Environment { date, command, .. } = environment;
    format!(
        "<section>\n<h2>How it was measured</h2>\n<dl>\n<dt>Date</dt><dd>{}</dd>\n<dt>Machine</dt><dd>{}</dd>\n\
         <dt>Command</dt><dd><code>{}</code></dd>\n",
        escaped(date),
        escaped(&environment.machine()),
        escaped(command)
    )
}

/// A model by its name and the first digits of its file's digest; all of them are in the JSON report.
fn model(model: &ModelRef) -> String {
    format!("{} (sha256 {}…)", model.name, model.sha256.get(..12).unwrap_or(&model.sha256))
}

fn verdict(comparison: &Comparison) -> String {
    let mut text = "<section>\n<h2>Verdict</h2>\n<ul class=\"verdict\">\n".to_owned();
    for finding in &comparison.verdict {
        let _ = writeln!(text, "<li class=\"{}\">{}</li>", finding.topic, marked(&finding.text));
    }
    text + "</ul>\n</section>\n"
}

/// A sentence whose names are code.
fn marked(text: &Marked) -> String {
    text.shown(escaped, |name| format!("<code>{}</code>", escaped(name)))
}

fn table_html(table: &Table) -> String {
    let mut text = "<div class=\"table\"><table>\n<thead><tr>".to_owned();
    for cell in &table.header {
        let _ = write!(text, "<th scope=\"col\">{}</th>", escaped(cell));
    }
    text += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        text += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let (open, close) = if column == 0 { ("<th scope=\"row\">", "</th>") } else { ("<td>", "</td>") };
            let _ = write!(text, "{open}{}{close}", escaped(cell));
        }
        text += "</tr>\n";
    }
    text += "</tbody>\n</table></div>\n";
    if let Some(note) = &table.note {
        let _ = writeln!(text, "<p class=\"note\">{}</p>", escaped(note));
    }
    text
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
    use super::super::{Format, written};

    #[test]
    fn the_page_holds_everything_and_asks_for_nothing() {
        let page = written(Format::Html, &comparison());
        for part in [
            "Verdict",
            "</code> is faster than <code>there",
            "Latency",
            "by photo size",
            "Where the time went",
            "sha256",
        ] {
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
        let page = written(Format::Html, &comparison());
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
        comparison.verdict[0].text = "a<b".to_owned().into();
        let page = written(Format::Html, &comparison);
        assert!(!page.contains("<script>") && !page.contains("<img") && page.contains("a&lt;b"));
    }
}
