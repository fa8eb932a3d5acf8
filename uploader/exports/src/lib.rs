//! Results in the formats that other programs read: a file for each format. Knows no HTTP, no AWS.
//!
//! ```text
//! Entry -> Exporter: text, jsonl, csv, coco
//!       -> Dataset (answers only, boxes inside the photo, names by the Catalog) -> Format: coco_dataset, yolo, voc, …
//! ```
//!
//! And photos filed by what is on them: [`Sidecars`] with keywords, [`Sorter`] into folders.

mod catalog;
mod categories;
mod coco;
mod coco_dataset;
mod csv;
mod cvat;
mod dataset;
mod entry;
mod folder;
mod gallery;
mod image_ids;
mod jsonl;
mod label_studio;
mod lines;
mod megadetector;
mod photo_name;
mod several;
mod sidecar;
mod sorter;
mod spool;
mod text;
mod voc;
mod xml;
mod yolo;

#[cfg(test)]
mod testing;

use anyhow::Result;

pub use catalog::{Catalog, CatalogEntry, Root};
pub use coco::Coco;
pub use coco_dataset::CocoDataset;
pub use csv::Csv;
pub use cvat::Cvat;
pub use dataset::{Dataset, Format, Object, Sample};
pub use entry::{ClientMs, Entry};
pub use folder::{Folder, Photos};
pub use gallery::Gallery;
pub use jsonl::JsonLines;
pub use label_studio::{LabelStudio, LabelStudioConfig};
pub use lines::{Content, LineSelection, Lines};
pub use megadetector::MegaDetector;
pub use several::Several;
pub use sidecar::{Filed, Naming, Sidecars};
pub use sorter::{SortAs, Sorter};
pub use spool::{ExporterFactory, Spool};
pub use text::{Text, described};
pub use voc::Voc;
pub use yolo::Yolo;

/// A format: told of each photo in order, then of the end.
pub trait Exporter {
    /// Writes one photo.
    ///
    /// # Errors
    /// The output cannot be written.
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()>;

    /// Writes what comes after the last photo.
    ///
    /// # Errors
    /// The output cannot be written.
    fn end(&mut self) -> Result<()>;

    /// What people are to be told when all is written: what the format has no place for.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
