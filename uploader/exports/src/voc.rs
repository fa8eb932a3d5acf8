//! A folder as Pascal VOC has it: an XML file for each photo in `Annotations/`, the list of photos in `ImageSets/Main/`, and
//! photos in `JPEGImages/`, where they are wanted.
//!
//! Coordinates are VOC's: pixels counted from 1, both ends included.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use quick_xml::Writer;

use crate::categories::Categories;
use crate::dataset::{Format, Object, Sample, hundredths};
use crate::folder::{Folder, Photos, Placing};
use crate::photo_name::split;
use crate::xml::{element, writer};
use crate::yolo::Renamed;

/// The folder.
pub struct Voc {
    folder: Folder,
    scores: bool,
    placing: Placing,
    list: BufWriter<File>,
    categories: Categories,
    renamed: Renamed,
}

impl Voc {
    /// Writes into a folder, with scores where they are wanted.
    ///
    /// # Errors
    /// It cannot be written to.
    pub fn new(folder: Folder, scores: bool, photos: Option<Photos>) -> Result<Self> {
        let list = BufWriter::new(folder.file("ImageSets/Main/default.txt")?);
        let (categories, renamed) = (Categories::default(), Renamed::default());
        Ok(Self { folder, scores, placing: Placing::new(photos), list, categories, renamed })
    }
}

impl Format for Voc {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        for object in &sample.objects {
            self.categories.id(&object.label, object.class_id, object.class_id);
        }
        let extension = self.renamed.look(sample, "Annotations", "xml");
        let name = format!("{}{extension}", sample.stem);
        let mut xml = writer(Vec::new());
        // A photo that is put beside is called like its file.
        annotation(&mut xml, sample, if self.placing.is_wanted() { &name } else { sample.name }, self.scores)?;
        xml.get_mut().push(b'\n');
        self.folder.write(&format!("Annotations/{}.xml", sample.stem), xml.get_ref())?;
        // A line end in a name would make two of it.
        if !sample.stem.contains(char::is_control) {
            writeln!(self.list, "{}", sample.stem)?;
        }
        self.placing.put(sample.photo, &self.folder, &format!("JPEGImages/{name}"))
    }

    fn end(&mut self) -> Result<()> {
        self.list.flush()?;
        // What datumaro and CVAT know labels by that are not VOC's own; they part it at the colons.
        let mut labels = "# label:color_rgb:parts:actions\n".to_owned();
        let writable = |label: &&str| !label.contains(|c: char| c == ':' || c.is_control());
        self.categories.iter().map(|(_, label)| label).filter(writable).for_each(|label| {
            labels.push_str(label);
            labels.push_str(":::\n");
        });
        self.folder.write("labelmap.txt", labels.as_bytes())
    }

    fn notes(&self) -> Vec<String> {
        [self.renamed.notes(), self.placing.notes()].concat()
    }
}

fn annotation<W: Write>(xml: &mut Writer<W>, sample: &Sample<'_>, name: &str, scores: bool) -> io::Result<()> {
    xml.create_element("annotation").write_inner_content(|xml| {
        element(xml, "folder", split(name).0.trim_end_matches('/'))?;
        element(xml, "filename", name)?;
        element(xml, "path", &sample.photo.to_string_lossy())?;
        xml.create_element("source").write_inner_content(|xml| element(xml, "database", "Unknown"))?;
        xml.create_element("size").write_inner_content(|xml| {
            element(xml, "width", &sample.width.to_string())?;
            element(xml, "height", &sample.height.to_string())?;
            element(xml, "depth", "3")
        })?;
        element(xml, "segmented", "0")?;
        sample.objects.iter().try_for_each(|it| object(xml, it, scores))
    })?;
    Ok(())
}

fn object<W: Write>(xml: &mut Writer<W>, object: &Object<'_>, scores: bool) -> io::Result<()> {
    xml.create_element("object").write_inner_content(|xml| {
        element(xml, "name", &object.label)?;
        element(xml, "pose", "Unspecified")?;
        element(xml, "truncated", "0")?;
        element(xml, "difficult", "0")?;
        if scores {
            element(xml, "confidence", &object.score.to_string())?;
        }
        let [x1, y1, x2, y2] = object.bbox;
        xml.create_element("bndbox").write_inner_content(|xml| {
            for (name, value) in [("xmin", x1 + 1.0), ("ymin", y1 + 1.0), ("xmax", x2), ("ymax", y2)] {
                element(xml, name, &hundredths(value).to_string())?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Dataset;
    use crate::testing::{answer, catalog, names, told};

    #[test]
    fn a_file_for_each_photo() {
        let home = tempfile::tempdir().unwrap();
        let cat = answer(&[("cat & dog", 0, [12.5, 30.0, 200.0, 470.25])]);
        let records = [("a/1 <ü>.jpg".to_owned(), cat), ("empty.jpg".to_owned(), answer(&[]))];
        let voc = Voc::new(Folder::create("--output", home.path()).unwrap(), true, None).unwrap();
        told(&mut Dataset::new(Box::new(voc), catalog(&names(&records))), &records);
        let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
        let xml = read("Annotations/a/1 <ü>.xml");
        for part in [
            "<folder>a</folder>",
            "<filename>a/1 &lt;ü&gt;.jpg</filename>",
            "<name>cat &amp; dog</name>",
            "<confidence>0.913</confidence>",
            "<xmin>13.5</xmin>",
            "<ymin>31</ymin>",
            "<xmax>200</xmax>",
            "<ymax>470.25</ymax>",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
        assert!(!read("Annotations/empty.xml").contains("<object>"));
        assert_eq!(read("ImageSets/Main/default.txt"), "a/1 <ü>\nempty\n");
        assert_eq!(read("labelmap.txt"), "# label:color_rgb:parts:actions\ncat & dog:::\n");
    }
}
