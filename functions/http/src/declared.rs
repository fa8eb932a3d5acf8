//! What the head of a request declares: the kind of its body, and options in the query.

use http::header::CONTENT_TYPE;
use http::request::Parts;
use wire::{Code, Options, Problem, Unknown};

use crate::compatible_api::CompatibleApi;

/// What a request's head says, before anything of the body is read.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) kind: Kind,
    /// The options of the query.
    pub(crate) options: Options,
}

/// The kind of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `multipart/form-data`, with the whole Content-Type.
    Form(String),
    Json,
    /// A photo itself.
    Photo,
    /// Nothing is declared: the body says what it is.
    Undeclared,
    /// `application/x-www-form-urlencoded`: what `curl --data-binary` says of whatever it sends, so the body says what
    /// it is, unless it is a form.
    UrlEncoded,
    /// As another service's client writes it.
    CompatibleApi(CompatibleApi),
}

impl Declared {
    /// A request of another service's client, which has its options in its body.
    pub(crate) fn by(api: CompatibleApi) -> Self {
        Self { kind: Kind::CompatibleApi(api), options: Options::default() }
    }

    /// Reads a head; `unknown` says what becomes of names in the query that are no options.
    ///
    /// # Errors
    /// `invalid_parameter` for options that are not usable, `unsupported_media_type` for bodies that are not read.
    pub(crate) fn of(head: &Parts, unknown: Unknown) -> Result<Self, Problem> {
        let options = Options::from_query(head.uri.query().unwrap_or_default(), unknown)?;
        let content_type = match head.headers.get(CONTENT_TYPE) {
            None => "",
            Some(value) => value.to_str().map_err(|_| unsupported("(not text)"))?.trim(),
        };
        let kind = match essence(content_type).as_str() {
            "multipart/form-data" => Kind::Form(content_type.to_owned()),
            "application/json" => Kind::Json,
            kind if kind.ends_with("+json") => Kind::Json,
            kind if kind.starts_with("image/") || kind == "application/octet-stream" => Kind::Photo,
            "application/x-www-form-urlencoded" => Kind::UrlEncoded,
            "" => Kind::Undeclared,
            other => return Err(unsupported(&format!("{other:.60}"))),
        };
        Ok(Self { kind, options })
    }
}

/// A media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A Content-Type that is not read here, and what is.
pub(crate) fn unsupported(kind: &str) -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        format!(
            "Unsupported Content-Type {kind}. Send application/json, multipart/form-data, image/* or \
             application/octet-stream."
        ),
    )
}
