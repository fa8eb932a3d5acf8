//! CVAT for images 1.1 (<https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/>).

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};

use anyhow::{Context, Result};
use quick_xml::Writer;

use crate::categories::Categories;
use crate::dataset::{Format, Object, Sample};
use crate::xml::{attribute, declaration, element, writer};

/// The attribute of a box that holds its score.
const SCORE: &str = "score";

/// The file. Labels come before images, so the images go to a file of their own until all labels are known.
pub struct Cvat {
    to: Box<dyn Write>,
    images: Writer<BufWriter<File>>,
    count: u64,
    categories: Categories,
}

impl Cvat {
    /// Writes to `to`.
    ///
    /// # Errors
    /// There is no place for a temporary file.
    pub fn new(to: Box<dyn Write>) -> Result<Self> {
        let images = BufWriter::new(tempfile::tempfile().context("cannot make a temporary file")?);
        Ok(Self { to, images: writer(images), count: 0, categories: Categories::default() })
    }
}

impl Format for Cvat {
    fn sample(&mut self, sample: &Sample<'_>) -> Result<()> {
        for object in &sample.objects {
            self.categories.id(&object.label, object.class_id, object.class_id);
        }
        let [id, width, height] =
            [self.count, sample.width.into(), sample.height.into()].map(|number| number.to_string());
        let image = self.images.create_element("image").with_attributes([
            attribute("id", &id),
            attribute("name", sample.name),
            attribute("width", &width),
            attribute("height", &height),
        ]);
        if sample.objects.is_empty() {
            image.write_empty()?;
        } else {
            image.write_inner_content(|xml| sample.objects.iter().try_for_each(|object| write_box(xml, object)))?;
        }
        self.count += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let images = self.images.get_mut();
        images.flush()?;
        let images = images.get_mut();
        images.rewind()?;
        let mut head = writer(Vec::new());
        declaration(&mut head)?;
        self.to.write_all(head.get_ref())?;
        self.to.write_all(b"\n<annotations>\n<version>1.1</version>\n")?;
        let mut meta = writer(Vec::new());
        write_meta(&mut meta, &self.categories, self.count)?;
        self.to.write_all(meta.get_ref())?;
        io::copy(images, &mut self.to)?;
        self.to.write_all(b"\n</annotations>\n")?;
        self.to.flush()?;
        Ok(())
    }
}

fn write_box<W: Write>(xml: &mut Writer<W>, object: &Object<'_>) -> io::Result<()> {
    let [xtl, ytl, xbr, ybr] = object.bbox.map(|value| format!("{value:.2}"));
    let element = xml.create_element("box").with_attributes([
        attribute("label", &object.label),
        attribute("source", "auto"),
        attribute("occluded", "0"),
        attribute("xtl", &xtl),
        attribute("ytl", &ytl),
        attribute("xbr", &xbr),
        attribute("ybr", &ybr),
        attribute("z_order", "0"),
    ]);
    element.write_inner_content(|xml| {
        let score = quick_xml::events::BytesText::new(&object.score.to_string()).into_owned();
        xml.create_element("attribute").with_attribute(attribute("name", SCORE)).write_text_content(score)?;
        Ok(())
    })?;
    Ok(())
}

fn write_meta<W: Write>(xml: &mut Writer<W>, categories: &Categories, images: u64) -> io::Result<()> {
    xml.create_element("meta").write_inner_content(|xml| {
        xml.create_element("task").write_inner_content(|xml| {
            element(xml, "size", &images.to_string())?;
            element(xml, "mode", "annotation")?;
            xml.create_element("labels")
                .write_inner_content(|xml| categories.iter().try_for_each(|(_, label)| write_label(xml, label)))?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn write_label<W: Write>(xml: &mut Writer<W>, label: &str) -> io::Result<()> {
    xml.create_element("label").write_inner_content(|xml| {
        element(xml, "name", label)?;
        xml.create_element("attributes").write_inner_content(|xml| {
            xml.create_element("attribute").write_inner_content(|xml| {
                element(xml, "name", SCORE)?;
                element(xml, "mutable", "False")?;
                element(xml, "input_type", "text")?;
                element(xml, "default_value", "")?;
                element(xml, "values", "")
            })?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, dataset};

    #[test]
    fn labels_first_then_images() {
        let cat = answer(&[("cat & \"dog\"", 0, [12.5, 30.0, 200.0, 470.256])]);
        let records = [("a/ü <1>.jpg".to_owned(), cat), ("empty.jpg".to_owned(), answer(&[]))];
        let text = dataset(|to| Box::new(Cvat::new(to).unwrap()), &records);
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        let parts = [
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
            "<version>1.1</version>",
            "<name>cat &amp; &quot;dog&quot;</name>",
            "</meta>",
            "<image id=\"0\" name=\"a/ü &lt;1&gt;.jpg\" width=\"640\" height=\"480\">",
            "<box label=\"cat &amp; &quot;dog&quot;\" source=\"auto\" occluded=\"0\" xtl=\"12.50\" ytl=\"30.00\" \
             xbr=\"200.00\" ybr=\"470.26\" z_order=\"0\">",
            "<attribute name=\"score\">0.913</attribute>",
            "<image id=\"1\" name=\"empty.jpg\" width=\"640\" height=\"480\"/>",
            "</annotations>",
        ];
        let places = parts.map(place);
        assert!(places.is_sorted(), "{text}");
    }
}
