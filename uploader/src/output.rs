//! Results as they leave. The formats themselves are in the crate `exports`.

use std::fs::File;
#[cfg(feature = "tables")]
use std::io::IsTerminal;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use exports::{
    Catalog, Coco, CocoDataset, Csv, Cvat, Dataset, Entry, Exporter, ExporterFactory, Folder, Format, Gallery,
    JsonLines, LabelStudio, LabelStudioConfig, MegaDetector, Photos, Root, Several, Spool, Text, Voc, Yolo,
};

use crate::args::{ExportArgs, ReportArgs, ResultFormat, WithPhotos};
use crate::link::{Phases, as_millis};
use crate::notice::notice;
use crate::record::Record;

/// A posted photo, as formats take it.
pub(crate) fn entry(record: &Record) -> Entry<'_> {
    Entry {
        photo: &record.photo,
        outcome: &record.outcome,
        client_ms: client_ms(&record.phases),
        round_trip_ms: Some(as_millis(record.round_trip)),
        source: None,
    }
}

/// The phases by the names that they have in JSON.
fn client_ms(phases: &Phases) -> Option<exports::ClientMs> {
    serde_json::to_vec(phases).ok().and_then(|json| serde_json::from_slice(&json).ok())
}

/// Where results go, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<'a> {
    pub(crate) format: ResultFormat,
    pub(crate) path: Option<&'a Path>,
    pub(crate) export: &'a ExportArgs,
}

impl<'a> Output<'a> {
    pub(crate) fn of(report: &'a ReportArgs) -> Self {
        Self { format: report.format, path: report.output.as_deref(), export: &report.export }
    }

    /// Opens it. `photos` makes the catalog of the photos that there will be, where that is known: not every format wants it.
    pub(crate) fn open(&self, photos: impl FnOnce(Option<&Root>) -> Option<Catalog>) -> Result<Box<dyn Exporter>> {
        let results = self.open_format(photos)?;
        let Some(gallery) = &self.export.gallery else { return Ok(results) };
        let gallery = Gallery::new(Folder::create("--gallery", gallery)?)?;
        Ok(Box::new(Several(vec![results, Box::new(gallery)])))
    }

    fn open_format(&self, photos: impl FnOnce(Option<&Root>) -> Option<Catalog>) -> Result<Box<dyn Exporter>> {
        self.export.fit(self.format)?;
        let root = self.export.relative_to.as_deref().map(Root::new);
        let with_photos = self.export.with_photos.map(|how| match how {
            WithPhotos::Link => Photos::Linked,
            WithPhotos::Copy => Photos::Copied,
        });
        let scores = self.export.with_scores;
        let format: Box<dyn Format> = match self.format {
            ResultFormat::Text => return Ok(Box::new(Text::new(self.stream()?))),
            ResultFormat::Jsonl => return Ok(Box::new(JsonLines::new(self.stream()?))),
            ResultFormat::Csv => return Ok(Box::new(Csv::new(self.stream()?))),
            ResultFormat::Parquet => return Ok(Box::new(JsonLines::new(self.parquet()?))),
            ResultFormat::Coco => {
                let to = self.stream()?;
                return knowing(photos, root, Box::new(|catalog| Ok(Box::new(Coco::new(to, catalog)))));
            }
            ResultFormat::CocoDataset => Box::new(CocoDataset::new(self.stream()?)?),
            ResultFormat::Yolo => Box::new(Yolo::new(self.folder()?, scores, with_photos)),
            ResultFormat::Voc => Box::new(Voc::new(self.folder()?, scores, with_photos)?),
            ResultFormat::Cvat => Box::new(Cvat::new(self.stream()?)?),
            ResultFormat::LabelStudio => Box::new(LabelStudio::new(self.stream()?, self.export.image_url.as_deref())),
            ResultFormat::LabelStudioConfig => Box::new(LabelStudioConfig::new(self.stream()?)),
            ResultFormat::Gallery => return Ok(Box::new(Gallery::new(self.folder()?)?)),
            ResultFormat::Megadetector => Box::new(MegaDetector::new(self.stream()?)),
        };
        knowing(photos, root, Box::new(|catalog| Ok(Box::new(Dataset::new(format, catalog)))))
    }

    /// Lines that become the rows of a Parquet file.
    #[cfg(feature = "tables")]
    fn parquet(&self) -> Result<Box<dyn Write>> {
        if self.path.is_none() && io::stdout().is_terminal() {
            bail!("--format parquet is binary; use --output FILE");
        }
        Ok(Box::new(tables::Lines::new(self.stream()?)?))
    }

    #[cfg(not(feature = "tables"))]
    fn parquet(&self) -> Result<Box<dyn Write>> {
        bail!("--format parquet needs Parquet support, and {}", crate::features::NOT_BUILT_IN)
    }

    /// The file, or standard output.
    fn stream(&self) -> Result<Box<dyn Write + Send>> {
        Ok(match self.path {
            Some(path) => {
                Box::new(BufWriter::new(File::create(path).with_context(|| format!("--output {}", path.display()))?))
            }
            None => Box::new(io::stdout()),
        })
    }

    fn folder(&self) -> Result<Folder> {
        match self.path {
            Some(path) => Folder::create("--output", path),
            None => bail!("--format {} writes a folder; name it with --output DIR", self.format.name()),
        }
    }

    /// Whether it can hold one result of each photo only.
    pub(crate) fn wants_one_model(&self) -> bool {
        !matches!(self.format, ResultFormat::Text | ResultFormat::Jsonl | ResultFormat::Csv | ResultFormat::Parquet)
    }
}

/// An exporter that has to know the photos: at once, or when all have come.
fn knowing(
    photos: impl FnOnce(Option<&Root>) -> Option<Catalog>,
    root: Option<Root>,
    make: ExporterFactory,
) -> Result<Box<dyn Exporter>> {
    match photos(root.as_ref()) {
        Some(catalog) => make(catalog),
        None => Ok(Box::new(Spool::new(root, make)?)),
    }
}

/// Writes what comes after the last photo, and tells what the format had no place for.
pub(crate) fn end(results: &mut dyn Exporter, path: Option<&Path>) -> Result<()> {
    let ended = results.end().with_context(|| match path {
        Some(path) => format!("--output {}", path.display()),
        None => "standard output".to_owned(),
    });
    results.notes().iter().for_each(|note| notice!("uploader: {note}"));
    ended
}
