//! Signatures of requests to a function, made again from what arrived.

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::date_time::{DateTime, Format};

use super::Seen;

/// A Function URL that nothing answers.
pub const HOST: &str = "http://abc123.lambda-url.eu-central-1.on.aws/";
/// The secret key of AWS's own examples.
pub const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// What requests are signed with, as variables.
pub const CREDENTIALS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", KEY), ("AWS_SESSION_TOKEN", "token")];

/// The signature that a request to [`HOST`] should have, and the headers that it covers.
pub fn signature(seen: &Seen) -> (String, Vec<String>) {
    let stamp = &seen.headers["x-amz-date"];
    let part = |from: usize, to: usize| &stamp[from..to];
    let date =
        format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15));
    let time = DateTime::from_str(&date, Format::DateTime).unwrap().try_into().unwrap();
    let token = Some("token".to_owned());
    let identity = aws_credential_types::Credentials::new("AKIDEXAMPLE", KEY, token, None, "test").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("lambda")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let authorization = &seen.headers["authorization"];
    let signed = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let signed: Vec<String> = signed.split(';').map(str::to_owned).collect();
    let headers = signed
        .iter()
        .filter(|name| !["x-amz-date", "x-amz-security-token"].contains(&name.as_str()))
        .map(|name| (name.as_str(), seen.headers[name].as_str()));
    let url = format!("{}{}", HOST.trim_end_matches('/'), seen.target);
    let request = SignableRequest::new(&seen.method, &url, headers, SignableBody::Bytes(&seen.body)).unwrap();
    (sign(request, &params.into()).unwrap().signature().to_owned(), signed)
}
