//! What is known to be in photos. One file per format.

mod coco;
mod voc;
mod yolo;

use std::io;
use std::path::{Path, PathBuf};

/// A ground truth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Truth {
    /// The photos that were looked through, whether or not there is anything in them.
    pub images: Vec<Image>,
    /// What was looked for.
    pub categories: Vec<Category>,
    /// What was found.
    pub objects: Vec<Object>,
    /// Boxes are shares of the photo's width and height, to be turned into pixels once these are known.
    pub is_relative: bool,
    /// Images are named without the extensions of their files.
    pub has_stems: bool,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// A photo of the truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its number in the file, where it has one.
    pub id: Option<i64>,
    /// Its path or its name, `/` between folders.
    pub name: String,
    /// Its width and height in pixels, where the truth tells them.
    pub size: Option<(u32, u32)>,
}

/// A class of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its number in the file.
    pub id: i64,
    /// What it is called.
    pub name: String,
}

/// An object in a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object {
    /// Which of the images.
    pub image: usize,
    /// Which of the categories.
    pub category: usize,
    /// Left, top, width, height.
    pub bbox: [f64; 4],
    /// In square pixels, which decides whether it is small, medium or large; the box's where it is not told.
    pub area: Option<f64>,
    /// Many of them in one box, which is neither missed nor found: detections in it count for nothing.
    pub is_crowd: bool,
}

/// Why there is no truth.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// It cannot be read.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl TruthError {
    fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), reason: reason.into() }
    }

    fn io(path: &Path, reason: io::Error) -> Self {
        Self::Io { path: path.to_owned(), reason }
    }
}

/// A format that a truth may be in.
trait Reader {
    /// Whether a file or folder looks like it.
    fn fits(&self, path: &Path) -> bool;

    /// Reads all of it.
    fn read(&self, path: &Path) -> Result<Truth, TruthError>;
}

const READERS: [&dyn Reader; 3] = [&coco::Coco, &yolo::Yolo, &voc::Voc];

impl Truth {
    /// Reads a COCO file (`.json`), a YOLO dataset (`data.yaml` or its folder) or a folder of Pascal VOC's XML files.
    ///
    /// # Errors
    /// [`TruthError`] names the file and, where it can, the entry.
    pub fn read(path: &Path) -> Result<Self, TruthError> {
        // A path that is not there says so, and not that it has no known format.
        std::fs::metadata(path).map_err(|reason| TruthError::io(path, reason))?;
        let Some(reader) = READERS.into_iter().find(|reader| reader.fits(path)) else {
            return Err(TruthError::format(
                path,
                "not a ground truth: expected a COCO file (.json), a YOLO data.yaml or the folder with it, or a folder of \
                 Pascal VOC .xml files",
            ));
        };
        let truth = reader.read(path)?;
        if truth.images.is_empty() {
            return Err(TruthError::format(path, "it has no images"));
        }
        Ok(truth)
    }

    /// Keeps only the objects of some categories.
    pub fn retain(&mut self, keep: impl Fn(&Category) -> bool) {
        let kept: Vec<bool> = self.categories.iter().map(&keep).collect();
        let place: Vec<usize> = (0..kept.len()).map(|at| kept[..at].iter().filter(|kept| **kept).count()).collect();
        self.objects.retain(|object| kept[object.category]);
        self.objects.iter_mut().for_each(|object| object.category = place[object.category]);
        self.categories.retain(keep);
    }
}

impl Object {
    /// Its box in pixels of a photo of that size, where the truth gives shares of it.
    pub(crate) fn in_pixels(&self, is_relative: bool, (width, height): (u32, u32)) -> [f64; 4] {
        let [x, y, w, h] = self.bbox;
        let (width, height) = if is_relative { (f64::from(width), f64::from(height)) } else { (1.0, 1.0) };
        [x * width, y * height, w * width, h * height]
    }
}
