//! The JSON body of a request: base64 photos and options.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::names;
use crate::{Code, Options, Problem};

/// At most this many photos in one request: an invocation's answer and time stay bounded.
pub const MAX_IMAGES: usize = 64;

/// At most this many values in a body of JSON: each takes a multiple of its bytes in memory.
const MAX_VALUES: usize = 1 << 20;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD_ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL_SAFE_ENGINE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// The photos and options of a JSON request, as sent: photos still base64, borrowed from the body.
#[derive(Debug)]
pub struct RequestBody<'a> {
    /// The photos' texts. An entry that was no string is an error of its own and spoils no neighbour.
    pub images: Vec<Result<Cow<'a, str>, Problem>>,
    /// True for `{"images": […]}`: the answer is then a list, also for one photo.
    pub many: bool,
    /// The options beside the photos.
    pub options: Options,
}

/// A member that should be a string; anything else is skipped without being stored.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    Str(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts<'a> {
    List(#[serde(borrow)] Vec<Text<'a>>),
    Other(IgnoredAny),
}

/// The members in one pass: photos are borrowed, the rest is small. What is neither photo nor option is skipped.
#[derive(Default)]
struct Members<'a> {
    image: Option<Text<'a>>,
    images: Option<Texts<'a>>,
    /// The options, and names that look like one, without their values.
    options: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let (mut members, mut others) = (Members::default(), 0);
        while let Some(name) = map.next_key::<Name<'de>>()? {
            match name.0.as_ref() {
                "image" => members.image = map.next_value()?,
                "images" => members.images = map.next_value()?,
                name if names::OPTIONS.contains(&name) => {
                    drop(members.options.insert(name.to_owned(), map.next_value()?))
                }
                name => {
                    map.next_value::<IgnoredAny>()?;
                    others += 1;
                    if others <= names::MOST && names::meant(name).is_some() {
                        members.options.insert(name.to_owned(), Value::Null);
                    }
                }
            }
        }
        Ok(members)
    }
}

/// A member's name, borrowed where it can be.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> RequestBody<'a> {
    /// Reads `{"image": "…"}` or `{"images": ["…", …]}` with options beside.
    ///
    /// # Errors
    /// `invalid_json`, `missing_image` or `invalid_parameter`.
    pub fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(missing());
        }
        check_values(body)?;
        let members: Members<'a> = match body.trim_ascii_start().first() {
            // Checked here because serde would read a list as the members in order.
            Some(b'[') => Err(not_an_object()),
            _ => serde_json::from_slice(body).map_err(|e| not_json(&e)),
        }?;
        let (images, many) = match (members.image, members.images) {
            (_, Some(Texts::List(texts))) => (texts, true),
            (_, Some(Texts::Other(_))) => {
                return Err(Problem::new(Code::InvalidParameter, "images must be a list of base64 strings."));
            }
            (Some(text), None) => (vec![text], false),
            (None, None) => return Err(missing()),
        };
        if images.is_empty() {
            return Err(missing());
        }
        if images.len() > MAX_IMAGES {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("images has {} entries; the limit is {MAX_IMAGES} per request.", images.len()),
            ));
        }
        let mut images: Vec<Result<Cow<'a, str>, Problem>> = images
            .into_iter()
            .map(|text| match text {
                Text::Str(text) => Ok(text),
                Text::Other(_) => Err(Problem::new(Code::InvalidParameter, "image must be a base64 string.")),
            })
            .collect();
        if !many && images.iter().any(Result::is_err) {
            return Err(images.swap_remove(0).err().unwrap_or_else(missing));
        }
        Ok(Self { images, many, options: Options::from_json(&members.options)? })
    }
}

/// Refuses JSON of more values than any request has. Where there are several there are commas between them, so that these
/// are counted, within strings too: base64 has none.
///
/// # Errors
/// `invalid_json`.
pub fn check_values(body: &[u8]) -> Result<(), Problem> {
    if body.len() > MAX_VALUES && body.iter().filter(|byte| **byte == b',').count() > MAX_VALUES {
        let detail = format!("The JSON has too many values; the limit is {MAX_VALUES}.");
        return Err(Problem::new(Code::InvalidJson, detail));
    }
    Ok(())
}

fn missing() -> Problem {
    Problem::new(
        Code::MissingImage,
        "No image in the request. Send the file as the body, as multipart/form-data, or as JSON {\"image\": \"<base64>\"}.",
    )
}

fn not_an_object() -> Problem {
    Problem::new(Code::InvalidJson, "The body must be a JSON object such as {\"image\": \"<base64>\"}.")
}

fn not_json(error: &serde_json::Error) -> Problem {
    // serde's data errors ("invalid type: …") mean a body that is JSON but no object; they may quote the body.
    if error.is_data() {
        return not_an_object();
    }
    let place = format!("line {}, column {}", error.line(), error.column());
    Problem::new(Code::InvalidJson, format!("Invalid JSON at {place}."))
}

/// Decodes a photo's base64: standard or URL-safe alphabet, with or without padding, line breaks or a `data:` prefix.
///
/// # Errors
/// `invalid_base64` or `missing_image`; `too_many_bytes` where the photo would exceed `max_bytes`, before anything
/// of that size is allocated.
pub fn decode_base64(text: &str, max_bytes: usize) -> Result<Vec<u8>, Problem> {
    let text = text.trim();
    let text = match text.strip_prefix("data:") {
        None => text,
        Some(rest) => {
            rest.split_once(',').filter(|(head, _)| head.ends_with(";base64")).map(|(_, data)| data).ok_or_else(
                || Problem::new(Code::InvalidBase64, "Invalid data: URL. Expected data:image/…;base64,<base64>."),
            )?
        }
    };
    if text.is_empty() {
        return Err(missing());
    }
    let bytes = text.trim_end_matches('=').len() / 4 * 3;
    if bytes > max_bytes && !text.bytes().any(|b| b.is_ascii_whitespace()) {
        return Err(too_many_bytes(bytes, max_bytes));
    }
    // Nearly always plain base64: what else it may be is looked at when it is not.
    if bytes <= max_bytes
        && let Ok(photo) = STANDARD_ENGINE.decode(text)
    {
        return Ok(photo);
    }
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = text.trim_end_matches('=').len() / 4 * 3;
    if bytes > max_bytes {
        return Err(too_many_bytes(bytes, max_bytes));
    }
    let engine = if text.contains(['-', '_']) { &URL_SAFE_ENGINE } else { &STANDARD_ENGINE };
    engine.decode(text.as_bytes()).map_err(|error| {
        let reason = error.to_string();
        Problem::new(Code::InvalidBase64, format!("Invalid base64: {}.", reason.trim_end_matches('.')))
    })
}

fn too_many_bytes(bytes: usize, max_bytes: usize) -> Problem {
    Problem::new(
        Code::TooManyBytes,
        format!("The photo is about {bytes} bytes; the limit is {max_bytes}. Shrink it before sending."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> Code {
        RequestBody::parse(body.as_bytes()).unwrap_err().code
    }

    #[test]
    fn one_photo_is_borrowed_from_the_body() {
        let body = br#"{"image": "aGk=", "confidence": 0, "timestamp": 3, "nested": {"conf": [1]}}"#;
        let request = RequestBody::parse(body).unwrap();
        assert!(!request.many);
        assert!(matches!(&request.images[0], Ok(Cow::Borrowed("aGk="))));
        assert_eq!(request.options.confidence, Some(0.0));
    }

    #[test]
    fn a_wrong_entry_spoils_no_neighbour() {
        let request = RequestBody::parse(br#"{"images": ["aGk=", 7, "aGk="]}"#).unwrap();
        assert!(request.many);
        assert_eq!(request.images.iter().filter(|image| image.is_ok()).count(), 2);
    }

    #[test]
    fn every_wrong_body_has_its_code() {
        assert_eq!(code(""), Code::MissingImage);
        assert_eq!(code("{}"), Code::MissingImage);
        assert_eq!(code(r#"{"image": null}"#), Code::MissingImage);
        assert_eq!(code(r#"{"images": []}"#), Code::MissingImage);
        assert_eq!(code(r#"{"image": 7}"#), Code::InvalidParameter);
        assert_eq!(code(r#"{"images": "aGk="}"#), Code::InvalidParameter);
        assert_eq!(code(r#"{"image": "aGk=", "iou": {}}"#), Code::InvalidParameter);
        assert_eq!(code(r#"{"image": "aGk=", "conf": 0.4}"#), Code::InvalidParameter);
        assert_eq!(code("[1, 2]"), Code::InvalidJson);
        assert_eq!(code("\"text\""), Code::InvalidJson);
        assert_eq!(code("{\"image\": \"aGk="), Code::InvalidJson);
        let many = format!(r#"{{"images": [{}]}}"#, vec!["\"aGk=\""; MAX_IMAGES + 1].join(","));
        assert_eq!(code(&many), Code::InvalidParameter);
        for member in ["images", "classes", "anything"] {
            let many = format!(r#"{{"image": "aGk=", "{member}": [{}0]}}"#, "0,".repeat(MAX_VALUES));
            assert_eq!(code(&many), Code::InvalidJson, "{member}");
        }
    }

    #[test]
    fn base64_in_all_its_dialects() {
        for text in ["+/+/AA==", "+/+/AA", "-_-_AA", " +/+/\r\nAA== ", "data:image/png;base64,+/+/AA=="] {
            assert_eq!(decode_base64(text, 100).unwrap(), [0xfb, 0xff, 0xbf, 0x00], "{text}");
        }
        assert_eq!(decode_base64("a*b=", 100).unwrap_err().code, Code::InvalidBase64);
        assert_eq!(decode_base64("data:image/png,abc", 100).unwrap_err().code, Code::InvalidBase64);
        assert_eq!(decode_base64("", 100).unwrap_err().code, Code::MissingImage);
        assert_eq!(decode_base64(&"A".repeat(400), 100).unwrap_err().code, Code::TooManyBytes);
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = RequestBody::parse(&body);
            let _ = decode_base64(&String::from_utf8_lossy(&body), 64);
        }
    }
}
