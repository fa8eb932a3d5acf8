//! Photos on the client's side: which ones, made ready to travel, and drawn upon afterwards.

mod annotation;
mod list;
mod payload;
mod shrink;

use detector::PhotoFormat;

pub(crate) use annotation::Annotations;
pub(crate) use list::{Found, expand, find};
pub(crate) use payload::{EVENT_LIMIT, Payload, Prepared, Recipe, too_many_bytes};

/// The media type of a kind of photo.
pub(crate) fn media_type(format: PhotoFormat) -> &'static str {
    format.media_type()
}

/// An error of the client's own about one photo, in the shape in which the function's errors arrive.
pub(crate) fn item_error(code: &str, message: impl Into<String>) -> wire::ItemError {
    wire::ItemError { code: code.to_owned(), message: message.into() }
}
