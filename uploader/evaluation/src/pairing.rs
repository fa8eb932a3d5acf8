//! Which photo is which image of the truth.

use std::collections::{HashMap, HashSet};

use crate::Image;

/// A photo: its path, and what it is called in the folder that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its path, as it was found.
    pub path: String,
    /// Its path inside the folder that was given.
    pub name: String,
}

/// Who belongs to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairing {
    /// For each photo, its image.
    pub images: Vec<Option<usize>>,
    /// Images for which there is no photo.
    pub missing: Vec<usize>,
    /// Images for which there are several photos, of which none is more likely than the others.
    pub ambiguous: Vec<usize>,
}

/// Finds the photo of each image: the one whose path ends in the image's name; else the one that is called like it, where
/// neither the truth nor the photos have another of that name.
#[must_use]
pub fn pair(images: &[Image], photos: &[Named], has_stems: bool) -> Pairing {
    let parts = |path: &str| -> Vec<String> {
        let path = path.replace('\\', "/");
        let path = if has_stems { without_extension(&path) } else { &path };
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    let wanted: Vec<Vec<String>> = images
        .iter()
        .map(|image| image.name.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect())
        .collect();
    let paths: Vec<Vec<String>> = photos.iter().map(|photo| parts(&photo.path)).collect();
    let names: Vec<Vec<String>> = photos.iter().map(|photo| parts(&photo.name)).collect();
    let mut called: HashMap<&str, Vec<usize>> = HashMap::new();
    for (photo, path) in paths.iter().enumerate() {
        called.entry(path.last().map_or("", String::as_str)).or_default().push(photo);
    }
    let mut namesakes: HashMap<&str, usize> = HashMap::new();
    for name in &wanted {
        *namesakes.entry(name.last().map_or("", String::as_str)).or_default() += 1;
    }
    let mut pairing = Pairing { images: vec![None; photos.len()], ..Pairing::default() };
    // The longest names first: what they take is nobody else's.
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by_key(|image| std::cmp::Reverse(wanted[*image].len()));
    let mut seen: HashSet<&[String]> = HashSet::new();
    for image in order {
        let name = &wanted[image];
        let base = name.last().map_or("", String::as_str);
        let all = called.get(base).map_or(&[][..], Vec::as_slice);
        let free: Vec<usize> = all.iter().copied().filter(|photo| pairing.images[*photo].is_none()).collect();
        let ending: Vec<usize> = free.iter().copied().filter(|photo| paths[*photo].ends_with(name)).collect();
        let exact: Vec<usize> = ending.iter().copied().filter(|photo| names[*photo] == *name).collect();
        // Two images of one name cannot be told from each other.
        let is_first = seen.insert(name);
        match (ending.as_slice(), exact.as_slice(), free.as_slice()) {
            ([photo], _, _) | (_, [photo], _) if is_first => pairing.images[*photo] = Some(image),
            ([], _, [photo]) if is_first && all.len() == 1 && namesakes.get(base) == Some(&1) => {
                pairing.images[*photo] = Some(image);
            }
            (_, _, []) => pairing.missing.push(image),
            _ => pairing.ambiguous.push(image),
        }
    }
    pairing.missing.sort_unstable();
    pairing.ambiguous.sort_unstable();
    pairing
}

fn without_extension(path: &str) -> &str {
    match path.rfind('.') {
        Some(dot) if dot > path.rfind('/').map_or(0, |slash| slash + 1) => &path[..dot],
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paired(truth: &[&str], photos: &[(&str, &str)], has_stems: bool) -> Pairing {
        let images: Vec<Image> =
            truth.iter().map(|name| Image { name: (*name).to_owned(), ..Image::default() }).collect();
        let photos: Vec<Named> =
            photos.iter().map(|(path, name)| Named { path: (*path).to_owned(), name: (*name).to_owned() }).collect();
        pair(&images, &photos, has_stems)
    }

    #[test]
    fn by_the_end_of_the_path() {
        let photos = [("p/a/1.jpg", "a/1.jpg"), ("p/b/1.jpg", "b/1.jpg"), ("p/2.jpg", "2.jpg")];
        let found = paired(&["b/1.jpg", "2.jpg", "3.jpg"], &photos, false);
        assert_eq!(found.images, [None, Some(0), Some(1)]);
        assert_eq!((found.missing, found.ambiguous), (vec![2], vec![]));
    }

    #[test]
    fn by_the_name_alone_where_it_is_the_only_one() {
        let photos = [("p/1.jpg", "1.jpg"), ("q/2.jpg", "2.jpg"), ("r/2.jpg", "2.jpg")];
        let found = paired(&["val2017/1.jpg", "val2017/2.jpg"], &photos, false);
        assert_eq!(found.images, [Some(0), None, None]);
        assert_eq!(found.ambiguous, [1]);
    }

    #[test]
    fn a_longer_name_takes_its_photo_first() {
        let photos = [("p/1.jpg", "1.jpg"), ("p/old/1.jpg", "old/1.jpg")];
        assert_eq!(paired(&["1.jpg", "old/1.jpg"], &photos, false).images, [Some(0), Some(1)]);
        assert_eq!(paired(&["1.jpg"], &photos, false).images, [Some(0), None]);
    }

    #[test]
    fn two_images_of_one_name_have_one_photo() {
        let found = paired(&["1.jpg", "1.jpg"], &[("p/1.jpg", "1.jpg")], false);
        assert_eq!(found.images.iter().flatten().count() + found.missing.len() + found.ambiguous.len(), 2);
    }

    #[test]
    fn stems_fit_any_extension() {
        let photos = [("d/images/val/1.jpeg", "images/val/1.jpeg"), ("d/images/a.b.png", "images/a.b.png")];
        assert_eq!(paired(&["images/val/1", "images/a.b"], &photos, true).images, [Some(0), Some(1)]);
    }
}
