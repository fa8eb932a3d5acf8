//! What S3's errors mean for a photo: never, or later.
//!
//! Only what is known to be final counts as final. `AccessDenied` is not: it is a policy's mistake more often than a
//! photo's, and it is what S3 says of a missing object to a function without `s3:ListBucket`. Such photos are handed
//! back, and end in the dead-letter queue where somebody finds them, rather than as thousands of acknowledged errors.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use wire::ItemError;

/// The code of a photo that does not exist.
pub(crate) const NOT_FOUND: &str = "not_found";

/// Why a photo has no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It never will.
    Never(ItemError),
    /// It may succeed later. The SDK has tried often enough for now.
    Later(String),
    /// Its body broke off: worth another try at once, which the SDK cannot make.
    Broken(String),
}

impl Failure {
    pub(crate) fn never(code: &str, message: impl Into<String>) -> Self {
        Self::Never(ItemError { code: code.to_owned(), message: message.into() })
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Never(error) if error.code == NOT_FOUND)
    }
}

/// What a failed `GetObject` means.
pub(crate) fn of_get(error: &SdkError<GetObjectError>) -> Failure {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let is_delete_marker = error.raw_response().is_some_and(|r| r.headers().get("x-amz-delete-marker") == Some("true"));
    match (error.code().unwrap_or_default(), status) {
        ("NoSuchBucket", _) => Failure::never(NOT_FOUND, "The bucket does not exist."),
        ("NoSuchVersion", _) => Failure::never(NOT_FOUND, "This version of the photo does not exist (anymore)."),
        // A version that is a delete marker answers 405.
        ("MethodNotAllowed", _) if is_delete_marker => Failure::never(NOT_FOUND, "The photo was deleted."),
        ("NoSuchKey", _) | (_, Some(404 | 410)) => Failure::never(NOT_FOUND, "The photo does not exist (anymore)."),
        ("InvalidObjectState", _) => {
            Failure::never("archived", "The photo is archived. Restore it, then copy it onto itself.")
        }
        ("KeyTooLongError" | "InvalidURI" | "InvalidArgument" | "InvalidBucketName" | "InvalidRequest", Some(400)) => {
            Failure::never("invalid_key", format!("S3 rejected the request for this photo: {}.", describe(error)))
        }
        _ => Failure::Later(format!("cannot get the photo from S3: {}", describe(error))),
    }
}

/// An SDK error in one line, for logs and reasons: its code and message, or the innermost cause.
pub(crate) fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    wire::error_line(error.code(), error.message(), status, error)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::http::HttpResponse;
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn failure(status: u16, code: &str) -> Failure {
        let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        let error = GetObjectError::generic(ErrorMetadata::builder().code(code).message("Because.").build());
        of_get(&SdkError::service_error(error, response))
    }

    #[test]
    fn only_what_is_final_is_final() {
        for (status, code) in [
            (404, "NoSuchKey"),
            (404, "NoSuchVersion"),
            (404, "NoSuchBucket"),
            (404, ""),
            (403, "InvalidObjectState"),
            (400, "KeyTooLongError"),
            (400, "InvalidArgument"),
        ] {
            assert!(matches!(failure(status, code), Failure::Never(_)), "{status} {code}");
        }
        for (status, code) in [
            (503, "SlowDown"),
            (500, "InternalError"),
            (429, "TooManyRequests"),
            (403, "AccessDenied"),
            (403, "RequestTimeTooSkewed"),
            (400, "ExpiredToken"),
            (400, "RequestTimeout"),
            (301, "PermanentRedirect"),
        ] {
            assert_eq!(
                failure(status, code),
                Failure::Later(format!("cannot get the photo from S3: {code} Because")),
                "{status}"
            );
        }
    }
}
