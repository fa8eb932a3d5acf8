//! An error of a service in one line, for logs and for people.

use std::error::Error;

/// What the service says itself, its code and its message; where it says nothing, its status and the innermost cause.
#[must_use]
pub fn error_line(
    code: Option<&str>,
    message: Option<&str>,
    status: Option<u16>,
    error: &(dyn Error + 'static),
) -> String {
    if let Some(code) = code {
        return format!("{code} {}", message.unwrap_or_default()).trim_end().trim_end_matches('.').to_owned();
    }
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    status.map_or_else(|| cause.to_string(), |status| format!("status {status}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_quoted_before_anything_else() {
        let error = std::io::Error::other(std::io::Error::other("connection refused"));
        assert_eq!(error_line(Some("SlowDown"), Some("Please wait."), Some(503), &error), "SlowDown Please wait");
        assert_eq!(error_line(Some("SlowDown"), None, Some(503), &error), "SlowDown");
        assert_eq!(error_line(None, None, Some(502), &error), "status 502: connection refused");
        assert_eq!(error_line(None, Some("unused"), None, &error), "connection refused");
    }
}
