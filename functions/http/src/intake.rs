//! From a request's body to photos and options: JSON, a raw photo, or multipart/form-data.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use multer::Multipart;
use tokio::runtime::Handle;
use wire::{Code, MAX_IMAGES, Options, Problem, RequestBody, decode_base64};

/// The photos of a request and what is asked of them.
#[derive(Debug)]
pub(crate) struct Intake {
    /// Each photo's bytes, or why it has none.
    pub(crate) photos: Vec<Result<Bytes, Problem>>,
    /// The answer is a list, also for one photo.
    pub(crate) many: bool,
    /// The body was a photo itself: an annotated answer is one too.
    pub(crate) raw: bool,
    /// Options of the body, then of the query.
    pub(crate) options: Options,
}

impl Intake {
    /// Reads a request; no photo of JSON may have more than `max_bytes`. Called where the runtime lets a thread block.
    pub(crate) fn read(head: &Parts, body: Bytes, max_bytes: usize) -> Result<Self, Problem> {
        let query = Options::from_query(head.uri.query().unwrap_or_default())?;
        let declared = match head.headers.get(CONTENT_TYPE) {
            None => None,
            Some(value) => {
                Some(value.to_str().map_err(|_| unsupported("with bytes that are no text"))?.trim().to_owned())
            }
        };
        let essence = declared.as_deref().map(essence);
        let mut intake = match essence.as_deref() {
            Some("multipart/form-data") => {
                Handle::current().block_on(multipart(body, declared.as_deref().unwrap_or_default()))?
            }
            Some("application/json") => json(&body, max_bytes)?,
            Some(kind) if kind.ends_with("+json") => json(&body, max_bytes)?,
            Some(kind) if kind.starts_with("image/") || kind == "application/octet-stream" => raw(body)?,
            // Nothing declared: the body says what it is.
            None | Some("") if body.trim_ascii_start().starts_with(b"{") => json(&body, max_bytes)?,
            None | Some("") => raw(body)?,
            Some(other) => return Err(unsupported(&shortened(other))),
        };
        intake.options = intake.options.or(query);
        Ok(intake)
    }
}

/// A media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

fn unsupported(kind: &str) -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        format!(
            "Content-Type {kind} is not read here; send application/json, multipart/form-data, or the photo itself as \
             image/jpeg or another image/* type, or application/octet-stream."
        ),
    )
}

fn missing() -> Problem {
    Problem::new(Code::MissingImage, "The body is empty; send a photo.")
}

fn raw(body: Bytes) -> Result<Intake, Problem> {
    if body.is_empty() {
        return Err(missing());
    }
    Ok(Intake { photos: vec![Ok(body)], many: false, raw: true, options: Options::default() })
}

fn json(body: &[u8], max_bytes: usize) -> Result<Intake, Problem> {
    let RequestBody { images, many, options } = RequestBody::parse(body)?;
    let decode = |text: Cow<'_, str>| decode_base64(&text, max_bytes).map(Bytes::from);
    let photos = images.into_iter().map(|image| image.and_then(decode)).collect();
    Ok(Intake { photos, many, raw: false, options })
}

/// Every part with a file name, or named like a photo, is a photo; the other parts are options.
async fn multipart(body: Bytes, content_type: &str) -> Result<Intake, Problem> {
    let malformed = |e: multer::Error| {
        Problem::new(Code::InvalidParameter, format!("The multipart/form-data body cannot be read: {e}."))
    };
    if body.is_empty() {
        return Err(missing());
    }
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = Multipart::new(stream, boundary);
    let mut photos = Vec::new();
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_photo = part.file_name().is_some()
            || matches!(name.as_str(), "image" | "images" | "file" | "files" | "photo" | "photos")
            || part.content_type().is_some_and(|kind| kind.type_() == "image");
        if is_photo {
            photos.push(Ok(part.bytes().await.map_err(malformed)?));
        } else {
            pairs.push((name, part.text().await.map_err(malformed)?));
        }
        if photos.len() > MAX_IMAGES {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("The form holds more than {MAX_IMAGES} photos; send fewer in one request."),
            ));
        }
    }
    if photos.is_empty() {
        return Err(Problem::new(Code::MissingImage, "The form holds no file; add one, for example as \"image\"."));
    }
    Ok(Intake { many: photos.len() > 1, raw: false, photos, options: Options::from_pairs(pairs)? })
}
