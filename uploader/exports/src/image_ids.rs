//! COCO's numbers for photos: each its own, and the same whenever the same photos are listed.

use std::collections::HashMap;
use std::path::Path;

/// Larger numbers are not the same for every reader of JSON.
const LARGEST: u64 = (1 << 53) - 1;

/// The number of each photo of a run.
#[derive(Debug, Default)]
pub(crate) struct ImageIds<'a>(HashMap<&'a Path, u64>);

impl<'a> ImageIds<'a> {
    /// Numbers photos. A file that is called by a number keeps it, as COCO's own (`000000000139.jpg` is 139), unless another
    /// file is called by the same; all others are counted on from the largest, in the order given.
    pub(crate) fn of(photos: impl Iterator<Item = &'a Path> + Clone) -> Self {
        // By what file; `None` where several are called by it.
        let mut named: HashMap<u64, Option<&Path>> = HashMap::new();
        for photo in photos.clone() {
            if let Some(number) = number(photo) {
                let file = named.entry(number).or_insert(Some(photo));
                *file = file.filter(|file| *file == photo);
            }
        }
        let mut ids = HashMap::new();
        let mut next = named.keys().max().map_or(1, |largest| largest + 1);
        for photo in photos {
            if ids.contains_key(photo) {
                continue;
            }
            let own = number(photo).filter(|number| named.get(number).is_some_and(Option::is_some));
            let id = own.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            ids.insert(photo, id);
        }
        Self(ids)
    }

    /// A photo's number; `None` for one that was not listed.
    pub(crate) fn get(&self, photo: &Path) -> Option<u64> {
        self.0.get(photo).copied()
    }
}

/// The number that a file is called by.
fn number(photo: &Path) -> Option<u64> {
    let stem = photo.file_stem()?.to_str()?;
    // `parse` would take a sign, too.
    let digits = stem.bytes().all(|byte| byte.is_ascii_digit());
    stem.parse().ok().filter(|number| digits && *number <= LARGEST - (1 << 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(photos: &[&str]) -> Vec<u64> {
        let ids = ImageIds::of(photos.iter().map(Path::new));
        photos.iter().map(|photo| ids.get(Path::new(photo)).unwrap()).collect()
    }

    #[test]
    fn numbers_are_kept_where_they_are_one_photos() {
        assert_eq!(ids(&["val/000000000139.jpg", "val/000000000285.jpg"]), [139, 285]);
        assert_eq!(ids(&["x/1.jpg", "y/1.jpg"]), [2, 3]);
        assert_eq!(ids(&["a.jpg", "7.jpg", "b/a.jpg", "+5.jpg", "007.png", "9.jpg"]), [10, 11, 12, 13, 14, 9]);
        assert_eq!(ids(&["cat.jpg", "dog.jpg"]), [1, 2]);
        assert_eq!(ids(&["18446744073709551615.jpg", "99999999999999999999999.jpg"]), [1, 2]);
        assert_eq!(ids(&["1.jpg", "1.jpg"]), [1, 1], "the same photo twice is the same photo");
    }
}
