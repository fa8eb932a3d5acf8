//! Which photos take part, and under which keys.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use wire::{ItemError, S3Uri};

use crate::args::SelectionArgs;
use crate::photo::{Found, Source, item_error};

/// S3's limit on keys, in bytes.
const LONGEST_KEY: usize = 1024;

/// A photo of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Photo {
    /// What it is called in the output: its path as given, or where in S3 it is.
    pub(crate) name: PathBuf,
    /// Whether `name` is a file of this machine.
    pub(crate) local: bool,
    /// Its key.
    pub(crate) key: Arc<str>,
}

impl Photo {
    /// Its path inside the bucket's prefix.
    pub(crate) fn place(&self, folder: &str) -> &Path {
        Path::new(self.key.strip_prefix(folder).unwrap_or(&self.key))
    }
}

/// What the paths of a command line come to.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) photos: Vec<Photo>,
    /// Photos that no key can be made for.
    pub(crate) refused: Vec<(PathBuf, ItemError)>,
}

impl Selection {
    /// Gives each photo its key in `bucket`. Two photos with one key are a mistake of the command line, found before
    /// anything is uploaded.
    pub(crate) fn of(found: Vec<Found>, args: &SelectionArgs, bucket: &S3Uri) -> Result<Self> {
        let mut selection = Self::default();
        let mut taken: HashMap<Arc<str>, usize> = HashMap::with_capacity(found.len());
        let mut left_out = 0;
        for Found { path, name, source, .. } in found {
            if let Source::Fault { error, is_folder: true } = source {
                // A folder that nobody could look into may hold what --include wants.
                if !matches(&args.exclude, &name) {
                    selection.refused.push((path, error));
                }
                continue;
            }
            if !is_wanted(args, &name) {
                left_out += 1;
                continue;
            }
            if let Source::Fault { error, .. } = source {
                selection.refused.push((path, error));
                continue;
            }
            let key: Arc<str> = match key(bucket, &name) {
                Ok(key) => key.into(),
                Err(error) => {
                    selection.refused.push((path, error));
                    continue;
                }
            };
            match taken.entry(key) {
                Entry::Vacant(slot) => {
                    selection.photos.push(Photo { name: path, local: true, key: Arc::clone(slot.key()) });
                    slot.insert(selection.photos.len() - 1);
                }
                Entry::Occupied(slot) => {
                    let other = &selection.photos[*slot.get()].name;
                    // The same file named twice is no contradiction.
                    if *other != path {
                        bail!(
                            "{} and {} would have the same key, s3://{}/{}; give their common folder instead, and select \
                             with --include",
                            other.display(),
                            path.display(),
                            bucket.bucket,
                            slot.key()
                        );
                    }
                }
            }
        }
        if selection.photos.is_empty() && selection.refused.is_empty() {
            bail!("--include and --exclude exclude all {left_out} photos");
        }
        Ok(selection)
    }
}

/// Whether a photo takes part, by its path inside the folder that was given, or inside the bucket's prefix.
pub(crate) fn is_wanted(args: &SelectionArgs, name: &Path) -> bool {
    (args.include.is_empty() || matches(&args.include, name)) && !matches(&args.exclude, name)
}

fn matches(patterns: &[glob::Pattern], name: &Path) -> bool {
    patterns.iter().any(|pattern| pattern.matches_path(name))
}

/// The key of a photo by its path inside the folder that was given.
fn key(bucket: &S3Uri, name: &Path) -> Result<String, ItemError> {
    let invalid =
        |reason: &str| Err(item_error("invalid_key", format!("Invalid object key: {reason}. Rename the file.")));
    let mut parts = Vec::new();
    for component in name.components() {
        let Component::Normal(part) = component else { continue };
        match part.to_str() {
            Some(part) => parts.push(part),
            None => return invalid("it is not UTF-8"),
        }
    }
    let key = bucket.join(&parts.join("/"));
    // S3 would take them, and then tell them in listings that no XML parser reads.
    if key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return invalid("it has control characters");
    }
    if key.len() > LONGEST_KEY {
        return invalid("it is longer than 1024 bytes, prefix included");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<Found> {
        names.iter().map(|name| Found { name: name.into(), ..Found::file(Path::new("in").join(name)) }).collect()
    }

    fn select(names: &[&str], args: &SelectionArgs) -> Vec<String> {
        let bucket = "s3://b/photos/".parse().unwrap();
        let photos = Selection::of(found(names), args, &bucket).unwrap().photos;
        photos.into_iter().map(|photo| photo.key.to_string()).collect()
    }

    fn patterns(texts: &[&str]) -> Vec<glob::Pattern> {
        texts.iter().map(|text| glob::Pattern::new(text).unwrap()).collect()
    }

    #[test]
    fn keys_are_the_prefix_and_the_path() {
        let names = ["a b+é(1).jpg", "album/c%20d.png"];
        assert_eq!(select(&names, &SelectionArgs::default()), ["photos/a b+é(1).jpg", "photos/album/c%20d.png"]);
        assert_eq!(key(&"s3://b".parse().unwrap(), Path::new("x/y.jpg")).unwrap(), "x/y.jpg");
    }

    #[test]
    fn globs_choose_by_the_path_inside_the_folder() {
        let names = ["1.jpg", "a/2.jpg", "a/3.png", "b/4.jpg"];
        let args = SelectionArgs { include: patterns(&["*.jpg"]), exclude: patterns(&["b/*"]) };
        assert_eq!(select(&names, &args), ["photos/1.jpg", "photos/a/2.jpg"]);
        let args = SelectionArgs { include: patterns(&["none*"]), exclude: Vec::new() };
        let error = Selection::of(found(&names), &args, &"s3://b".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("exclude all 4 photos"), "{error}");
    }

    #[test]
    fn two_photos_with_one_key_are_both_named() {
        let both = [("x/1.jpg", "1.jpg"), ("y/1.jpg", "1.jpg")];
        let found = both.map(|(path, name)| Found { name: name.into(), ..Found::file(path.into()) }).to_vec();
        let error = Selection::of(found.clone(), &SelectionArgs::default(), &"s3://b/p".parse().unwrap()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("x/1.jpg") && text.contains("y/1.jpg") && text.contains("s3://b/p/1.jpg"), "{text}");
        let twice = vec![found[0].clone(), found[0].clone()];
        let selection = Selection::of(twice, &SelectionArgs::default(), &"s3://b/p".parse().unwrap()).unwrap();
        assert_eq!(selection.photos.len(), 1);
    }

    #[test]
    fn names_that_no_key_can_have_are_that_photos_error() {
        let long = "x".repeat(1020);
        for name in ["a\nb.jpg", "a\u{1}.jpg", &long] {
            let selection =
                Selection::of(found(&[name]), &SelectionArgs::default(), &"s3://b/photos".parse().unwrap()).unwrap();
            assert_eq!((selection.photos.len(), selection.refused[0].1.code.as_str()), (0, "invalid_key"), "{name:?}");
        }
    }
}
