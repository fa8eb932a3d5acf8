//! Tables and verdict, to be pasted into an issue.

use std::io::Write;

use anyhow::Result;

use super::{Comparison, Exporter};
use crate::report::comparison::{Marked, Sheet, sheets, waterfall_sheets};

pub(super) struct Markdown;

impl Exporter for Markdown {
    fn export(&self, comparison: &Comparison, to: &mut dyn Write) -> Result<()> {
        writeln!(to, "# Spotter: a comparison\n")?;
        for headline in &comparison.summary {
            if let Some(note) = &headline.note {
                writeln!(to, "{}\n", marked(note))?;
            }
            for (value, what) in &headline.figures {
                writeln!(to, "- **{}** {}", escaped(value), marked(what))?;
            }
        }
        for sheet in waterfall_sheets(comparison) {
            table(to, &sheet)?;
        }
        writeln!(to, "\n## Verdict\n")?;
        for finding in &comparison.verdict {
            writeln!(to, "- {}", marked(&finding.text))?;
        }
        for sheet in sheets(comparison) {
            table(to, &sheet)?;
        }
        let environment = &comparison.environment;
        writeln!(to, "\n## How it was measured\n")?;
        writeln!(to, "{}, on {}.\n", escaped(&environment.date), escaped(&environment.machine()))?;
        for target in &comparison.targets {
            writeln!(to, "- {}: {}", code(&target.name), escaped(&target.title))?;
        }
        // A fence of its own, longer than any in the command.
        writeln!(to, "\n````sh\n{}\n````", environment.command.replace("````", "```"))?;
        Ok(())
    }
}

fn table(to: &mut dyn Write, sheet: &Sheet) -> Result<()> {
    writeln!(to, "\n## {}\n", escaped(&sheet.title))?;
    row(to, &sheet.header)?;
    let alignment: Vec<&str> = (0..sheet.header.len()).map(|column| if column == 0 { "---" } else { "---:" }).collect();
    writeln!(to, "| {} |", alignment.join(" | "))?;
    for cells in &sheet.rows {
        row(to, cells)?;
    }
    if let Some(note) = &sheet.note {
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
    use super::super::written;
    use super::*;

    #[test]
    fn tables_and_verdict() {
        let text = written(&Markdown, &comparison());
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
}
