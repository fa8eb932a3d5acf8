//! A folder as Ultralytics' YOLO reads it: `labels/` with a file for each photo, `data.yaml` with the names of the classes,
//! and photos in `images/`, where they are wanted.

use std::fmt::Write as _;

use anyhow::Result;

use crate::categories::Categories;
use crate::dataset::{Format, Sample, are, counted};
use crate::folder::{Folder, Photos, Placing};
use crate::photo_name::stem;

/// Renamed photos that are named.
const TOLD: usize = 5;

/// The folder.
pub struct Yolo {
    folder: Folder,
    scores: bool,
    placing: Placing,
    categories: Categories,
    renamed: Renamed,
}

impl Yolo {
    /// Writes into a folder, with the score as a sixth column where that is wanted.
    #[must_use]
    pub fn new(folder: Folder, scores: bool, photos: Option<Photos>) -> Self {
        let (categories, renamed) = (Categories::default(), Renamed::default());
        Self { folder, scores, placing: Placing::new(photos), categories, renamed }
    }
}

impl Format for Yolo {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        let (width, height) = (f64::from(sample.width), f64::from(sample.height));
        let mut lines = String::new();
        for object in &sample.objects {
            let [x, y, w, h] = object.xywh();
            let id = self.categories.id(&object.label, object.class_id, object.class_id);
            let (cx, cy) = ((x + w / 2.0) / width, (y + h / 2.0) / height);
            write!(lines, "{id} {cx:.6} {cy:.6} {:.6} {:.6}", w / width, h / height)?;
            if self.scores {
                write!(lines, " {}", object.score)?;
            }
            lines.push('\n');
        }
        self.folder.write(&format!("labels/{}.txt", sample.stem), lines.as_bytes())?;
        let extension = self.renamed.look(sample, "labels", "txt");
        self.placing.put(sample.photo, &self.folder, &format!("images/{}{extension}", sample.stem))
    }

    fn end(&mut self) -> Result<()> {
        let mut yaml = "train: images\nval: images\n".to_owned();
        let names = self.categories.without_gaps();
        yaml.push_str(if names.is_empty() { "names: {}\n" } else { "names:\n" });
        for (id, name) in names.iter().enumerate() {
            writeln!(yaml, "  {id}: {}", quoted(name))?;
        }
        self.folder.write("data.yaml", yaml.as_bytes())
    }

    fn notes(&self) -> Vec<String> {
        [self.renamed.notes(), self.placing.notes()].concat()
    }
}

/// Photos whose files are not called like them, because another photo's are: `x.jpg` and `x.png`.
#[derive(Debug, Default)]
pub(crate) struct Renamed {
    told: Vec<String>,
    count: usize,
}

impl Renamed {
    /// Notes a photo that is one. Gives its extension.
    pub(crate) fn look<'a>(&mut self, sample: &Sample<'a>, folder: &str, extension: &str) -> &'a str {
        let (own, photos) = stem(sample.name);
        if own != sample.stem {
            self.count += 1;
            if self.told.len() < TOLD {
                let (name, stem) = (sample.name, sample.stem);
                self.told.push(format!(
                    "{name} is in {folder}/{stem}.{extension}: {folder}/{own}.{extension} is another photo's"
                ));
            }
        }
        photos
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.told.clone();
        if self.count > notes.len() {
            let more = (self.count - notes.len()) as u64;
            notes.push(format!("{} {} in files with a number", counted(more, "more photo"), are(more)));
        }
        notes
    }
}

/// A string in double quotes, as YAML 1.1 and 1.2 read it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~'
            | '\u{a0}'..='\u{2027}'
            | '\u{2030}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fefe}'
            | '\u{ff00}'..='\u{fffd}' => {
                quoted.push(c);
            }
            '\u{10000}'.. => quoted.push(c),
            c => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{answer, catalog, names, records, told};
    use crate::{Dataset, Exporter};

    #[test]
    fn a_file_for_each_photo_and_the_names_of_the_classes() {
        let home = tempfile::tempdir().unwrap();
        let records = records();
        let yolo = Yolo::new(Folder::create("--output", home.path()).unwrap(), true, None);
        told(&mut Dataset::new(Box::new(yolo), catalog(&names(&records))), &records);
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        let labels = read("labels/in/0042.txt");
        assert_eq!(
            labels.lines().collect::<Vec<_>>(),
            ["15 0.166016 0.521094 0.292969 0.917188 0.913", "16 0.007812 0.010417 0.015625 0.020833 0.913"]
        );
        assert_eq!(read("labels/in/empty.txt"), "");
        assert!(!home.path().join("labels/in/bad, really.txt").exists());
        let yaml = read("data.yaml");
        assert!(yaml.contains("  0: \"person\"\n") && yaml.ends_with("  15: \"cat\"\n  16: \"dog\"\n"), "{yaml}");
    }

    #[test]
    fn a_second_photo_of_the_same_stem_is_told() {
        let home = tempfile::tempdir().unwrap();
        let records = ["x.jpg", "x.png"].map(|photo| (photo.to_owned(), answer(&[])));
        let yolo = Yolo::new(Folder::create("--output", home.path()).unwrap(), false, None);
        let mut dataset = Dataset::new(Box::new(yolo), catalog(&names(&records)));
        told(&mut dataset, &records);
        assert_eq!(dataset.notes(), ["x.png is in labels/x-2.txt: labels/x.txt is another photo's"]);
        assert_eq!(
            fs::read_to_string(home.path().join("data.yaml")).unwrap(),
            "train: images\nval: images\nnames: {}\n"
        );
    }

    #[test]
    fn labels_are_quoted() {
        assert_eq!(quoted("a: \"b\" \\ ü\n\u{85}😀"), "\"a: \\\"b\\\" \\\\ ü\\u000a\\u0085😀\"");
    }
}
