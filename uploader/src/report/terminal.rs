//! A comparison on a terminal.

use std::io::{self, Write};

use comfy_table::{CellAlignment, presets};

use super::comparison::{Comparison, Table, tables, waterfall_tables};

/// The tables.
pub(crate) fn print_tables(comparison: &Comparison, to: &mut dyn Write) -> io::Result<()> {
    for target in &comparison.targets {
        writeln!(to, "{:<12} {}", target.name, target.title)?;
        for note in target.models.iter().filter_map(|model| model.note.as_ref()) {
            writeln!(to, "{:<12} {note}", "")?;
        }
    }
    for table in waterfall_tables(comparison).into_iter().chain(tables(comparison)) {
        writeln!(to, "\n{}\n{}", table.title, drawn(&table))?;
        if let Some(note) = &table.note {
            writeln!(to, " ({note})")?;
        }
    }
    writeln!(to)
}

/// Tables of any report.
pub(crate) fn print_all(tables: &[Table], to: &mut dyn Write) -> io::Result<()> {
    for table in tables {
        writeln!(to, "{}\n{}", table.title, drawn(table))?;
        if let Some(note) = &table.note {
            writeln!(to, " ({note})")?;
        }
        writeln!(to)?;
    }
    Ok(())
}

/// The verdict.
pub(crate) fn verdict(comparison: &Comparison, to: &mut dyn Write) -> io::Result<()> {
    for finding in &comparison.verdict {
        writeln!(to, "{}", finding.text)?;
    }
    Ok(())
}

fn drawn(table: &Table) -> comfy_table::Table {
    let mut drawn = comfy_table::Table::new();
    drawn.load_preset(presets::NOTHING);
    drawn.set_header(&table.header);
    drawn.add_rows(&table.rows);
    for column in drawn.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    drawn
}
