//! What S3's errors mean for a model, and what to do about each.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;

/// Why an object cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is none, or none that this caller may know of: S3 says 403 of a missing object where it may not be listed.
    Absent(String),
    /// Anything else.
    Other(String),
    /// The answer broke off: another try may succeed.
    Broken(String),
}

impl Fault {
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Absent(reason) | Self::Other(reason) | Self::Broken(reason) => reason,
        }
    }
}

/// What a failed `GetObject` means.
pub(crate) fn of_get(error: &SdkError<GetObjectError>, region: &str) -> Fault {
    let response = error.raw_response();
    let status = response.map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let said = said(error);
    if let Some(theirs) = response.and_then(|response| response.headers().get("x-amz-bucket-region"))
        && theirs != region
    {
        return Fault::Other(format!(
            "the bucket is in {theirs}, and {region} was asked ({said}). Copy the model into a bucket in {region}, or set AWS_REGION \
             to {theirs} where that can be set."
        ));
    }
    match (code, status) {
        ("NoSuchBucket", _) => Fault::Absent("there is no such bucket (NoSuchBucket). Check MODEL.".to_owned()),
        ("NoSuchKey", _) | (_, Some(404)) => Fault::Absent(format!("there is no such key ({said}). Check MODEL.")),
        ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
        | (_, Some(301)) => Fault::Other(format!(
            "the bucket is in another region than {region} ({said}). Copy the model into a bucket in {region}, or set AWS_REGION."
        )),
        ("ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken", _) => {
            Fault::Other(format!("the credentials are not valid ({said}). Renew them."))
        }
        ("InvalidObjectState", _) => Fault::Other(format!("it is archived ({said}). Restore it.")),
        (_, Some(403)) => Fault::Absent(format!(
            "access denied, or there is no such key ({said}). Check MODEL, and allow s3:GetObject on it (template parameter ModelUri)."
        )),
        _ if matches!(error, SdkError::ConstructionFailure(_)) || is_about_credentials(&said) => {
            Fault::Other(format!("{said}. Check AWS_REGION and the credentials (AWS_PROFILE, or a role)."))
        }
        _ => Fault::Other(format!("{said}.")),
    }
}

fn is_about_credentials(said: &str) -> bool {
    said.contains("credential")
}

/// An SDK error in one line: status, code and message, or the innermost cause.
pub(crate) fn said(error: &SdkError<GetObjectError>) -> String {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let line = wire::error_line(error.code(), error.message(), status, error);
    match (status, error.code()) {
        (Some(status), Some(_)) => format!("{status} {line}"),
        _ => line,
    }
}
