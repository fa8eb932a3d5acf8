//! What S3's errors mean for a run: the end of it, or of one photo.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use wire::ItemError;

use crate::photo::item_error;

/// Why a request came to nothing, after all tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum S3Error {
    /// Every further request would fail in the same way: what it is, and what to do.
    Run(String),
    /// This photo's, or this request's, alone.
    Photo(ItemError),
    /// There is no such object.
    NotThere,
    /// The key has become taken meanwhile, and the request was for a free one.
    Taken,
    /// This S3 does not know conditions on writes.
    NoConditions,
}

impl S3Error {
    /// What `error` means for a request that needs `permission` on a place.
    pub(crate) fn of<E>(error: &SdkError<E>, permission: &str, bucket: &str, key: &str) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let header = |name: &str| response.and_then(|response| response.headers().get(name));
        let (at, said) = (format!("s3://{bucket}/{key}"), describe(error));
        match (error.code().unwrap_or_default(), status) {
            ("NoSuchBucket", _) => Self::Run(format!(
                "{at}: no bucket {bucket:?} in this account and region; check its name, \
                 --profile, --region and --endpoint-url"
            )),
            ("InvalidBucketName", _) => Self::Run(format!("{at}: invalid bucket name {bucket:?}")),
            ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
            | (_, Some(301 | 307)) => {
                let region = header("x-amz-bucket-region").unwrap_or("REGION");
                Self::Run(format!("{at}: the bucket is in another region; use --region {region} ({said})"))
            }
            ("RequestTimeTooSkewed", _) => {
                Self::Run(format!("{at}: this machine's clock is off by minutes; set it ({said})"))
            }
            (
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken"
                | "TokenRefreshRequired",
                _,
            ) => Self::Run(format!("{at}: invalid or expired credentials ({said}); renew them, or use --profile")),
            ("AccessDenied" | "Forbidden" | "AllAccessDisabled" | "AccountProblem", _) | (_, Some(401 | 403)) => {
                Self::Run(format!("{at}: access denied ({said}); the credentials need {permission}"))
            }
            ("NotImplemented", _) | (_, Some(501)) => Self::NoConditions,
            ("PreconditionFailed" | "ConditionalRequestConflict", _) | (_, Some(409 | 412)) => Self::Taken,
            (_, Some(404 | 410)) => Self::NotThere,
            (_, Some(_)) => Self::Photo(item_error("s3", format!("S3 refused {at}: {said}."))),
            (_, None) => Self::Photo(item_error("connection", format!("cannot reach S3 for {at}: {said}."))),
        }
    }

    /// The same as the end of a run, for requests without which nothing can begin.
    pub(crate) fn into_error(self) -> anyhow::Error {
        anyhow::Error::msg(match self {
            Self::Run(reason) => reason,
            other => other.into_photo().message,
        })
    }

    /// The same as one photo's error.
    pub(crate) fn into_photo(self) -> ItemError {
        match self {
            Self::Photo(error) => error,
            Self::Run(reason) => item_error("s3", reason),
            Self::NotThere => item_error("not_found", "The object does not exist (anymore)."),
            Self::Taken => item_error("s3", "Another process keeps writing this key."),
            Self::NoConditions => item_error("s3", "This S3 does not support the request."),
        }
    }
}

/// An SDK error in one line: its code and message, or the innermost cause.
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
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn error(status: u16, code: &str) -> S3Error {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        response.headers_mut().insert("x-amz-bucket-region", "eu-central-1");
        let error = PutObjectError::generic(ErrorMetadata::builder().code(code).message("Because.").build());
        S3Error::of(&SdkError::service_error(error, response), "s3:PutObject", "photos", "in/a.jpg")
    }

    #[test]
    fn what_every_request_would_meet_ends_the_run() {
        for (status, code, says) in [
            (404, "NoSuchBucket", "no bucket \"photos\""),
            (403, "AccessDenied", "need s3:PutObject"),
            (403, "InvalidAccessKeyId", "--profile"),
            (400, "ExpiredToken", "renew"),
            (403, "RequestTimeTooSkewed", "clock"),
            (301, "PermanentRedirect", "--region eu-central-1"),
            (400, "AuthorizationHeaderMalformed", "--region eu-central-1"),
        ] {
            let S3Error::Run(reason) = error(status, code) else { panic!("{code} does not end the run") };
            assert!(reason.contains("s3://photos/in/a.jpg") && reason.contains(says), "{reason}");
        }
    }

    #[test]
    fn the_rest_is_one_photos() {
        for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (400, "BadDigest")] {
            let S3Error::Photo(error) = error(status, code) else { panic!("{code} is no photo's") };
            assert_eq!((error.code.as_str(), error.message.contains(code)), ("s3", true));
        }
        assert_eq!(error(412, "PreconditionFailed"), S3Error::Taken);
        assert_eq!(error(404, "NoSuchKey"), S3Error::NotThere);
        assert_eq!(error(501, "NotImplemented"), S3Error::NoConditions);
    }
}
