//! Sentences in which names are code: plain on a terminal and in JSON, marked where a page can show it.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

// Of Unicode's private use: no name that means anything holds them.
const OPEN: char = '\u{E000}';
const CLOSE: char = '\u{E001}';

/// A sentence with its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked(String);

/// A name, marked as code.
pub(super) fn code(name: &str) -> String {
    let name: String = name.chars().filter(|c| ![OPEN, CLOSE].contains(c)).collect();
    format!("{OPEN}{name}{CLOSE}")
}

impl Marked {
    /// With plain text and code each shown in its way.
    pub(crate) fn shown(&self, plain: impl Fn(&str) -> String, code: impl Fn(&str) -> String) -> String {
        let mut shown = String::new();
        for (place, part) in self.0.split(OPEN).enumerate() {
            match part.split_once(CLOSE).filter(|_| place > 0) {
                Some((name, rest)) => shown += &(code(name) + &plain(rest)),
                None => shown += &plain(part),
            }
        }
        shown
    }
}

impl From<String> for Marked {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Display for Marked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(str::to_owned, str::to_owned))
    }
}

impl Serialize for Marked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_code_where_that_can_be_shown() {
        let text = Marked::from(format!("{} beats {}.", code("a<b"), code("c")));
        assert_eq!(text.to_string(), "a<b beats c.");
        let shown = text.shown(|plain| plain.replace('b', "B"), |code| format!("<code>{code}</code>"));
        assert_eq!(shown, "<code>a<b</code> Beats <code>c</code>.");
        assert_eq!(Marked::from("none".to_owned()).to_string(), "none");
    }
}
