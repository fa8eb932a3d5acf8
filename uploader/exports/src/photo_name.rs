//! What a photo is called in a dataset: its path inside a folder, with `/` between, and nothing that leads out.

use std::path::{Path, PathBuf};

/// The parts of a photo's name as it was given: `./in/a.jpg`, `/in/a.jpg`, `s3://bucket/in/a.jpg`. The scheme of a URL is
/// none; `..` takes back what goes before.
pub(crate) fn parts(photo: &str) -> Vec<&str> {
    let path = scheme(photo).map_or(photo, |(_, rest)| rest);
    let mut parts = Vec::new();
    for part in path.split(['/', std::path::MAIN_SEPARATOR]) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

/// Whether a name is that of a file: no URL.
pub(crate) fn is_path(photo: &str) -> bool {
    scheme(photo).is_none()
}

/// The scheme of a URL, and what follows.
fn scheme(photo: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = photo.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then_some((scheme, rest))
}

/// The folder that all photos seen so far have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common(Option<Vec<String>>);

impl Common {
    pub(crate) fn add(&mut self, photo: &str) {
        let mut folder = parts(photo);
        folder.pop();
        match &mut self.0 {
            None => self.0 = Some(folder.into_iter().map(str::to_owned).collect()),
            Some(common) => {
                let same = common.iter().zip(folder).take_while(|(a, b)| a == b).count();
                common.truncate(same);
            }
        }
    }

    /// A photo's path inside it.
    pub(crate) fn inside(&self, photo: &str) -> String {
        let parts = parts(photo);
        let skipped = self.0.as_ref().map_or(0, Vec::len);
        parts.get(skipped..).unwrap_or_default().join("/")
    }
}

/// A folder that names are to be relative to.
#[derive(Debug, Clone)]
pub struct Root {
    folder: Vec<String>,
    is_path: bool,
}

impl Root {
    /// From a path or URL.
    #[must_use]
    pub fn new(root: &str) -> Self {
        let is_path = is_path(root);
        let folder = if is_path { absolute(root) } else { root.to_owned() };
        Self { folder: parts(&folder).into_iter().map(str::to_owned).collect(), is_path }
    }

    /// A photo's path inside this folder; `None` where it lies elsewhere.
    pub(crate) fn inside(&self, photo: &str) -> Option<String> {
        if is_path(photo) != self.is_path {
            return None;
        }
        let photo = if self.is_path { absolute(photo) } else { photo.to_owned() };
        let parts = parts(&photo);
        let (folder, rest) = parts.split_at_checked(self.folder.len())?;
        (folder == self.folder && !rest.is_empty()).then(|| rest.join("/"))
    }
}

fn absolute(path: &str) -> String {
    std::path::absolute(Path::new(path)).unwrap_or_else(|_| PathBuf::from(path)).to_string_lossy().into_owned()
}

/// A name's folder and file: `a/b/c.jpg` is `a/b/` and `c.jpg`.
pub(crate) fn split(name: &str) -> (&str, &str) {
    name.rfind('/').map_or(("", name), |slash| name.split_at(slash + 1))
}

/// A name without the extension of its file, and that extension with its dot.
pub(crate) fn stem(name: &str) -> (&str, &str) {
    let (folder, file) = split(name);
    match file.rfind('.').filter(|&dot| dot > 0) {
        Some(dot) => name.split_at(folder.len() + dot),
        None => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        for (photo, name) in [
            ("a.jpg", "a.jpg"),
            ("./in//a b.jpg", "in/a b.jpg"),
            ("/in/a.jpg", "in/a.jpg"),
            ("../../in/a.jpg", "in/a.jpg"),
            ("in/../x/a.jpg", "x/a.jpg"),
            ("s3://bucket/in/a.jpg", "bucket/in/a.jpg"),
        ] {
            assert_eq!(parts(photo).join("/"), name);
        }
    }

    #[test]
    fn names_are_relative_to_what_all_have_in_common() {
        let mut common = Common::default();
        for photo in ["s3://b/in/a/x.jpg", "s3://b/in/b/x.jpg", "s3://b/in/a/y/z.jpg"] {
            common.add(photo);
        }
        assert_eq!(common.inside("s3://b/in/a/y/z.jpg"), "a/y/z.jpg");
        let mut one = Common::default();
        one.add("in/x.jpg");
        assert_eq!(one.inside("in/x.jpg"), "x.jpg");
    }

    #[test]
    fn a_root_holds_what_lies_in_it() {
        let here = std::env::current_dir().unwrap();
        let root = Root::new("in");
        assert_eq!(root.inside("in/a/x.jpg").as_deref(), Some("a/x.jpg"));
        assert_eq!(root.inside(here.join("in/x.jpg").to_str().unwrap()).as_deref(), Some("x.jpg"));
        assert_eq!((root.inside("inner/x.jpg"), root.inside("s3://in/x.jpg")), (None, None));
        assert_eq!(Root::new("s3://b/p/").inside("s3://b/p/x.jpg").as_deref(), Some("x.jpg"));
    }

    #[test]
    fn extensions_are_those_of_files() {
        assert_eq!(stem("a.b/c.d.jpg"), ("a.b/c.d", ".jpg"));
        assert_eq!(stem("a.b/c"), ("a.b/c", ""));
        assert_eq!(stem(".jpg"), (".jpg", ""));
        assert_eq!(split("a/b/c.jpg"), ("a/b/", "c.jpg"));
    }
}
