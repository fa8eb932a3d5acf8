//! The names of classes in a graph's metadata.

use crate::graph::Graph;

/// The `names` of a graph's metadata, as exporters write them: a Python dict (`{0: 'person', 1: "bird's nest"}`), a list of
/// either language, or JSON with numbers as keys; counted from 0 or from 1. `None` where there are none.
///
/// # Errors
/// Where there are, and they are written otherwise: without names boxes would be given to the wrong ones.
pub(super) fn label_names(graph: &Graph) -> Result<Option<Vec<String>>, String> {
    let Some(text) = graph.metadata.get("names").map(|text| text.trim()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    names_in(text).map(Some).ok_or_else(|| {
        let start: String = text.chars().take(40).collect();
        format!(
            "cannot read the class names in its metadata ({start}…). Write a model.toml next to it with labels = [\"…\"]"
        )
    })
}

fn names_in(text: &str) -> Option<Vec<String>> {
    let is_dict = text.starts_with('{') && text.ends_with('}');
    let is_list = text.starts_with('[') && text.ends_with(']');
    if !is_dict && !is_list {
        return None;
    }
    let mut rest = text[1..text.len() - 1].trim();
    let mut names = Vec::new();
    let mut first = 0;
    while !rest.is_empty() {
        if is_dict {
            let (id, value) = rest.split_once(':')?;
            let id: usize = id.trim().trim_matches(['\'', '"']).parse().ok()?;
            if names.is_empty() && id == 1 {
                first = 1;
            }
            if id != names.len() + first {
                return None;
            }
            rest = value.trim_start();
        }
        let (name, after) = quoted(rest)?;
        names.push(name);
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!names.is_empty()).then_some(names)
}

/// A text in quotes, single or double, and what follows. A backslash takes the next character as it is.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.push(characters.next()?.1),
            c if c == quote => return Some((name, &text[at + 1..])),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_every_exporter_writes_them() {
        let wanted = Some(vec!["cat".to_owned(), "bird's \u{1f431}".to_owned()]);
        for text in [
            "{0: 'cat', 1: \"bird's \u{1f431}\"}",
            "{1: 'cat', 2: 'bird\\'s \u{1f431}'}",
            "['cat', \"bird's \u{1f431}\"]",
            "[\"cat\",\"bird's \u{1f431}\",]",
            "{\"0\": \"cat\", \"1\": \"bird's \u{1f431}\"}",
        ] {
            assert_eq!(names_in(text), wanted, "{text}");
        }
        for text in
            ["cat, dog", "{0: 'cat', 2: 'dog'}", "{'a': 'b'}", "['cat' 'dog']", "[cat]", "{}", "[]", "{", "['cat"]
        {
            assert_eq!(names_in(text), None, "{text}");
        }
    }
}
