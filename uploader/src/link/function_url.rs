//! Lambda's Function URLs, known by their host.

/// The region in the name of a Function URL's host: `<id>.lambda-url.<region>.on.aws`.
pub(crate) fn lambda_region(host: &str) -> Option<&str> {
    let (_, rest) = host.split_once(".lambda-url.")?;
    rest.strip_suffix(".on.aws").filter(|region| !region.is_empty() && !region.contains('.'))
}

/// Whether a host is that of a Function URL, with what that bounds.
pub(crate) fn is_function_url(host: &str) -> bool {
    lambda_region(host).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_urls_are_known_by_their_host() {
        assert_eq!(lambda_region("abc123.lambda-url.eu-central-1.on.aws"), Some("eu-central-1"));
        assert_eq!(lambda_region("lambda-url.eu-central-1.on.aws.example.com"), None);
        assert_eq!(lambda_region("example.com"), None);
    }
}
