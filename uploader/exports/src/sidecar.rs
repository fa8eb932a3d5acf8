//! Keywords in XMP files beside the photos, which are never written to themselves.

mod xmp;

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use wire::Answer;

use crate::dataset::label;
use crate::photo_name::stem;

/// No XMP file of a photo is larger; something else is not read to its end.
const LARGEST: u64 = 16 << 20;

/// What a sidecar file is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `cat.jpg.xmp`, as digiKam and darktable have it.
    Full,
    /// `cat.xmp`, as Lightroom has it.
    Stem,
}

/// What was done for a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// A sidecar file was made, or got keywords.
    Written,
    /// Nothing was to be done: nothing was found on the photo, or the keywords were there already.
    Unchanged,
}

/// The sidecar files of a run.
#[derive(Debug)]
pub struct Sidecars {
    folder: Option<PathBuf>,
    naming: Naming,
    /// Whose each is.
    taken: HashMap<PathBuf, PathBuf>,
}

impl Sidecars {
    /// Beside the photos, or into a folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: Option<&Path>, naming: Naming) -> Result<Self> {
        if let Some(folder) = folder {
            fs::create_dir_all(folder).with_context(|| format!("--xmp {}", folder.display()))?;
        }
        Ok(Self { folder: folder.map(Path::to_owned), naming, taken: HashMap::new() })
    }

    /// Writes the labels of what was found as keywords. `name` is the photo's path in the folder.
    ///
    /// # Errors
    /// The file cannot be written, or one is there that nothing can be added to.
    pub fn write(&mut self, photo: &Path, name: &str, answer: &Answer) -> Result<Filed> {
        let mut keywords: Vec<String> = Vec::new();
        for object in &answer.detections {
            let label = crate::xml::valid(label(&object.label, object.class_id).trim()).into_owned();
            if !keywords.contains(&label) {
                keywords.push(label);
            }
        }
        if keywords.is_empty() {
            return Ok(Filed::Unchanged);
        }
        let path = self.path(photo, name);
        let owner = self.taken.entry(path.clone()).or_insert_with(|| photo.to_owned());
        if owner != photo {
            bail!("{} has the keywords of {}; use --xmp-name full", path.display(), owner.display());
        }
        write(&path, &keywords).with_context(|| path.display().to_string())
    }

    fn path(&self, photo: &Path, name: &str) -> PathBuf {
        let whole = match &self.folder {
            Some(folder) => folder.join(name),
            None => photo.to_owned(),
        };
        match self.naming {
            Naming::Full => {
                let mut path = whole.into_os_string();
                path.push(".xmp");
                path.into()
            }
            Naming::Stem => {
                let file = whole.file_name().map_or_else(|| "photo".into(), |file| file.to_string_lossy());
                whole.with_file_name(format!("{}.xmp", stem(&file).0))
            }
        }
    }
}

fn write(path: &Path, keywords: &[String]) -> Result<Filed> {
    if fs::symlink_metadata(path).is_err() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = new_file(folder)?;
        file.write_all(xmp::new(keywords).as_bytes())?;
        file.persist_noclobber(path)?;
        return Ok(Filed::Written);
    }
    // Where it is a link, the file that it leads to.
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        bail!("it is there already and is not an XMP file; it was left as it is");
    }
    let known = String::from_utf8(fs::read(&path)?)
        .ok()
        .context("it is there already and is not UTF-8; it was left as it is")?;
    let merged = xmp::merged(&known, keywords).context("it is there already; it was left as it is")?;
    let Some(merged) = merged else { return Ok(Filed::Unchanged) };
    let mut file = new_file(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(merged.as_bytes())?;
    file.as_file().set_permissions(metadata.permissions())?;
    file.persist(&path)?;
    Ok(Filed::Written)
}

/// A file that gets its name when it is whole, with the permissions of any new file.
fn new_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".xmp.part");
    if let Some(permissions) = permissions() {
        builder.permissions(permissions);
    }
    builder.tempfile_in(folder)
}

#[cfg(unix)]
fn permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn permissions() -> Option<Permissions> {
    None
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

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_for_each_photo_with_objects() {
        let home = tempfile::tempdir().unwrap();
        let photos = ["x.jpg", "x.png", "none.jpg"].map(|name| home.path().join(name));
        let mut sidecars = Sidecars::new(None, Naming::Full).unwrap();
        let mut write = |photo: &Path, labels: &[&str]| sidecars.write(photo, "", &found(labels)).unwrap();
        assert_eq!(write(&photos[0], &["cat", "cat", "dog & co"]), Filed::Written);
        assert_eq!(write(&photos[1], &["cat"]), Filed::Written);
        assert_eq!(write(&photos[2], &[]), Filed::Unchanged);
        assert_eq!(write(&photos[0], &["cat"]), Filed::Unchanged, "it is there already");
        assert_eq!(names(home.path()), ["x.jpg.xmp", "x.png.xmp"]);
        let text = fs::read_to_string(home.path().join("x.jpg.xmp")).unwrap();
        assert_eq!(text.matches("<rdf:li>cat</rdf:li>").count(), 3);
        assert!(text.contains("<rdf:li>dog &amp; co</rdf:li>"), "{text}");
    }

    #[test]
    fn two_photos_never_share_a_file() {
        let home = tempfile::tempdir().unwrap();
        let mut sidecars = Sidecars::new(Some(home.path()), Naming::Stem).unwrap();
        sidecars.write(Path::new("in/a/x.jpg"), "a/x.jpg", &found(&["cat"])).unwrap();
        let error = sidecars.write(Path::new("in/a/x.png"), "a/x.png", &found(&["dog"])).unwrap_err().to_string();
        assert!(error.ends_with("a/x.xmp has the keywords of in/a/x.jpg; use --xmp-name full"), "{error}");
        assert_eq!(names(&home.path().join("a")), ["x.xmp"]);
    }

    #[test]
    fn what_is_no_xmp_is_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        for (name, content) in [("a.jpg", b"\xff\xd8\xff".as_slice()), ("b.jpg", b"hello"), ("c.jpg", b"<a><b></a>")] {
            let path = home.path().join(format!("{name}.xmp"));
            fs::write(&path, content).unwrap();
            let error = Sidecars::new(None, Naming::Full).unwrap().write(&home.path().join(name), "", &found(&["cat"]));
            assert!(format!("{:#}", error.unwrap_err()).contains("left as it is"));
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }
}
