//! Where credentials were found, for people.

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;

use crate::profile::Profiles;

/// The source of credentials that were found.
pub(super) fn of(credentials: &Credentials, profiles: &Profiles) -> String {
    let features = credentials.get_property::<Vec<Feature>>().map_or(&[][..], Vec::as_slice);
    let way = features.iter().find_map(name);
    // Whatever came out of a profile is marked as such, too.
    if !features.contains(&Feature::CredentialsProfile) {
        return way.unwrap_or("unknown").to_owned();
    }
    let profile = format!("profile {}", profiles.name());
    match way {
        Some(way) => format!("{profile} ({way})"),
        None if profiles.assumes_a_role() => format!("{profile} (assumed role)"),
        None => profile,
    }
}

fn name(feature: &Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::CredentialsEnvVars => "environment",
        Feature::CredentialsProfileLogin | Feature::CredentialsLogin => "aws login",
        Feature::CredentialsSso | Feature::CredentialsProfileSso => "SSO",
        Feature::CredentialsProcess | Feature::CredentialsProfileProcess => "process",
        Feature::CredentialsProfileStsWebIdToken
        | Feature::CredentialsEnvVarsStsWebIdToken
        | Feature::CredentialsStsAssumeRoleWebId => "web identity",
        Feature::CredentialsStsAssumeRole => "assumed role",
        Feature::CredentialsHttp => "container",
        Feature::CredentialsImds => "instance metadata",
        _ => return None,
    })
}
