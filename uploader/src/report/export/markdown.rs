//! Tables and verdict, to be pasted into an issue.

use std::io::Write;

use anyhow::Result;

use super::Comparison;
#[cfg(feature = "evaluate")]
use super::EvaluationReport;
use crate::report::comparison::{Environment, Marked, Table, tables, waterfall_tables};
#[cfg(feature = "evaluate")]
use crate::report::evaluation;

pub(super) fn comparison(comparison: &Comparison, to: &mut dyn Write) -> Result<()> {
    writeln!(to, "# Spotter: a comparison\n")?;
    for headline in &comparison.summary {
        if let Some(note) = &headline.note {
            writeln!(to, "{}\n", marked(note))?;
        }
        for (value, what) in &headline.figures {
            writeln!(to, "- **{}** {}", escaped(value), marked(what))?;
        }
    }
    for table in waterfall_tables(comparison) {
        write_table(to, &table)?;
    }
    writeln!(to, "\n## Verdict\n")?;
    for finding in &comparison.verdict {
        writeln!(to, "- {}", marked(&finding.text))?;
    }
    for table in tables(comparison) {
        write_table(to, &table)?;
    }
    measured(to, &comparison.environment, comparison.targets.iter().map(|target| (&*target.name, &*target.title)))
}

#[cfg(feature = "evaluate")]
pub(super) fn evaluation(report: &EvaluationReport, to: &mut dyn Write) -> Result<()> {
    writeln!(to, "# Spotter: an evaluation")?;
    write_table(to, &evaluation::assessments(report))?;
    let notes = report.all_notes();
    if !notes.is_empty() {
        writeln!(to)?;
    }
    for note in notes {
        writeln!(to, "- {}", escaped(&note))?;
    }
    for table in evaluation::tables(report) {
        write_table(to, &table)?;
    }
    measured(to, &report.environment, report.targets.iter().map(|target| (&*target.name, &*target.title)))
}

/// When, where, with which command, and what the targets are.
fn measured<'t>(
    to: &mut dyn Write,
    environment: &Environment,
    targets: impl Iterator<Item = (&'t str, &'t str)>,
) -> Result<()> {
    writeln!(to, "\n## How it was measured\n")?;
    writeln!(to, "{}, on {}.\n", escaped(&environment.date), escaped(&environment.machine()))?;
    for (name, title) in targets {
        writeln!(to, "- {}: {}", code(name), escaped(title))?;
    }
    // A fence of its own, longer than any in the command.
    writeln!(to, "\n````sh\n{}\n````", environment.command.replace("````", "```"))?;
    Ok(())
}

fn write_table(to: &mut dyn Write, table: &Table) -> Result<()> {
    writeln!(to, "\n## {}\n", escaped(&table.title))?;
    row(to, &table.header)?;
    let alignment: Vec<&str> = (0..table.header.len()).map(|column| if column == 0 { "---" } else { "---:" }).collect();
    writeln!(to, "| {} |", alignment.join(" | "))?;
    for cells in &table.rows {
        row(to, cells)?;
    }
    if let Some(note) = &table.note {
        writeln!(to, "\n{}", escaped(note))?;
    }
    Ok(())
}

/// A sentence whose names are code.
fn marked(text: &Marked) -> String {
    text.shown(escaped, code)
}

/// A name as code; one that would end its own quotes is text.
fn code(name: &str) -> String {
    if name.contains(['`', '|', '\n', '\r']) { escaped(name) } else { format!("`{name}`") }
}

fn row(to: &mut dyn Write, cells: &[String]) -> Result<()> {
    let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
    writeln!(to, "| {} |", cells.join(" | "))?;
    Ok(())
}

/// Text that stays text.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => safe.extend(['\\', c]),
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\n' | '\r' => safe.push(' '),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::super::comparison::tests::comparison;
    use super::super::{Format, written};
    use super::*;

    #[test]
    fn tables_and_verdict() {
        let text = written(Format::Markdown, &comparison());
        for part in
            ["## Verdict", "`here` is faster than `there`", "|  | here | there |", "## Where the time went", "## Cost"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        let columns = |line: &str| line.matches(" | ").count();
        let table: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).take(4).collect();
        assert!(table.iter().all(|line| columns(line) == columns(table[0])), "{table:?}");
    }

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(escaped("a|b <img> `x`"), r"a\|b &lt;img> \`x\`");
    }
    #[cfg(feature = "evaluate")]
    #[test]
    fn an_evaluation_in_tables() {
        let text = written(Format::Markdown, &crate::report::evaluation::tests::report());
        for part in [
            "## Average precision",
            "## Classes: weak",
            "| cat | 3 |",
            r"b\|&lt;b>.jpg",
            "- weak: the truth has no category for 1 label: bird",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
