//! A comparison on a terminal.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use super::comparison::{Comparison, Sheet, sheets, waterfall_sheets};

/// The tables.
pub(crate) fn tables(comparison: &Comparison, to: &mut dyn Write) -> io::Result<()> {
    for target in &comparison.targets {
        writeln!(to, "{:<12} {}", target.name, target.title)?;
        for note in target.models.iter().filter_map(|model| model.note.as_ref()) {
            writeln!(to, "{:<12} {note}", "")?;
        }
    }
    for sheet in waterfall_sheets(comparison).into_iter().chain(sheets(comparison)) {
        writeln!(to, "\n{}\n{}", sheet.title, table(&sheet))?;
        if let Some(note) = &sheet.note {
            writeln!(to, " ({note})")?;
        }
    }
    writeln!(to)
}

/// Tables of any report.
pub(crate) fn sheets_alone(sheets: &[Sheet], to: &mut dyn Write) -> io::Result<()> {
    for sheet in sheets {
        writeln!(to, "{}\n{}", sheet.title, table(sheet))?;
        if let Some(note) = &sheet.note {
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

fn table(sheet: &Sheet) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(&sheet.header);
    table.add_rows(&sheet.rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
