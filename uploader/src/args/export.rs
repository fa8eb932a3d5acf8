//! Formats for other programs, and photos filed by what is on them.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use super::ResultFormat;

/// Details of the formats.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Formats")]
pub(crate) struct ExportArgs {
    /// In datasets, name photos by their path in this folder or below this s3:// prefix [default: the folder given; where
    /// several are given, the one they have in common].
    #[arg(long, value_name = "DIR")]
    pub(crate) relative_to: Option<String>,

    /// With yolo and voc: also put the photos into the dataset, as symbolic links or copies.
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) with_photos: Option<WithPhotos>,

    /// With yolo: write the score as a sixth column. With voc: as <confidence>.
    #[arg(long)]
    pub(crate) with_scores: bool,

    /// Also make a gallery in this folder, beside any format: a page that shows the photos, opened from disk.
    #[arg(long, value_name = "DIR")]
    pub(crate) gallery: Option<PathBuf>,

    /// With label-studio: URL of the photos, which their names are added to [default: /data/local-files/?d=].
    #[arg(long, value_name = "URL")]
    pub(crate) image_url: Option<String>,
}

/// How photos get into a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WithPhotos {
    /// Symbolic links.
    Link,
    /// Copies.
    Copy,
}

impl ExportArgs {
    /// Refuses what means nothing with a format.
    pub(crate) fn fit(&self, format: ResultFormat) -> Result<()> {
        use ResultFormat::{Coco, Csv, Gallery, Jsonl, LabelStudio, Parquet, Text, Voc, Yolo};
        let name = format.name();
        if !matches!(format, Yolo | Voc) && self.with_photos.is_some() {
            bail!("--with-photos needs --format yolo or voc, not {name}");
        }
        if !matches!(format, Yolo | Voc) && self.with_scores {
            bail!("--with-scores needs --format yolo or voc, not {name}");
        }
        if format != LabelStudio && self.image_url.is_some() {
            bail!("--image-url needs --format label-studio, not {name}");
        }
        if matches!(format, Text | Jsonl | Csv | Coco | Parquet | Gallery) && self.relative_to.is_some() {
            bail!("--relative-to needs a dataset's --format, not {name}, which has paths as they were given");
        }
        Ok(())
    }
}

/// What is done with the photos themselves.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Photos by label")]
pub(crate) struct FilingArgs {
    /// Add the labels found as keywords to an XMP file beside each photo, or in DIR; photos are not changed.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub(crate) xmp: Option<Option<PathBuf>>,

    /// Name of the XMP file of cat.jpg.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = XmpName::Full, requires = "xmp")]
    pub(crate) xmp_name: XmpName,

    /// Put each photo into a folder of DIR for each label found on it, or into no-objects.
    #[arg(long, value_name = "DIR")]
    pub(crate) sort_into: Option<PathBuf>,

    /// How --sort-into puts them there.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = SortedAs::Link, requires = "sort_into")]
    pub(crate) sort_as: SortedAs,
}

/// What an XMP file is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum XmpName {
    /// `cat.jpg.xmp`, as digiKam and darktable have it.
    #[default]
    Full,
    /// `cat.xmp`, as Lightroom has it.
    Stem,
}

/// How photos are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortedAs {
    /// Symbolic links.
    #[default]
    Link,
    /// Hard links.
    Hardlink,
    /// Copies.
    Copy,
}
