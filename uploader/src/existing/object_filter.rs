//! Which of a bucket's objects are photos that somebody wants to have looked at.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use wire::S3Uri;

use crate::args::{ExistingArgs, SelectionArgs};
use crate::bulk::{Stored, is_wanted};

/// What a photo's name usually ends with, without regard to case.
const SUFFIXES: [&str; 13] =
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".gif"];

/// Whether a key ends as a photo's usually does.
pub(crate) fn is_named_like_a_photo(key: &str) -> bool {
    SUFFIXES.iter().any(|suffix| ends_with(key, suffix))
}

/// What is chosen by, and what was left out so far.
#[derive(Debug)]
pub(crate) struct ObjectFilter {
    bucket: String,
    folder: String,
    results: S3Uri,
    patterns: SelectionArgs,
    /// Empty: what a photo's name usually ends with.
    suffixes: Vec<String>,
    min_size: Option<u64>,
    max_size: Option<u64>,
    /// In seconds since 1970.
    newer_than: Option<f64>,
    pub(crate) left: Left,
}

/// What was left out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Left {
    folders: u64,
    results: u64,
    suffix: u64,
    patterns: u64,
    size: u64,
    age: u64,
    elsewhere: u64,
    pub(crate) old_versions: u64,
    pub(crate) delete_markers: u64,
}

impl ObjectFilter {
    pub(crate) fn new(args: &ExistingArgs, patterns: &SelectionArgs, photos: &S3Uri, results: &S3Uri) -> Self {
        Self {
            bucket: photos.bucket.clone(),
            folder: photos.folder(),
            results: results.clone(),
            patterns: patterns.clone(),
            suffixes: args.suffix.clone(),
            min_size: args.min_size,
            max_size: args.max_size,
            newer_than: args.newer_than,
            left: Left::default(),
        }
    }

    /// Whether an object takes part; counted where it does not.
    pub(crate) fn takes(&mut self, object: &Stored) -> bool {
        let left = &mut self.left;
        let Some(name) = object.key.strip_prefix(&self.folder).filter(|name| !name.is_empty()) else {
            left.elsewhere += u64::from(object.key != self.folder);
            return false;
        };
        let reason = if name.ends_with('/') {
            // What consoles make of a folder.
            &mut left.folders
        } else if self.results.holds(&self.bucket, &object.key) {
            &mut left.results
        } else if !self.suffixes.is_empty() && !self.suffixes.iter().any(|suffix| ends_with(name, suffix))
            || self.suffixes.is_empty() && !is_named_like_a_photo(name)
        {
            &mut left.suffix
        } else if !is_wanted(&self.patterns, Path::new(name)) {
            &mut left.patterns
        } else if object.size.is_some_and(|size| {
            self.min_size.is_some_and(|least| size < least) || self.max_size.is_some_and(|most| size > most)
        }) {
            &mut left.size
        } else if object.modified.zip(self.newer_than).is_some_and(|(modified, after)| modified < after) {
            &mut left.age
        } else {
            return true;
        };
        *reason += 1;
        false
    }
}

/// Without regard to case; `*` ends every name.
fn ends_with(name: &str, suffix: &str) -> bool {
    if suffix == "*" {
        return true;
    }
    let (name, suffix) = (name.as_bytes(), suffix.as_bytes());
    name.len() >= suffix.len() && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
}

impl Left {
    fn reasons(&self) -> [(u64, &'static str); 9] {
        [
            (self.suffix, "by --suffix"),
            (self.patterns, "by --include and --exclude"),
            (self.size, "by size"),
            (self.age, "by --newer-than"),
            (self.folders, "folders"),
            (self.results, "results"),
            (self.elsewhere, "outside the prefix"),
            (self.old_versions, "old versions"),
            (self.delete_markers, "delete markers"),
        ]
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.reasons().iter().map(|(count, _)| count).sum()
    }
}

impl Display for Left {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let reasons: Vec<String> = self
            .reasons()
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, reason)| format!("{count} {reason}"))
            .collect();
        f.write_str(&reasons.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(change: impl FnOnce(&mut ObjectFilter)) -> ObjectFilter {
        let mut filter = ObjectFilter::new(
            &ExistingArgs::default(),
            &SelectionArgs::default(),
            &"s3://b/in".parse().unwrap(),
            &"s3://b/in/results".parse().unwrap(),
        );
        change(&mut filter);
        filter
    }

    fn object(key: &str) -> Stored {
        Stored { key: key.to_owned(), size: Some(1000), modified: Some(100.0), ..Stored::default() }
    }

    #[test]
    fn photos_are_told_by_how_their_names_end() {
        let mut usual = filter(|_| {});
        for (key, takes) in [
            ("in/a.jpg", true),
            ("in/sub/B.JPEG", true),
            ("in/é.HeIc", true),
            ("in/a.txt", false),
            ("in/jpg", false),
            ("in/a.jpg/", false),
            ("in/", false),
            ("in2/a.jpg", false),
            ("in/results/a.jpg.annotated.jpg", false),
        ] {
            assert_eq!(usual.takes(&object(key)), takes, "{key}");
        }
        assert_eq!(usual.left.to_string(), "2 by --suffix, 1 folders, 1 results, 1 outside the prefix");
        let mut raw = filter(|filter| filter.suffixes = vec![".dng".to_owned()]);
        assert!(raw.takes(&object("in/a.DNG")) && !raw.takes(&object("in/a.jpg")));
        assert!(filter(|filter| filter.suffixes = vec!["*".to_owned()]).takes(&object("in/photo")));
    }

    #[test]
    fn sizes_and_ages_have_bounds() {
        let mut filter = filter(|filter| {
            (filter.min_size, filter.max_size, filter.newer_than) = (Some(1000), Some(2000), Some(100.0));
        });
        let sized = |size| Stored { size: Some(size), ..object("in/a.jpg") };
        assert!(filter.takes(&sized(1000)) && filter.takes(&sized(2000)));
        assert!(!filter.takes(&sized(999)) && !filter.takes(&sized(2001)));
        assert!(!filter.takes(&Stored { modified: Some(99.0), ..object("in/a.jpg") }));
        assert_eq!((filter.left.size, filter.left.age, filter.left.count()), (2, 1, 3));
    }
}
