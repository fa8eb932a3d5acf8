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

/// A format of a report.
trait Exporter {
    /// Writes all of it.
    fn export(&self, comparison: &Comparison, to: &mut dyn Write) -> Result<()>;
}

/// A report that is still to be written. Where that does not come about, the file that was made for it goes again.
pub(crate) struct Export {
    path: String,
    exporter: Box<dyn Exporter>,
    file: File,
    /// Whether there was no file before, and nothing has been written yet.
    is_blank: bool,
}

impl Export {
    /// Chooses the format by the file's extension and makes the file: what cannot be written is seen before anything is
    /// measured.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
        let exporter: Box<dyn Exporter> = match extension.as_str() {
            "json" => Box::new(json::Json),
            "csv" => Box::new(csv::Csv),
            "md" => Box::new(markdown::Markdown),
            #[cfg(feature = "charts")]
            "html" => Box::new(html::Html),
            #[cfg(not(feature = "charts"))]
            "html" => bail!("--report {}: a page has charts, and {}", path.display(), crate::NOT_BUILT_IN),
            _ => bail!("--report {}: name a file that ends in .json, .csv, .md or .html", path.display()),
        };
        let is_blank = !path.exists();
        let path = path.display().to_string();
        // Not emptied yet: what an earlier run has left stays until there is something better.
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("--report {path}"))?;
        Ok(Self { path, exporter, file, is_blank })
    }

    /// Writes the report, and tells where it lies.
    pub(crate) fn write(mut self, comparison: &Comparison) -> Result<String> {
        self.is_blank = false;
        self.file.set_len(0).with_context(|| format!("--report {}", self.path))?;
        let mut to = BufWriter::new(&self.file);
        self.exporter
            .export(comparison, &mut to)
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
fn written(exporter: &dyn Exporter, comparison: &Comparison) -> String {
    let mut bytes = Vec::new();
    exporter.export(comparison, &mut bytes).unwrap();
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
