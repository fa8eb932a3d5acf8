//! What was found and skipped: counted by kind, and named where somebody wants to know.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use super::kind::Kind;

/// Files that are not sent, though they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SkippedFiles {
    /// How many of each kind that is no photo.
    kinds: BTreeMap<Kind, u64>,
    /// Photos that an earlier run has drawn, by the folder they are in.
    drawn: BTreeMap<PathBuf, u64>,
    /// Objects of S3 whose names are not like a photo's.
    named_otherwise: u64,
    /// All of them, where they are to be named.
    named: Option<Vec<(PathBuf, Kind)>>,
}

impl SkippedFiles {
    /// Nothing yet; with `named`, each will be remembered by its name.
    pub(super) fn new(named: bool) -> Self {
        Self { named: named.then(Vec::new), ..Self::default() }
    }

    /// Counts a file.
    pub(super) fn add(&mut self, path: &Path, kind: Kind) {
        if kind == Kind::Drawn {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            *self.drawn.entry(folder.to_owned()).or_default() += 1;
        } else {
            *self.kinds.entry(kind.counted_as()).or_default() += 1;
        }
        if let Some(named) = &mut self.named {
            named.push((path.to_owned(), kind));
        }
    }

    /// Counts objects of S3 that were not even looked into.
    pub(crate) fn add_named_otherwise(&mut self, count: u64) {
        self.named_otherwise += count;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.drawn.is_empty() && self.named_otherwise == 0
    }

    /// Each file, where they were to be named.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&Path, Kind)> {
        self.named.iter().flatten().map(|(path, kind)| (path.as_path(), *kind))
    }
}

impl Display for SkippedFiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let count: u64 = self.kinds.values().sum();
        if count > 0 {
            let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| kind.counted(*count)).collect();
            let are = if count == 1 { "file is not a photo" } else { "files are not photos" };
            write!(f, "{count} {are}: {}", kinds.join(", "))?;
        }
        for (place, (folder, count)) in self.drawn.iter().enumerate() {
            let comma = if place > 0 || !self.kinds.is_empty() { "; " } else { "" };
            let drawn = Kind::Drawn.counted(*count);
            write!(f, "{comma}{drawn} by an earlier run, in {}", folder.display())?;
        }
        if self.named_otherwise > 0 {
            let comma = if self.kinds.is_empty() && self.drawn.is_empty() { "" } else { "; " };
            let objects = if self.named_otherwise == 1 { "object is" } else { "objects are" };
            write!(f, "{comma}{} {objects} not named like a photo", self.named_otherwise)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use detector::UnsupportedType;

    use super::*;

    #[test]
    fn it_reads_as_a_sentence() {
        let mut skipped = SkippedFiles::new(false);
        skipped.add(Path::new("a/x"), Kind::Unsupported(UnsupportedType::Text));
        assert_eq!(skipped.to_string(), "1 file is not a photo: 1 text");
        for kind in [UnsupportedType::Video, UnsupportedType::Empty, UnsupportedType::Empty] {
            skipped.add(Path::new("a/y"), Kind::Unsupported(kind));
        }
        assert_eq!(skipped.to_string(), "4 files are not photos: 2 empty, 1 text, 1 video");
        skipped.add(Path::new("out/1.jpg"), Kind::Drawn);
        assert!(
            skipped.to_string().ends_with("1 video; 1 photo with boxes drawn by an earlier run, in out"),
            "{skipped}"
        );
        assert_eq!(skipped.named().count(), 0);
        skipped.add_named_otherwise(2);
        assert!(skipped.to_string().ends_with("in out; 2 objects are not named like a photo"), "{skipped}");
    }
}
