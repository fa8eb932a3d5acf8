//! What is printed, and when a run counts as failed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use detector::redact::{self, Style};

use super::{ExportArgs, FilingArgs};
use crate::hint;
use crate::notice::notice;
use crate::photo::{Drawing, Inputs, folder_of};
use crate::report::{Condition, Tally};

/// Shape of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResultFormat {
    /// One line per photo.
    Text,
    /// One JSON object per line and photo.
    Jsonl,
    /// One row per detection.
    Csv,
    /// A COCO results list.
    Coco,
    /// A Parquet file, one row per photo.
    Parquet,
    /// A COCO dataset: images, annotations with scores, categories.
    CocoDataset,
    /// A folder with YOLO labels and data.yaml.
    Yolo,
    /// A folder with Pascal VOC annotations.
    Voc,
    /// CVAT for images 1.1.
    Cvat,
    /// Label Studio tasks with predictions.
    LabelStudio,
    /// The Label Studio labeling interface of these labels.
    LabelStudioConfig,
    /// MegaDetector batch output.
    Megadetector,
    /// A folder with a page that shows the photos, opened from disk.
    Gallery,
}

impl ResultFormat {
    /// As the command line has it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// How objects are made unrecognisable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RedactStyle {
    /// A few averages with smooth changes between them.
    Blur,
    /// The same averages as squares.
    Pixelate,
    /// Black.
    Fill,
}

impl RedactStyle {
    fn style(self) -> Style {
        match self {
            Self::Blur => Style::Blur,
            Self::Pixelate => Style::Pixelate,
            Self::Fill => Style::Fill,
        }
    }
}

fn margin(text: &str) -> Result<f32, String> {
    let margin: Option<f32> = text.trim().parse().ok();
    margin.filter(|margin| (0.0..=redact::MAX_MARGIN).contains(margin)).ok_or_else(|| "must be from 0 to 1".to_owned())
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ReportArgs {
    /// Format of the results. The summary goes to standard output with text, else to standard error.
    #[arg(long, short, value_enum, default_value_t = ResultFormat::Text)]
    pub(crate) format: ResultFormat,

    /// Write the results to this file, or folder (yolo, voc), instead of standard output.
    #[arg(long, short, value_name = "FILE|DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Save each photo with its boxes drawn, as a JPEG in this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) annotate: Option<PathBuf>,

    /// Save each photo as a JPEG in this folder, with the objects found (of --classes) made unrecognisable and without
    /// metadata. A detector misses objects: lower --confidence, and look at the photos before you publish them.
    #[arg(long, value_name = "DIR")]
    pub(crate) redact: Option<PathBuf>,

    /// How --redact hides objects.
    #[arg(long, value_enum, value_name = "STYLE", default_value_t = RedactStyle::Blur, requires = "redact")]
    pub(crate) redact_style: RedactStyle,

    /// By how much of its width and height --redact enlarges a box on every side, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = redact::MARGIN, requires = "redact", value_parser = margin, allow_negative_numbers = true)]
    pub(crate) redact_margin: f32,

    /// Print only results and warnings: no progress, no summary.
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Do not print the summary.
    #[arg(long)]
    pub(crate) no_summary: bool,

    /// Exit with 3 if this is true, for example 'p95>300ms', 'failures>1%' or 'throughput<20' (repeatable).
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<Condition>,

    #[command(flatten)]
    pub(crate) export: ExportArgs,
    #[command(flatten)]
    pub(crate) filing: FilingArgs,
}

impl ReportArgs {
    /// Whether the statistics are wanted.
    pub(crate) fn sums_up(&self) -> bool {
        !self.quiet && !self.no_summary
    }

    /// What has to be known of the models that answered, where no summary says it.
    pub(crate) fn warn_of_models(&self, tally: &Tally) {
        for note in tally.models.iter().filter_map(|model| model.note.as_ref()) {
            notice!("uploader: {}", hint::here(note));
        }
    }

    /// The pictures to be made of each photo, and where.
    pub(crate) fn pictures(&self) -> Vec<(PathBuf, Drawing)> {
        let redacted = Drawing::Redacted(self.redact_style.style(), self.redact_margin);
        let folders = [(&self.annotate, Drawing::Boxes), (&self.redact, redacted)];
        folders.into_iter().filter_map(|(folder, drawing)| Some((folder.clone()?, drawing))).collect()
    }

    /// Refuses outputs that are what is read. `places` are where in their folders pictures are put.
    pub(crate) fn spare<'a>(&self, inputs: &Inputs, places: impl Iterator<Item = &'a Path>) -> Result<()> {
        inputs.spare_standard_output()?;
        if let Some(output) = &self.output {
            inputs.spare("--output", output)?;
        }
        if let (Some(annotate), Some(redact)) = (&self.annotate, &self.redact)
            && annotate == redact
        {
            bail!("--annotate and --redact would write the same files in {}; use two folders", annotate.display());
        }
        let wanted = [("--annotate", &self.annotate), ("--redact", &self.redact)];
        let below: BTreeSet<PathBuf> = places.map(folder_of).collect();
        for (option, folder) in wanted.into_iter().filter_map(|(option, folder)| Some((option, folder.as_ref()?))) {
            below.iter().try_for_each(|below| inputs.spare_drawing_in(option, &folder.join(below)))?;
        }
        Ok(())
    }
}
