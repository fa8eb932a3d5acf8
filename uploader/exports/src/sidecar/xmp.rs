//! The content of a sidecar file: made anew, or with keywords added where they belong and every other byte as it was.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, bail};
use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// A property that holds keywords.
struct Property {
    prefix: &'static str,
    namespace: &'static str,
    name: &'static str,
    container: &'static str,
    /// What parts the levels of a hierarchy: a keyword that has it would be taken for several.
    separator: Option<char>,
}

/// Where programs look for keywords: all in the first, digiKam in the second, Lightroom in the third.
const PROPERTIES: [Property; 3] = [
    Property {
        prefix: "dc",
        namespace: "http://purl.org/dc/elements/1.1/",
        name: "subject",
        container: "Bag",
        separator: None,
    },
    Property {
        prefix: "digiKam",
        namespace: "http://www.digikam.org/ns/1.0/",
        name: "TagsList",
        container: "Seq",
        separator: Some('/'),
    },
    Property {
        prefix: "lr",
        namespace: "http://ns.adobe.com/lightroom/1.0/",
        name: "hierarchicalSubject",
        container: "Bag",
        separator: Some('|'),
    },
];

impl Property {
    fn holds(&self, keyword: &str) -> bool {
        self.separator.is_none_or(|separator| !keyword.contains(separator))
    }
}

/// A file with keywords and nothing else.
pub(super) fn new(keywords: &[String]) -> String {
    let all = |_: &Property| keywords.to_vec();
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n \
         <rdf:RDF xmlns:rdf=\"{RDF}\">\n{} </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>\n",
        description("", all)
    )
}

/// A file with these keywords besides what it had; `None` where it has them all.
pub(super) fn merged(known: &str, keywords: &[String]) -> Result<Option<String>> {
    let found = read(known)?;
    let missing = |property: &Property| -> Vec<String> {
        let there = found.properties.get(property.name).map_or(&[] as &[String], |there| there.keywords.as_slice());
        keywords.iter().filter(|keyword| property.holds(keyword) && !there.contains(keyword)).cloned().collect()
    };
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for (place, properties) in PROPERTIES.iter().filter_map(|it| Some((found.properties.get(it.name)?, it))) {
        let items: String = missing(properties).iter().map(|keyword| place.item(keyword)).collect();
        if !items.is_empty() {
            edits.push((place.at.clone(), format!("{}{items}{}", place.before, place.after)));
        }
    }
    let absent = |property: &Property| {
        if found.properties.contains_key(property.name) { Vec::new() } else { missing(property) }
    };
    let description = description(&found.about, absent);
    if !description.is_empty() {
        edits.push((found.end..found.end, description));
    }
    if edits.is_empty() {
        return Ok(None);
    }
    edits.sort_by_key(|(at, _)| at.start);
    let mut merged = known.to_owned();
    for (at, text) in edits.into_iter().rev() {
        merged.replace_range(at, &text);
    }
    let again = read(&merged)?;
    let complete = PROPERTIES.iter().all(|property| {
        let there = again.properties.get(property.name).map_or(&[] as &[String], |there| there.keywords.as_slice());
        keywords.iter().filter(|keyword| property.holds(keyword)).all(|keyword| there.contains(keyword))
    });
    if !complete {
        bail!("keywords cannot be added to it");
    }
    Ok(Some(merged))
}

/// A description of the properties that have any of these keywords; empty where none has.
fn description(about: &str, keywords: impl Fn(&Property) -> Vec<String>) -> String {
    let (mut namespaces, mut properties) = (String::new(), String::new());
    for property in &PROPERTIES {
        let keywords: Vec<String> = keywords(property).into_iter().filter(|keyword| property.holds(keyword)).collect();
        if keywords.is_empty() {
            continue;
        }
        let Property { prefix, namespace, name, container, .. } = property;
        namespaces += &format!("\n    xmlns:{prefix}=\"{namespace}\"");
        let items: String =
            keywords.iter().map(|keyword| format!("     <rdf:li>{}</rdf:li>\n", escape(keyword))).collect();
        properties += &format!(
            "   <{prefix}:{name}>\n    <rdf:{container}>\n{items}    </rdf:{container}>\n   </{prefix}:{name}>\n"
        );
    }
    if properties.is_empty() {
        return properties;
    }
    format!(
        "  <rdf:Description xmlns:rdf=\"{RDF}\" rdf:about=\"{about}\"{namespaces}>\n{properties}  </rdf:Description>\n"
    )
}

/// What a file holds, as far as it matters here.
#[derive(Debug, Default)]
struct Found {
    properties: BTreeMap<&'static str, Place>,
    /// What the file describes, as it is written there.
    about: String,
    /// Where the end tag of rdf:RDF begins.
    end: usize,
}

/// A property's container of keywords.
#[derive(Debug)]
struct Place {
    keywords: Vec<String>,
    /// What is replaced: nothing, before the container's end tag, or a container that is empty.
    at: Range<usize>,
    before: String,
    after: String,
    prefix: String,
}

impl Place {
    fn item(&self, keyword: &str) -> String {
        format!("<{0}li>{1}</{0}li>", self.prefix, escape(keyword))
    }
}

/// Where in a file the reader is: the open elements below rdf:RDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Outside,
    Rdf,
    Description,
    Property(usize),
    Container(usize),
    Item,
    /// So many elements deep in something else, and where that began.
    Other,
}

fn read(text: &str) -> Result<Found> {
    // Offsets are those of the text, mark included.
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut reader = NsReader::from_str(&text[mark..]);
    let mut found = Found::default();
    let mut levels = vec![Level::Outside];
    let (mut has_rdf, mut about, mut item) = (false, None, 0);
    loop {
        let before = mark + usize::try_from(reader.buffer_position())?;
        let (namespace, event) = reader.read_resolved_event().context("it is not XML")?;
        let namespace = match namespace {
            ResolveResult::Bound(namespace) => namespace.into_inner().to_vec(),
            _ => Vec::new(),
        };
        let level = *levels.last().unwrap_or(&Level::Outside);
        match event {
            Event::Start(tag) => {
                let after = mark + usize::try_from(reader.buffer_position())?;
                let inner = inner(level, &namespace, tag.local_name().as_ref());
                match inner {
                    Level::Description if about.is_none() => about = about_of(&tag),
                    Level::Item => item = after,
                    Level::Container(property) => {
                        let place = Place {
                            keywords: Vec::new(),
                            at: after..after,
                            before: String::new(),
                            after: String::new(),
                            prefix: prefix(&tag),
                        };
                        found.properties.insert(PROPERTIES[property].name, place);
                    }
                    _ => {}
                }
                levels.push(inner);
            }
            Event::Empty(tag) => {
                let after = mark + usize::try_from(reader.buffer_position())?;
                match inner(level, &namespace, tag.local_name().as_ref()) {
                    Level::Rdf => bail!("its rdf:RDF is empty"),
                    Level::Description if about.is_none() => about = about_of(&tag),
                    Level::Property(property) => bail!("its {} is empty", PROPERTIES[property].name),
                    Level::Container(property) => {
                        let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
                        let whole = &text[before..after];
                        let opening = whole.trim_end_matches('>').trim_end_matches('/').trim_end();
                        let place = Place {
                            keywords: Vec::new(),
                            at: before..after,
                            before: format!("{opening}>"),
                            after: format!("</{name}>"),
                            prefix: prefix(&tag),
                        };
                        found.properties.insert(PROPERTIES[property].name, place);
                    }
                    _ => {}
                }
            }
            Event::End(_) => {
                levels.pop();
                match level {
                    Level::Rdf => (found.end, has_rdf) = (before, true),
                    Level::Property(property) if !found.properties.contains_key(PROPERTIES[property].name) => {
                        bail!("its {} is no list", PROPERTIES[property].name)
                    }
                    Level::Container(property) => {
                        if let Some(place) = found.properties.get_mut(PROPERTIES[property].name) {
                            place.at = before..before;
                        }
                    }
                    Level::Item => {
                        if let Some(Level::Container(property)) = levels.last()
                            && let Some(place) = found.properties.get_mut(PROPERTIES[*property].name)
                            && let Ok(keyword) = unescape(&text[item..before])
                        {
                            place.keywords.push(keyword.trim().to_owned());
                        }
                    }
                    _ => {}
                }
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose().ok().flatten();
                if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"utf-8")) {
                    bail!("it is not UTF-8");
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !has_rdf {
        bail!("it is not an XMP file: there is no rdf:RDF");
    }
    found.about = about.unwrap_or_default();
    Ok(found)
}

/// What an element is, inside of another.
fn inner(outer: Level, namespace: &[u8], name: &[u8]) -> Level {
    let is_rdf = namespace == RDF.as_bytes();
    match outer {
        Level::Outside if is_rdf && name == b"RDF" => Level::Rdf,
        // xmpmeta and whatever else is around.
        Level::Outside => Level::Outside,
        Level::Rdf if is_rdf && name == b"Description" => Level::Description,
        Level::Description => {
            let is_it = |it: &Property| it.namespace.as_bytes() == namespace && it.name.as_bytes() == name;
            PROPERTIES.iter().position(is_it).map_or(Level::Other, Level::Property)
        }
        Level::Property(property) if is_rdf && [b"Bag".as_slice(), b"Seq", b"Alt"].contains(&name) => {
            Level::Container(property)
        }
        Level::Container(_) if is_rdf && name == b"li" => Level::Item,
        _ => Level::Other,
    }
}

/// The value of rdf:about as it is written.
fn about_of(tag: &BytesStart<'_>) -> Option<String> {
    let about = tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == b"about")?;
    String::from_utf8(about.value.into_owned()).ok()
}

/// The prefix of an element, colon included.
fn prefix(tag: &BytesStart<'_>) -> String {
    let name = tag.name();
    name.prefix().map_or_else(String::new, |prefix| format!("{}:", String::from_utf8_lossy(prefix.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn keywords(text: &str, name: &str) -> Vec<String> {
        read(text).unwrap().properties.remove(name).map_or_else(Vec::new, |place| place.keywords)
    }

    #[test]
    fn a_new_file_has_the_keywords_where_programs_look() {
        let text = new(&words(&["cat", "a/b", "c|d", "<&>\"'"]));
        assert_eq!(keywords(&text, "subject"), ["cat", "a/b", "c|d", "<&>\"'"]);
        assert_eq!(keywords(&text, "TagsList"), ["cat", "c|d", "<&>\"'"]);
        assert_eq!(keywords(&text, "hierarchicalSubject"), ["cat", "a/b", "<&>\"'"]);
        assert_eq!(merged(&text, &words(&["a/b", "cat"])).unwrap(), None);
    }

    /// As a program for raw photos writes them: other prefixes, its own properties, keywords of the user's.
    const THEIRS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <r:Description r:about="uuid:1&amp;2" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:darktable="http://darktable.sf.net/"
   darktable:history_end="3">
   <dc:subject>
    <r:Bag>
     <r:li>holiday &amp; sun</r:li>
    </r:Bag>
   </dc:subject>
   <darktable:history><r:Seq><r:li darktable:operation="exposure"><dc:subject>no keyword</dc:subject></r:li></r:Seq></darktable:history>
  </r:Description>
 </r:RDF>
</x:xmpmeta>
"#;

    #[test]
    fn what_is_there_stays_byte_by_byte() {
        for known in [THEIRS.to_owned(), format!("\u{feff}{THEIRS}")] {
            let text = merged(&known, &words(&["cat", "holiday & sun"])).unwrap().unwrap();
            assert_eq!(keywords(&text, "subject"), ["holiday & sun", "cat"]);
            assert_eq!(keywords(&text, "TagsList"), ["cat", "holiday & sun"]);
            assert!(text.contains("<r:li>cat</r:li></r:Bag>") && text.contains("rdf:about=\"uuid:1&amp;2\""), "{text}");
            let added = ["<r:li>cat</r:li>".to_owned(), {
                let start = text.find("  <rdf:Description").unwrap();
                let end = text.find("</rdf:Description>\n").unwrap() + "</rdf:Description>\n".len();
                text[start..end].to_owned()
            }];
            let without = added.iter().fold(text.clone(), |text, added| text.replacen(added, "", 1));
            assert_eq!(without, known);
            assert_eq!(merged(&text, &words(&["cat", "holiday & sun"])).unwrap(), None);
        }
    }

    #[test]
    fn an_empty_list_is_filled() {
        let known = THEIRS.replace("<r:Bag>\n     <r:li>holiday &amp; sun</r:li>\n    </r:Bag>", "<r:Bag />");
        let text = merged(&known, &words(&["cat"])).unwrap().unwrap();
        assert!(text.contains("<r:Bag><r:li>cat</r:li></r:Bag>"), "{text}");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let reason = |text: &str| format!("{:#}", merged(text, &words(&["cat"])).unwrap_err());
        assert!(reason("hello").contains("no rdf:RDF"));
        assert!(reason("<a><b></a>").contains("not XML"));
        assert!(reason("<a>").contains("XML") || reason("<a>").contains("rdf:RDF"));
        assert!(reason(&THEIRS.replace("UTF-8", "ISO-8859-1")).contains("UTF-8"));
        let text = THEIRS.replace("<r:Bag>\n     <r:li>holiday &amp; sun</r:li>\n    </r:Bag>", "holiday");
        assert!(reason(&text).contains("subject is no list"));
    }
}
