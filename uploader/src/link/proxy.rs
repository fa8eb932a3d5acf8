//! Proxies, named by the environment as for curl and the AWS command.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;

use super::endpoint::Endpoint;

/// A variable that names no proxy which can be used. Its value may hold a password: only the rest is ever shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid proxy {shown} in {variable}: {reason}; expected http://HOST:PORT or https://HOST:PORT")]
pub(crate) struct ProxyError {
    variable: &'static str,
    shown: String,
    reason: String,
}

/// A proxy on the way to a server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// The variable that names it.
    variable: &'static str,
    /// Whether TLS is spoken with the proxy itself.
    pub(crate) tls: bool,
    /// Its name or address, without brackets.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// What it is to be told of who is asking.
    pub(crate) authorization: Option<HeaderValue>,
    /// Its URL with user and password.
    secret_url: String,
}

impl Proxy {
    fn parse(variable: &'static str, value: &str) -> Result<Self, ProxyError> {
        let wrong = |reason: String| ProxyError { variable, shown: without_password(value), reason };
        let unreadable = || wrong("not a URL (write special characters in a password as %XX)".to_owned());
        if let Some(scheme) = scheme_of(value)
            && !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str())
        {
            return Err(wrong(format!("unsupported scheme {scheme}")));
        }
        let given: Uri = value.parse().map_err(|_| unreadable())?;
        let authority = given.authority().ok_or_else(unreadable)?;
        // A `/` in a password ends the host too early: the rest of it would be a port, or a path.
        let port = authority.as_str().rsplit([']', '@']).next().and_then(|host| host.split_once(':'));
        if port.is_some_and(|(_, port)| port.parse::<u16>().is_err()) || given.path().contains('@') {
            return Err(unreadable());
        }
        // Decodes user and password, and makes the header of them.
        let read = Matcher::builder().all(value).build();
        let read = read.intercept(&Uri::from_static("http://proxied.invalid/")).ok_or_else(unreadable)?;
        let host = read.uri().host().filter(|host| !host.is_empty()).ok_or_else(unreadable)?;
        let tls = read.uri().scheme_str() == Some("https");
        Ok(Self {
            variable,
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: read.uri().port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authorization: read.basic_auth().cloned(),
            secret_url: format!("{}://{authority}", if tls { "https" } else { "http" }),
        })
    }

    /// Its URL with user and password, for those who connect to it. Never to be shown.
    pub(crate) fn secret_url(&self) -> &str {
        &self.secret_url
    }
}

impl Proxy {
    /// Where it is, and which variable says so.
    pub(crate) fn place(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let (host, port) = (bracketed(&self.host), self.port);
        format!("{scheme}://{host}:{port} ({})", self.variable)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {}", self.place())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The proxies of a run, and what is asked without them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies {
    http: Option<Result<Arc<Proxy>, ProxyError>>,
    https: Option<Result<Arc<Proxy>, ProxyError>>,
    exempt: String,
}

impl Proxies {
    /// Reads the variables. What is wrong with one is told where its proxy would be used.
    pub(crate) fn from_env() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        // As in curl: lower case first, and an empty one is as if it were not there.
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?.trim().to_owned();
                (!value.is_empty()).then_some((*name, value))
            })
        };
        // A web server hands a request's `Proxy:` header to its CGI programs as HTTP_PROXY: anybody could set it.
        let http: &[_] = if variable("REQUEST_METHOD").is_some() {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        };
        let proxy = |names| first(names).map(|(name, value)| Proxy::parse(name, &value).map(Arc::new));
        Self {
            http: proxy(http),
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exempt: first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value).unwrap_or_default(),
        }
    }

    /// The proxy through which a server is asked.
    ///
    /// # Errors
    /// When the variable that counts for it names none which can be used.
    pub(crate) fn of(&self, tls: bool, host: &str, port: u16) -> Result<Option<Arc<Proxy>>, ProxyError> {
        let proxy = if tls { &self.https } else { &self.http };
        let Some(proxy) = proxy else { return Ok(None) };
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        if is_here(host) || self.is_exempt(host, port) { Ok(None) } else { proxy.clone().map(Some) }
    }

    /// The endpoint as it is reached from here. Where somebody has said where to connect, it is there.
    ///
    /// # Errors
    /// As [`Proxies::of`].
    pub(crate) fn lead(&self, endpoint: Endpoint) -> Result<Endpoint, ProxyError> {
        if endpoint.via.is_some() {
            return Ok(endpoint);
        }
        let proxy = self.of(endpoint.tls, &endpoint.host, endpoint.port)?;
        Ok(Endpoint { proxy, ..endpoint })
    }

    /// The proxies that can be used, by whether the server asked speaks TLS.
    pub(crate) fn usable(&self) -> impl Iterator<Item = (bool, &Arc<Proxy>)> {
        [(false, &self.http), (true, &self.https)]
            .into_iter()
            .filter_map(|(tls, proxy)| Some((tls, proxy.as_ref()?.as_ref().ok()?)))
    }

    fn is_exempt(&self, host: &str, port: u16) -> bool {
        // The matcher knows names, addresses and networks, but neither ports nor `*.name`, nor lists without commas.
        let entries: Vec<&str> = self
            .exempt
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter_map(|entry| for_port(entry, port))
            .map(|entry| entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry))
            .filter(|entry| !entry.is_empty())
            .collect();
        // An address that is none for a URI is none for the matcher, either.
        let Ok(uri) = format!("http://{}/", bracketed(host)).parse::<Uri>() else { return false };
        Matcher::builder().all("http://proxy.invalid").no(entries.join(",")).build().intercept(&uri).is_none()
    }
}

/// Without its port, an entry of `NO_PROXY`, where it counts for `port`.
fn for_port(entry: &str, port: u16) -> Option<&str> {
    let (host, only) = if let Some(rest) = entry.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (host, rest.strip_prefix(':'))
    } else {
        match entry.split_once(':') {
            // More than one colon: an IPv6 address without a port.
            Some((host, rest)) if !rest.contains(':') => (host, Some(rest)),
            _ => (entry, None),
        }
    };
    only.is_none_or(|only| only.parse() == Ok(port)).then_some(host)
}

/// What only this machine can reach: itself, and the addresses of its own link, where cloud machines and containers find
/// their credentials. Behind a proxy, another machine's would answer.
fn is_here(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local() || address.is_unspecified(),
        Ok(IpAddr::V6(address)) => {
            // fd00:ec2::/32 is AWS's.
            let ours = address.segments()[..2] == [0xfd00, 0x0ec2];
            address.is_loopback() || address.is_unicast_link_local() || address.is_unspecified() || ours
        }
        Err(_) => false,
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// What stands before `://`, where it is no part of a password: `user:pass://word@host`.
fn scheme_of(value: &str) -> Option<&str> {
    let (scheme, _) = value.split_once("://")?;
    scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)).then_some(scheme)
}

/// A proxy's URL for people. Whatever stands before the last `@` may be a password.
fn without_password(value: &str) -> String {
    let scheme = scheme_of(value).unwrap_or_default();
    let rest = value.rsplit('@').next().unwrap_or_default();
    let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

#[cfg(test)]
mod tests;
