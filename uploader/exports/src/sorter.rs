//! Photos sorted into folders by what is on them: links or copies, and nothing that is there already is touched.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wire::Answer;

use crate::dataset::label;
use crate::folder::{self, Photos};
use crate::photo_name::stem;

/// The folder of photos without objects.
const NOTHING: &str = "no-objects";
/// The longest name of a folder, in bytes: some file systems take no more than 255, and a number may follow.
const LONGEST: usize = 200;

/// How a photo gets into a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortAs {
    /// A symbolic link.
    Link,
    /// A hard link.
    HardLink,
    /// A copy.
    Copy,
}

/// The folders.
#[derive(Debug)]
pub struct Sorter {
    folder: PathBuf,
    how: SortAs,
    /// The folder of each label.
    by_label: HashMap<String, String>,
}

impl Sorter {
    /// Sorts into a folder, which is made where it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: &Path, how: SortAs) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("--sort-into {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), how, by_label: HashMap::new() })
    }

    /// Puts a photo into the folder of each label that is on it.
    ///
    /// # Errors
    /// It cannot be put there.
    pub fn sort(&mut self, photo: &Path, answer: &Answer) -> Result<()> {
        let mut labels: Vec<_> = answer.detections.iter().map(|object| label(&object.label, object.class_id)).collect();
        labels.sort();
        labels.dedup();
        if labels.is_empty() {
            return self.put(photo, NOTHING);
        }
        labels.iter().try_for_each(|label| {
            let folder = self.folder_of(label);
            self.put(photo, &folder)
        })
    }

    /// The folder of a label: one that no other label has, by whatever case.
    fn folder_of(&mut self, label: &str) -> String {
        if let Some(folder) = self.by_label.get(label) {
            return folder.clone();
        }
        let safe = safe(label);
        let taken = |name: &str| {
            let same = |other: &str| other.to_lowercase() == name.to_lowercase();
            same(NOTHING) || self.by_label.values().any(|other| same(other))
        };
        let numbered = || (2..u64::MAX).map(|number| format!("{safe}-{number}")).find(|name| !taken(name));
        let folder = if taken(&safe) { numbered().unwrap_or_else(|| safe.clone()) } else { safe.clone() };
        self.by_label.insert(label.to_owned(), folder.clone());
        folder
    }

    fn put(&self, photo: &Path, folder: &str) -> Result<()> {
        let folder = self.folder.join(folder);
        let what = || format!("cannot put {} into {}", photo.display(), folder.display());
        fs::create_dir_all(&folder).with_context(what)?;
        let name = photo.file_name().map_or_else(|| "photo".into(), |name| name.to_string_lossy());
        let (before, extension) = stem(&name);
        let mut to = folder.join(&*name);
        for number in 2_u64.. {
            match self.put_at(photo, &to) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                done => return done.with_context(what),
            }
            // An earlier run may have put it there.
            if self.is_there(photo, &to) {
                return Ok(());
            }
            to = folder.join(format!("{before}-{number}{extension}"));
        }
        Ok(())
    }

    fn put_at(&self, photo: &Path, to: &Path) -> io::Result<()> {
        match self.how {
            SortAs::Link => folder::put(photo, to, Photos::Linked),
            SortAs::Copy => folder::put(photo, to, Photos::Copied),
            // A link to a symbolic link would go astray with it.
            SortAs::HardLink => fs::hard_link(fs::canonicalize(photo)?, to),
        }
    }

    /// Whether what is at a path is this photo.
    fn is_there(&self, photo: &Path, to: &Path) -> bool {
        let same_file = || fs::canonicalize(photo).ok().zip(fs::canonicalize(to).ok()).is_some_and(|(a, b)| a == b);
        match self.how {
            SortAs::Link => same_file(),
            SortAs::HardLink | SortAs::Copy => !to.is_symlink() && same_content(photo, to).unwrap_or(false),
        }
    }
}

fn same_content(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (fs::File::open(a)?, fs::File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() || !b.metadata()?.is_file() {
        return Ok(false);
    }
    let (mut of_a, mut of_b) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let count = a.read(&mut of_a)?;
        if count == 0 {
            return Ok(true);
        }
        b.read_exact(&mut of_b[..count])?;
        if of_a[..count] != of_b[..count] {
            return Ok(false);
        }
    }
}

/// A label as the name of a folder, on every file system.
fn safe(label: &str) -> String {
    let is_unsafe = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c);
    let name: String = label.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    let mut name = name.trim().trim_end_matches(['.', ' ']).to_owned();
    let end = (0..=LONGEST.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    name.truncate(end);
    let device = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let is_device = ["CON", "PRN", "AUX", "NUL"].contains(&device.as_str())
        || (device.len() == 4 && (device.starts_with("COM") || device.starts_with("LPT")));
    // No hidden folders, and none that is this one or the one above.
    if name.is_empty() || name.starts_with('.') || is_device { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use wire::Outcome;

    use super::*;
    use crate::testing::answer;

    fn found(labels: &[&str]) -> Answer {
        let objects: Vec<_> = labels.iter().map(|label| (*label, 0, [0.0, 0.0, 9.0, 9.0])).collect();
        let Outcome::Answer(answer) = answer(&objects) else { unreachable!() };
        *answer
    }

    fn tree(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .flat_map(|label| fs::read_dir(label.unwrap().path()).unwrap())
            .map(|file| file.unwrap().path().strip_prefix(folder).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn each_label_has_a_folder_and_each_photo_is_there_once() {
        let home = tempfile::tempdir().unwrap();
        let photo = |name: &str, content: &str| {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path
        };
        let photos = [photo("a/x.jpg", "one"), photo("b/x.jpg", "two"), photo("b/none.png", "three")];
        for how in [SortAs::Link, SortAs::HardLink, SortAs::Copy] {
            let out = home.path().join(format!("{how:?}"));
            for _ in 0..2 {
                let mut sorter = Sorter::new(&out, how).unwrap();
                sorter.sort(&photos[0], &found(&["cat", "cat", "dog"])).unwrap();
                sorter.sort(&photos[1], &found(&["cat"])).unwrap();
                sorter.sort(&photos[2], &found(&[])).unwrap();
            }
            assert_eq!(tree(&out), ["cat/x-2.jpg", "cat/x.jpg", "dog/x.jpg", "no-objects/none.png"], "{how:?}");
            assert_eq!(fs::read_to_string(out.join("cat/x-2.jpg")).unwrap(), "two");
            assert_eq!(out.join("cat/x.jpg").is_symlink(), how == SortAs::Link);
        }
        assert!(
            Sorter::new(&home.path().join("out"), SortAs::Copy).unwrap().sort(Path::new("gone"), &found(&[])).is_err()
        );
    }

    #[test]
    fn labels_lead_nowhere_else() {
        for (label, name) in [
            ("../../etc", "_.._.._etc"),
            ("..", "_"),
            ("a/b\\c", "a_b_c"),
            ("con.txt", "_con.txt"),
            ("ends. . ", "ends"),
            ("traffic light", "traffic light"),
            ("\0", "_"),
        ] {
            assert_eq!(safe(label), name, "{label:?}");
        }
        assert!(safe(&"ü".repeat(300)).len() <= LONGEST);
        let home = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(home.path(), SortAs::Link).unwrap();
        let folders = ["a/b", "a_b", "A_B", "no-objects"].map(|label| sorter.folder_of(label));
        assert_eq!(folders, ["a_b", "a_b-2", "A_B-3", "no-objects-2"]);
    }
}
