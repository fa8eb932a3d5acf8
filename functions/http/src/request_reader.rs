//! From a request's body to photos and options: JSON, a raw photo, or multipart/form-data.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderName;
use multer::{Field, Multipart};
use tokio::runtime::Handle;
use wire::{Code, MAX_IMAGES, Options, Problem, RequestBody, decode_base64};

use crate::compatible_api::{CompatibleApi, rekognition, roboflow};
use crate::declared::{self, Declared, Kind};
use crate::request_content::RequestContent;

/// So many parts of a form may be no photos: there are options for a few.
const MOST_PARTS: usize = 1000;

/// Deprecated in forms (RFC 7578, 4.7), and still sent by some.
const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

/// Reads a body, as its head declares it; no photo of JSON may have more than `max_bytes`. Called where the runtime
/// lets a thread block.
pub(crate) fn read(declared: Declared, body: Bytes, max_bytes: usize) -> Result<RequestContent, Problem> {
    let mut content = match declared.kind {
        Kind::Form(content_type) => Handle::current().block_on(multipart(body, &content_type, max_bytes))?,
        Kind::Json => json(&body, max_bytes)?,
        Kind::CompatibleApi(CompatibleApi::Rekognition) => rekognition::content(&body, max_bytes)?,
        Kind::CompatibleApi(CompatibleApi::Roboflow) => roboflow::content(&body, max_bytes)?,
        Kind::Photo => raw(body)?,
        Kind::Undeclared | Kind::UrlEncoded if body.trim_ascii_start().starts_with(b"{") => json(&body, max_bytes)?,
        Kind::UrlEncoded if is_url_encoded(&body) => {
            return Err(declared::unsupported("application/x-www-form-urlencoded"));
        }
        Kind::Undeclared | Kind::UrlEncoded => raw(body)?,
    };
    content.options = content.options.or(declared.options);
    Ok(content)
}

/// Whether a body may be the form that its type says: no photo begins with so many such characters.
fn is_url_encoded(body: &[u8]) -> bool {
    let start = &body[..body.len().min(64)];
    !start.is_empty() && start.iter().all(|byte| byte.is_ascii_alphanumeric() || b"*-._+%=&~/".contains(byte))
}

fn missing() -> Problem {
    Problem::new(Code::MissingImage, "The body is empty. Send a photo.")
}

fn raw(body: Bytes) -> Result<RequestContent, Problem> {
    if body.is_empty() {
        return Err(missing());
    }
    Ok(RequestContent { photos: vec![Ok(body)], many: false, raw: true, options: Options::default(), wanted: None })
}

fn json(body: &[u8], max_bytes: usize) -> Result<RequestContent, Problem> {
    let RequestBody { images, many, options } = RequestBody::parse(body)?;
    let decode = |text: Cow<'_, str>| decode_base64(&text, max_bytes).map(Bytes::from);
    let photos = images.into_iter().map(|image| image.and_then(decode)).collect();
    Ok(RequestContent { photos, many, raw: false, options, wanted: None })
}

/// Every part with a file name, or named like a photo, is a photo; the other parts are options. An input that was left
/// empty is as if it were not there: browsers send it all the same, a file input with an empty file name.
async fn multipart(body: Bytes, content_type: &str, max_bytes: usize) -> Result<RequestContent, Problem> {
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
        let file = part.file_name().map(str::to_owned);
        let is_photo = file.is_some()
            || matches!(name.as_str(), "image" | "images" | "file" | "files" | "photo" | "photos")
            || part.content_type().is_some_and(|kind| kind.type_() == "image");
        if is_photo {
            let photo = photo(part, max_bytes).await?;
            let left_empty = file.is_none_or(|file| file.is_empty()) && photo.as_ref().is_ok_and(Bytes::is_empty);
            if !left_empty {
                photos.push(photo);
            }
        } else {
            pairs.push((name, part.text().await.map_err(malformed)?));
        }
        if pairs.len() > MOST_PARTS {
            return Err(Problem::new(Code::InvalidParameter, format!("The form has more than {MOST_PARTS} parts.")));
        }
        if photos.len() > MAX_IMAGES {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("The form has more than {MAX_IMAGES} photos, the limit per request."),
            ));
        }
    }
    if photos.is_empty() {
        return Err(Problem::new(Code::MissingImage, "The form has no file. Add one, for example as \"image\"."));
    }
    Ok(RequestContent {
        many: photos.len() > 1,
        raw: false,
        photos,
        options: Options::from_pairs(pairs)?,
        wanted: None,
    })
}

fn malformed(error: multer::Error) -> Problem {
    Problem::new(Code::InvalidParameter, format!("Invalid multipart/form-data: {error}."))
}

/// The photo in a part: its own problem within, the form's without.
async fn photo(part: Field<'_>, max_bytes: usize) -> Result<Result<Bytes, Problem>, Problem> {
    let encoding = part.headers().get(CONTENT_TRANSFER_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    let bytes = part.bytes().await.map_err(malformed)?;
    Ok(match encoding.as_deref().map(<[u8]>::trim_ascii) {
        None | Some(b"" | b"binary" | b"7bit" | b"8bit") => Ok(bytes),
        _ if bytes.is_empty() => Ok(bytes),
        Some(b"base64") => match std::str::from_utf8(&bytes) {
            Ok(text) => decode_base64(text, max_bytes).map(Bytes::from),
            Err(_) => Err(Problem::new(
                Code::InvalidBase64,
                "The part's Content-Transfer-Encoding is base64, but it is not base64.",
            )),
        },
        Some(_) => Err(Problem::new(
            Code::UnsupportedMediaType,
            "Unsupported Content-Transfer-Encoding. Send the file's bytes as they are.",
        )),
    })
}
