//! Where a URL leads.

use std::sync::Arc;

use url::Url;

use super::proxy::Proxy;

/// A server and the path below which we ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Whether to speak TLS.
    pub(crate) tls: bool,
    /// The host's name or address, without brackets.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// The path, percent-encoded, with its query.
    pub(crate) path: String,
    /// Where to connect, if not to `host` and `port`.
    pub(crate) via: Option<(String, u16)>,
    /// Through which proxy.
    pub(crate) proxy: Option<Arc<Proxy>>,
}

/// A URL that leads nowhere we can go.
#[derive(Debug, thiserror::Error)]
#[error("invalid URL {url:?}: {reason}")]
pub(crate) struct EndpointError {
    url: String,
    reason: String,
}

impl Endpoint {
    /// Reads an http or https URL. User names and passwords are refused rather than dropped.
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let wrong = |reason: &str| EndpointError { url: text.to_owned(), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|e| wrong(&format!("{e}; expected http://… or https://…")))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => {
                return Err(wrong(&format!("unsupported scheme {other}; expected http://… or https://…")));
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("user names and passwords are not supported; use --sign for signed requests"));
        }
        let host = url.host_str().ok_or_else(|| wrong("no host"))?;
        let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self {
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default().ok_or_else(|| wrong("no port"))?,
            path: format!("{}{query}", url.path()),
            via: None,
            proxy: None,
        })
    }

    /// The same server, another path.
    #[must_use]
    pub(crate) fn at(&self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self.clone() }
    }

    /// Where a `Location` header leads from here. The way there may be another.
    pub(crate) fn follow(&self, location: &str) -> Result<Self, EndpointError> {
        let wrong = |e: url::ParseError| EndpointError { url: location.to_owned(), reason: e.to_string() };
        let url = Url::parse(&self.url()).map_err(wrong)?.join(location).map_err(wrong)?;
        Self::parse(url.as_str())
    }

    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == if self.tls { 443 } else { 80 } { host } else { format!("{host}:{}", self.port) }
    }

    /// The whole URL.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", if self.tls { "https" } else { "http" }, self.authority(), self.path)
    }

    /// Where to connect.
    pub(crate) fn address(&self) -> (&str, u16) {
        match (&self.proxy, &self.via) {
            (Some(proxy), _) => (&proxy.host, proxy.port),
            (None, Some((host, port))) => (host, *port),
            (None, None) => (&self.host, self.port),
        }
    }

    /// Whether there is TLS on the way, with the server or with the proxy.
    pub(crate) fn needs_tls(&self) -> bool {
        self.tls || self.proxy.as_ref().is_some_and(|proxy| proxy.tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart_and_together() {
        let endpoint = Endpoint::parse("https://example.com/a%20b/?x=1").unwrap();
        assert_eq!((endpoint.tls, endpoint.port, endpoint.path.as_str()), (true, 443, "/a%20b/?x=1"));
        assert_eq!(endpoint.url(), "https://example.com/a%20b/?x=1");
        let endpoint = Endpoint::parse("http://[::1]:9000").unwrap();
        assert_eq!((endpoint.host.as_str(), endpoint.authority().as_str()), ("::1", "[::1]:9000"));
    }

    #[test]
    fn redirects_are_followed_from_where_they_were_met() {
        let endpoint = Endpoint::parse("http://example.com:81/a/b").unwrap();
        assert_eq!(endpoint.follow("/c?d=e").unwrap().url(), "http://example.com:81/c?d=e");
        assert_eq!(endpoint.follow("https://other.example/x").unwrap().url(), "https://other.example/x");
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        for url in ["example.com", "ftp://example.com/", "http://user:word@example.com/", "http://"] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }
}
