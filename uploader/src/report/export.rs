//! Reports as files. One file per format.

mod csv;
#[cfg(feature = "charts")]
mod html;
mod json;
mod markdown;

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::comparison::Comparison;
#[cfg(feature = "evaluate")]
use super::evaluation::EvaluationReport;

/// A report in every format.
pub(crate) trait Report {
    /// Writes all of it.
    fn export(&self, format: Format, to: &mut dyn Write) -> Result<()>;
}

/// A format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
    Markdown,
    #[cfg(feature = "charts")]
    Html,
}

impl Report for Comparison {
    fn export(&self, format: Format, to: &mut dyn Write) -> Result<()> {
        match format {
            Format::Json => json::all(self, to),
            Format::Csv => csv::samples(self, to),
            Format::Markdown => markdown::comparison(self, to),
            #[cfg(feature = "charts")]
            Format::Html => html::comparison(self, to),
        }
    }
}

#[cfg(feature = "evaluate")]
impl Report for EvaluationReport {
    fn export(&self, format: Format, to: &mut dyn Write) -> Result<()> {
        match format {
            Format::Json => json::all(self, to),
            Format::Csv => csv::classes(self, to),
            Format::Markdown => markdown::evaluation(self, to),
            #[cfg(feature = "charts")]
            Format::Html => html::evaluation(self, to),
        }
    }
}

/// A report that is still to be written. Where that does not come about, the file that was made for it goes again.
pub(crate) struct Export {
    path: String,
    format: Format,
    file: File,
    /// Whether there was no file before, and nothing has been written yet.
    is_blank: bool,
}

impl Export {
    /// Chooses the format by the file's extension and makes the file: what cannot be written is seen before anything is
    /// measured.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        let format = match extension.as_str() {
            "json" => Format::Json,
            "csv" => Format::Csv,
            "md" => Format::Markdown,
            #[cfg(feature = "charts")]
            "html" => Format::Html,
            #[cfg(not(feature = "charts"))]
            "html" => bail!("--report {}: a page has charts, and {}", path.display(), crate::features::NOT_BUILT_IN),
            _ => bail!("--report {}: name a file that ends in .json, .csv, .md or .html", path.display()),
        };
        let is_blank = !path.exists();
        let path = path.display().to_string();
        // Not emptied yet: what an earlier run has left stays until there is something better.
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("--report {path}"))?;
        Ok(Self { path, format, file, is_blank })
    }

    /// Writes the report, and tells where it lies.
    pub(crate) fn write(mut self, report: &dyn Report) -> Result<String> {
        self.is_blank = false;
        self.file.set_len(0).with_context(|| format!("--report {}", self.path))?;
        let mut to = BufWriter::new(&self.file);
        report
            .export(self.format, &mut to)
            .and_then(|()| Ok(to.flush()?))
            .with_context(|| format!("--report {}", self.path))?;
        Ok(self.path.clone())
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        if self.is_blank {
            // An empty file is no report; if it cannot be removed, it is at least empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
fn written(format: Format, report: &dyn Report) -> String {
    let mut bytes = Vec::new();
    report.export(format, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_formats_are_refused_with_those_that_are_known() {
        for path in ["report.pdf", "report", "x.json/report"] {
            let error = Export::create(Path::new(path)).err().unwrap();
            assert!(error.to_string().contains(".html"), "{error}");
        }
    }
}
