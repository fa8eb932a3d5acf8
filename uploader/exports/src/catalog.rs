//! What each photo of a run is called in a dataset, and its number.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::image_ids::ImageIds;
use crate::photo_name::{Common, parts, split, stem};

pub use crate::photo_name::Root;

/// A photo of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CatalogEntry<'a> {
    /// Its number, as COCO has them.
    pub id: u64,
    /// Its path in the dataset, `/` between the parts.
    pub name: &'a str,
    /// The same without extension, and no other photo's, not even on a file system that knows no case.
    pub stem: &'a str,
}

/// All photos of a run. There may be millions: of a name only its length is kept, where it is the end of the photo's path.
#[derive(Debug, Clone, Default)]
pub struct Catalog(HashMap<PathBuf, Kept>);

#[derive(Debug, Clone)]
struct Kept {
    id: u64,
    name: Name,
    /// Where it is not the name's own.
    stem: Option<Box<str>>,
}

#[derive(Debug, Clone)]
enum Name {
    /// The last bytes of the path.
    End(usize),
    Own(Box<str>),
}

impl Catalog {
    /// Lists photos, each with its path inside of what was given, where that is known. A photo's name is its path inside
    /// `root`; without one, inside the folder that was given, where that is one and known; else inside the folder that all
    /// photos have in common.
    pub fn of<'a>(photos: impl Iterator<Item = (&'a Path, Option<&'a Path>)> + Clone, root: Option<&Root>) -> Self {
        let ids = ImageIds::of(photos.clone().map(|(photo, _)| photo));
        let mut common = Common::default();
        photos.clone().for_each(|(photo, _)| common.add(&photo.to_string_lossy()));
        let by_place = root.is_none() && have_one_root(photos.clone());
        let mut names = Taken::default();
        let mut stems = Taken::default();
        let mut listed: HashMap<PathBuf, Kept> = HashMap::new();
        for (photo, place) in photos {
            if listed.contains_key(photo) {
                continue;
            }
            let text = photo.to_string_lossy();
            let name = match (root, place.filter(|_| by_place)) {
                (Some(root), _) => root.inside(&text).unwrap_or_else(|| parts(&text).join("/")),
                (None, Some(place)) => parts(&place.to_string_lossy()).join("/"),
                (None, None) => common.inside(&text),
            };
            let name = if split(&name).1.is_empty() { "photo".to_owned() } else { name };
            let name = names.take(&name, str::to_owned).unwrap_or(name);
            let stem = stems.take(stem(&name).0, str::to_lowercase).map(String::into_boxed_str);
            let is_end = photo.to_str().is_some_and(|photo| photo.ends_with(&name));
            let name = if is_end { Name::End(name.len()) } else { Name::Own(name.into()) };
            listed.insert(photo.to_owned(), Kept { id: ids.get(photo).unwrap_or_default(), name, stem });
        }
        Self(listed)
    }

    /// A photo's entry; `None` for one that was not listed.
    #[must_use]
    pub fn get(&self, photo: &Path) -> Option<CatalogEntry<'_>> {
        let (photo, kept) = self.0.get_key_value(photo)?;
        let name = match &kept.name {
            Name::Own(name) => name,
            Name::End(length) => {
                let photo = photo.to_str()?;
                photo.get(photo.len().checked_sub(*length)?..)?
            }
        };
        Some(CatalogEntry { id: kept.id, name, stem: kept.stem.as_deref().unwrap_or_else(|| stem(name).0) })
    }
}

/// Whether all photos lie in one folder that was given.
fn have_one_root<'a>(photos: impl Iterator<Item = (&'a Path, Option<&'a Path>)>) -> bool {
    let mut roots = photos.map(|(photo, place)| {
        let (photo, place) = (photo.as_os_str().as_encoded_bytes(), place?.as_os_str().as_encoded_bytes());
        photo.strip_suffix(place)
    });
    let first = roots.next().flatten();
    first.is_some() && roots.all(|root| root == first)
}

/// Names that are given away once. Only their hashes are kept: where two were the same, a name would have a number that it
/// needs not.
#[derive(Default)]
struct Taken(HashSet<u64>);

impl Taken {
    /// Takes a name; where it is taken, gives another, with a number. `same` makes of names what is compared.
    fn take(&mut self, name: &str, same: impl Fn(&str) -> String) -> Option<String> {
        let hash = |name: &str| {
            // The same in every run.
            let mut hasher = DefaultHasher::new();
            same(name).hash(&mut hasher);
            hasher.finish()
        };
        if self.0.insert(hash(name)) {
            return None;
        }
        let (before, extension) = stem(name);
        (2..u64::MAX).map(|number| format!("{before}-{number}{extension}")).find(|name| self.0.insert(hash(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(photos: &[(&str, Option<&str>)], root: Option<&str>) -> Vec<(String, String)> {
        let root = root.map(Root::new);
        let listed = photos.iter().map(|(photo, place)| (Path::new(*photo), place.map(Path::new)));
        let catalog = Catalog::of(listed, root.as_ref());
        let name = |photo: &str| catalog.get(Path::new(photo)).map(|it| (it.name.to_owned(), it.stem.to_owned()));
        photos.iter().map(|(photo, _)| name(photo).unwrap()).collect()
    }

    fn pair(name: &str, stem: &str) -> (String, String) {
        (name.to_owned(), stem.to_owned())
    }

    #[test]
    fn names_are_those_in_the_folder_that_was_given() {
        let photos = [("/in/only/x.jpg", Some("only/x.jpg")), ("/in/only/y z.jpg", Some("only/y z.jpg"))];
        assert_eq!(names(&photos, None), [pair("only/x.jpg", "only/x"), pair("only/y z.jpg", "only/y z")]);
        assert_eq!(names(&photos, Some("/in/only"))[0].0, "x.jpg");
        assert_eq!(names(&photos, Some("/elsewhere"))[0].0, "in/only/x.jpg");
    }

    #[test]
    fn the_same_name_in_two_folders_is_told_apart_by_the_folders() {
        let photos = [("/in/a/x.jpg", Some("x.jpg")), ("/in/b/x.png", Some("x.png"))];
        assert_eq!(names(&photos, None), [pair("a/x.jpg", "a/x"), pair("b/x.png", "b/x")]);
        let unplaced = [("s3://one/x.jpg", None), ("s3://two/x.jpg", None)];
        assert_eq!(names(&unplaced, None), [pair("one/x.jpg", "one/x"), pair("two/x.jpg", "two/x")]);
    }

    #[test]
    fn equal_stems_get_numbers() {
        let photos = ["x.jpg", "x.png", "X.webp", "x-2.jpg", "x.jpg"].map(|name| (name, Some(name)));
        let stems: Vec<String> = names(&photos, None).into_iter().map(|(_, stem)| stem).collect();
        assert_eq!(stems, ["x", "x-2", "X-3", "x-2-2", "x"]);
    }

    #[test]
    fn what_differs_in_its_spelling_only_is_told_apart_nevertheless() {
        let photos = [("s3://in/x.jpg", None), ("in/x.jpg", None), ("in/y.jpg", None)];
        assert_eq!(names(&photos, None)[1].0, "x-2.jpg");
    }
}
