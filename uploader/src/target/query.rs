//! Query strings of which every reading gives the same signature.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// What AWS leaves as it is: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same names and values, each character written as AWS's signatures want it. A `+` is a blank to those who read forms
/// and a plus to those who read URLs: `%20` is a blank to both, and `%2B` a plus.
pub(super) fn canonical(query: &str) -> String {
    let word = |word: &str| {
        let blanks = word.replace('+', " ");
        percent_encode(&percent_decode_str(&blanks).collect::<Vec<u8>>(), RESERVED).to_string()
    };
    let part = |part: &str| match part.split_once('=') {
        Some((name, value)) => format!("{}={}", word(name), word(value)),
        None => word(part),
    };
    query.split('&').filter(|part| !part.is_empty()).map(part).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_written_in_one_way() {
        for (given, written) in [
            ("classes=traffic+light,dog", "classes=traffic%20light%2Cdog"),
            ("classes=traffic%20light%2Cdog", "classes=traffic%20light%2Cdog"),
            ("a=1%2B1&b=x/y:z", "a=1%2B1&b=x%2Fy%3Az"),
            ("a=*'()!~-._", "a=%2A%27%28%29%21~-._"),
            ("a=%c3%a9&a=é", "a=%C3%A9&a=%C3%A9"),
            ("a=b=c&flag&&d=", "a=b%3Dc&flag&d="),
            ("a=%zz%4", "a=%25zz%254"),
            ("a=%ff", "a=%FF"),
            ("", ""),
        ] {
            assert_eq!(canonical(given), written, "{given}");
            assert_eq!(canonical(written), written, "{given}");
        }
    }
}
