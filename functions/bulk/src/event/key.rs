//! Keys as events write them: form-encoded, so `+` is a space.

use percent_encoding::percent_decode;

/// S3's own limit.
const MAX_KEY_BYTES: usize = 1024;

/// Decodes a key. A `%` that begins no escape stays as it is.
///
/// # Errors
/// Says why no object can have this key.
pub(super) fn decode(encoded: &str) -> Result<String, String> {
    let spaced = encoded.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8();
    check(decoded.map_err(|_| "the key is not UTF-8 after decoding".to_owned())?.into_owned())
}

/// Holds a decoded key against what S3 allows.
///
/// # Errors
/// Says why no object can have this key.
pub(super) fn check(key: String) -> Result<String, String> {
    match key.len() {
        0 => Err("the key is empty".to_owned()),
        1..=MAX_KEY_BYTES => Ok(key),
        bytes => Err(format!("the key has {bytes} bytes; S3 allows {MAX_KEY_BYTES}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_form_decoded() {
        for (encoded, key) in [
            ("a/b.jpg", "a/b.jpg"),
            ("a%2Fb.jpg", "a/b.jpg"),
            ("A+file%2Bname+%C3%A9%281%29.jpg", "A file+name é(1).jpg"),
            ("A file%2bname é(1).jpg", "A file+name é(1).jpg"),
            ("100%25.jpg", "100%.jpg"),
            ("100%.jpg", "100%.jpg"),
            ("%F0%9F%90%88.png", "🐈.png"),
        ] {
            assert_eq!(decode(encoded).unwrap(), key, "{encoded}");
        }
    }

    #[test]
    fn keys_that_no_object_can_have_are_refused() {
        for encoded in ["", "%ff%fe.jpg", "%C3.jpg", &"x".repeat(1025), &"%20".repeat(1025)] {
            assert!(decode(encoded).is_err(), "{encoded}");
        }
        assert!(decode(&"%20".repeat(1024)).is_ok());
    }
}
