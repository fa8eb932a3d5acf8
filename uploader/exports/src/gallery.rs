//! A gallery: a folder with a page that opens from disk, without a server and without a network.
//!
//! `index.html` is the page, `gallery/photos.js` what was found, `gallery/thumbs-N.js` the thumbnails: scripts, since a page
//! from disk may load nothing else. The viewer, the overlay, their colours and most of the style are those of the function's page.

mod thumbs;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use detector::annotate;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use wire::{FoundObject, ItemError, Outcome};

use crate::{Entry, Exporter, Folder};
use thumbs::Thumbs;

const DOCUMENT: &str = include_str!("gallery/index.html");
const STYLES: [&str; 3] = [
    include_str!("../../../functions/http/page/style.css"),
    include_str!("../../../functions/http/page/grid.css"),
    include_str!("gallery/gallery.css"),
];
/// Each after what it imports.
const MODULES: [&str; 9] = [
    include_str!("../../../functions/http/page/elements.js"),
    include_str!("../../../functions/http/page/choice.js"),
    include_str!("../../../functions/http/page/layout.js"),
    include_str!("../../../functions/http/page/overlay.js"),
    include_str!("../../../functions/http/page/boxes.js"),
    include_str!("../../../functions/http/page/viewer.js"),
    include_str!("../../../functions/http/page/filters.js"),
    include_str!("../../../functions/http/page/grid.js"),
    include_str!("gallery/gallery.js"),
];

/// What stands in the document where the files come in.
const STYLE_LINK: &str = r#"<link rel="stylesheet" href="style.css">"#;
const SCRIPT_LINK: &str = r#"<script type="module" src="gallery.js"></script>"#;

/// Characters of a path that a URL may not have, or would read otherwise.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A photo, as the page reads it.
#[derive(Serialize)]
struct Shown<'a> {
    index: u64,
    name: &'a str,
    /// Where the photo is, as the page reaches it.
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
    /// Whether there is, or will be, a thumbnail.
    thumb: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    detections: &'a [FoundObject],
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ItemError>,
}

#[derive(Serialize)]
struct Color {
    fill: String,
    ink: String,
}

/// The gallery. Photos are written as they come; what stays in memory is a few packs of thumbnails.
pub struct Gallery {
    folder: Folder,
    /// The folder without links, to tell where photos are from it.
    at: PathBuf,
    photos: BufWriter<File>,
    thumbs: Thumbs,
    count: u64,
    colors: BTreeMap<usize, Color>,
}

impl Gallery {
    /// Begins it in a folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn new(folder: Folder) -> Result<Self> {
        let at = folder.path().canonicalize().with_context(|| folder.path().display().to_string())?;
        folder.write("index.html", document().as_bytes())?;
        let photos = BufWriter::new(folder.file("gallery/photos.js")?);
        let thumbs = Thumbs::new(folder.path().join("gallery"));
        Ok(Self { folder, at, photos, thumbs, count: 0, colors: BTreeMap::new() })
    }
}

impl Exporter for Gallery {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        let index = self.count;
        self.count += 1;
        let file = entry.photo.canonicalize().ok().filter(|path| path.is_file());
        let name = entry.photo.to_string_lossy();
        let src = file.as_deref().map(|file| relative(&self.at, file));
        let shown = |detections, error| Shown {
            index,
            name: &name,
            src: src.clone(),
            thumb: file.is_some(),
            width: None,
            height: None,
            detections,
            model: None,
            ms: None,
            error,
        };
        let shown = match entry.outcome {
            Outcome::Error { error } => shown(&[], Some(error)),
            Outcome::Answer(answer) => {
                for object in &answer.detections {
                    self.colors.entry(object.class_id).or_insert_with(|| {
                        let fill = annotate::color(object.class_id);
                        Color { fill: css(fill), ink: css(annotate::ink(fill)) }
                    });
                }
                Shown {
                    width: Some(answer.image.width),
                    height: Some(answer.image.height),
                    model: Some(&answer.model.name),
                    ms: Some(answer.timings_ms.total),
                    ..shown(&answer.detections, None)
                }
            }
        };
        let json = serde_json::to_string(&shown)?;
        writeln!(self.photos, "photo({json});").context("gallery/photos.js")?;
        self.thumbs.add(index, file)
    }

    fn end(&mut self) -> Result<()> {
        let colors = serde_json::to_string(&self.colors)?;
        writeln!(self.photos, "colors({colors});").and_then(|()| self.photos.flush()).context("gallery/photos.js")?;
        self.thumbs.finish()
    }

    fn notes(&self) -> Vec<String> {
        vec![format!("open {} in a browser", self.folder.path().join("index.html").display())]
    }
}

fn css([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The page with its styles and scripts inside.
fn document() -> String {
    let mut script = String::from("\n");
    for line in MODULES.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import ")) {
        script.push_str(line.strip_prefix("export ").unwrap_or(line));
        script.push('\n');
    }
    DOCUMENT.replacen(STYLE_LINK, &format!("<style>{}</style>", STYLES.concat()), 1).replacen(
        SCRIPT_LINK,
        &format!(r#"<script type="module">{script}</script>"#),
        1,
    )
}

/// The URL of a file as seen from a folder; both absolute and without links.
fn relative(from: &Path, file: &Path) -> String {
    let names = |path: &Path| -> Vec<String> {
        let parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let (from, file) = (names(from), names(file));
    let common = from.iter().zip(&file).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", from.len() - common);
    let path = up.chain(file[common..].iter().map(String::as_str)).collect::<Vec<_>>().join("/");
    utf8_percent_encode(&path, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{records, told};

    #[test]
    fn photos_are_reached_from_wherever_they_are() {
        let url = |from: &str, file: &str| relative(Path::new(from), Path::new(file));
        assert_eq!(url("/home/me/out", "/home/me/photos/a b#1%.jpg"), "../photos/a%20b%231%25.jpg");
        assert_eq!(url("/home/me/out", "/home/me/out/x.jpg"), "x.jpg");
        assert_eq!(url("/a", "/b/ü.jpg"), "../b/%C3%BC.jpg");
    }

    /// Modules become one script, in which a name can be given once.
    #[test]
    fn no_two_modules_have_the_same_name() {
        let mut names = std::collections::BTreeSet::new();
        for line in MODULES.iter().flat_map(|module| module.lines()) {
            let words: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            let mut words = words.into_iter().skip_while(|word| matches!(*word, "export" | "async"));
            if matches!(words.next(), Some("function" | "const" | "let" | "class")) {
                let name = words.find(|word| !word.is_empty()).unwrap_or_default().to_owned();
                assert!(names.insert(name), "{line}");
            }
        }
    }

    #[test]
    fn every_photo_is_in_it_and_nothing_is_asked_of_a_network() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("g");
        let mut gallery = Gallery::new(Folder::create("--output", &path).unwrap()).unwrap();
        told(&mut gallery, &records());
        let photos = std::fs::read_to_string(path.join("gallery/photos.js")).unwrap();
        assert_eq!(photos.lines().filter(|line| line.starts_with("photo({")).count(), 3);
        assert!(photos.contains("undecodable_image") && photos.contains("colors({\"15\":"), "{photos}");
        let page = std::fs::read_to_string(path.join("index.html")).unwrap();
        assert!(!page.contains(STYLE_LINK) && !page.contains(SCRIPT_LINK) && !page.contains("\nimport "));
        assert!(!page.contains("https://") && !page.contains("fetch("));
    }
}
