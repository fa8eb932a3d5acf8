//! Why there are no credentials, and what to do.

use std::error::Error;

use anyhow::{Error as Report, anyhow};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::profile::{Profiles, Session};

/// What to do where there are none.
const HELP: &str = "no AWS credentials found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// Nobody has answered in time.
pub(super) fn no_answer() -> Report {
    anyhow!("{HELP} (timed out)")
}

/// What an error of the SDK means for whoever asked for credentials.
pub(super) fn explained(error: &CredentialsError, profiles: &Profiles) -> Report {
    let causes: Vec<&(dyn Error + 'static)> =
        std::iter::successors(Some(error as &(dyn Error + 'static)), |&cause| cause.source()).collect();
    let said = said(&causes);
    // Without a profile, what went wrong is what was tried last.
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) || !profiles.is_there() {
        return anyhow!("{HELP} ({said})");
    }
    let name = profiles.name();
    if causes.iter().any(|cause| cause.is::<ConnectorError>()) {
        return anyhow!("cannot get the AWS credentials of profile {name:?}: {said}");
    }
    match profiles.session() {
        Some(Session::Sso(owner)) => {
            anyhow!("no valid SSO session for AWS profile {owner:?} ({said}): run aws sso login --profile {owner}")
        }
        Some(Session::Login(owner)) if owner == "default" => {
            anyhow!("no valid login session for AWS profile {owner:?} ({said}): run aws login")
        }
        Some(Session::Login(owner)) => {
            anyhow!("no valid login session for AWS profile {owner:?} ({said}): run aws login --profile {owner}")
        }
        None => anyhow!("cannot use the AWS credentials (profile {name:?}): {said}"),
    }
}

/// The causes on one line, without those that say nothing or the same again.
fn said(causes: &[&(dyn Error + 'static)]) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in causes {
        let text = cause.to_string();
        let empty = cause.is::<CredentialsError>() && cause.source().is_some();
        if !empty && !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
    }
    said.join(": ")
}
