//! What all formats in XML share.

use std::borrow::Cow;
use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::name::QName;

/// A writer that indents.
pub(crate) fn writer<W: Write>(to: W) -> Writer<W> {
    Writer::new_with_indent(to, b' ', 2)
}

/// The first line.
pub(crate) fn declaration<W: Write>(xml: &mut Writer<W>) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))
}

/// `<name>text</name>`
pub(crate) fn element<W: Write>(xml: &mut Writer<W>, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(&valid(text)))?;
    Ok(())
}

/// `key="value"`, whatever the value holds.
pub(crate) fn attribute<'a>(key: &'a str, value: &str) -> Attribute<'a> {
    // Readers make blanks of line ends and tabs that are not written as references.
    let value = escape(valid(value)).replace('\n', "&#10;").replace('\t', "&#9;").replace('\r', "&#13;");
    Attribute { key: QName(key.as_bytes()), value: Cow::Owned(value.into_bytes()) }
}

/// The text without the characters that XML cannot hold at all.
pub(crate) fn valid(text: &str) -> Cow<'_, str> {
    let is_valid =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if text.chars().all(is_valid) {
        return text.into();
    }
    text.chars().map(|c| if is_valid(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_survives() {
        let mut xml = Writer::new(Vec::new());
        element(&mut xml, "filename", "a & b <\u{1}>.jpg").unwrap();
        xml.create_element("image").with_attribute(attribute("name", "\"ü\n'")).write_empty().unwrap();
        assert_eq!(
            String::from_utf8(xml.into_inner()).unwrap(),
            "<filename>a &amp; b &lt;\u{fffd}&gt;.jpg</filename><image name=\"&quot;ü&#10;&apos;\"/>"
        );
    }
}
