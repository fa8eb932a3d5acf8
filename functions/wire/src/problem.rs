//! Errors as callers see them: RFC 9457 problem details with a stable code.

use detector::{PhotoError, TooManySlices};
use serde::{Deserialize, Serialize};

/// What went wrong, in one stable word. Every code has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is not JSON although it says so.
    InvalidJson,
    /// A photo's text is not base64.
    InvalidBase64,
    /// The body is not encoded as its Content-Encoding says.
    InvalidEncoding,
    /// No photo in the request.
    MissingImage,
    /// An option has a wrong type or is out of range.
    InvalidParameter,
    /// The token is missing or wrong.
    Unauthorized,
    /// No such path.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The request came too slowly.
    Timeout,
    /// The photo's file, or the whole request, is larger than the function accepts.
    TooManyBytes,
    /// The photo has more pixels, or a longer side, than the function accepts.
    TooManyPixels,
    /// The photo needs more slices than allowed.
    TooManySlices,
    /// The object in S3 that was named cannot be read.
    #[serde(rename = "invalid_s3_object")]
    InvalidS3Object,
    /// The request's content type, or its coding, is not one the function reads.
    UnsupportedMediaType,
    /// The bytes are no photo of a kind that is read.
    UnsupportedImage,
    /// The photo is of a known kind, but broken.
    UndecodableImage,
    /// The function failed; the caller did nothing wrong.
    Internal,
    /// The model is still being loaded; ask again in a moment.
    Loading,
    /// Too many requests wait already; ask again in a moment.
    Overloaded,
}

impl Code {
    /// The HTTP status that belongs to the code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::InvalidBase64
            | Self::InvalidEncoding
            | Self::MissingImage
            | Self::InvalidParameter
            | Self::InvalidS3Object => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::TooManyBytes | Self::TooManyPixels | Self::TooManySlices => 413,
            Self::UnsupportedMediaType | Self::UnsupportedImage => 415,
            Self::UndecodableImage => 422,
            Self::Internal => 500,
            Self::Loading | Self::Overloaded => 503,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidJson => "Invalid JSON",
            Self::InvalidBase64 => "Invalid base64",
            Self::InvalidEncoding => "Invalid content encoding",
            Self::MissingImage => "Missing image",
            Self::InvalidParameter => "Invalid parameter",
            Self::Unauthorized => "Unauthorized",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Timeout => "Request timeout",
            Self::TooManyBytes => "Too many bytes",
            Self::TooManyPixels => "Too many pixels",
            Self::TooManySlices => "Too many slices",
            Self::InvalidS3Object => "Cannot read the S3 object",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::UnsupportedImage => "Unsupported file type",
            Self::UndecodableImage => "Cannot decode image",
            Self::Internal => "Internal error",
            Self::Loading => "Loading",
            Self::Overloaded => "Overloaded",
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// An `application/problem+json` document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code says it all.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What was wrong with this request, and what to do about it.
    pub detail: String,
    /// The stable code.
    pub code: Code,
}

impl Problem {
    /// The media type of a problem document.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem with its code and a sentence the caller can act on.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            code,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<&TooManySlices> for Problem {
    fn from(error: &TooManySlices) -> Self {
        Self::new(Code::TooManySlices, error.to_string())
    }
}

impl From<&PhotoError> for Problem {
    fn from(error: &PhotoError) -> Self {
        let code = match error {
            PhotoError::Empty => Code::MissingImage,
            PhotoError::TooManyBytes { .. } => Code::TooManyBytes,
            PhotoError::TooManyPixels { .. } => Code::TooManyPixels,
            PhotoError::Unsupported { .. } => Code::UnsupportedImage,
            PhotoError::Undecodable { .. } => Code::UndecodableImage,
        };
        Self::new(code, error.to_string())
    }
}
