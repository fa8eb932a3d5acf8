//! Whose requests are passed on: those of the page itself, and of programs here; not those of other web sites.
//!
//! Any site that a browser shows may have it send requests to this machine, and they would be signed. Browsers say where a
//! request comes from (`Sec-Fetch-Site`, `Origin`); and a site that has its own name lead to this machine (DNS rebinding)
//! is told by `Host`, which holds that name.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::uri::Authority;

use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Knows where the page is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    /// Whether only this machine reaches it.
    is_private: bool,
}

impl Guard {
    pub(super) fn new(host: IpAddr) -> Self {
        Self { is_private: host.is_loopback() }
    }

    /// # Errors
    /// 403, with the header that is wrong.
    pub(super) fn check(self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = only(headers, &HOST)?.ok_or_else(|| refused("Host", "missing"))?;
        let authority: Authority = host.parse().map_err(|_| refused("Host", host))?;
        if !self.is_here(authority.host()) || host.contains('@') {
            return Err(refused("Host", host));
        }
        if let Some(origin) = only(headers, &ORIGIN)?
            && !origin.strip_prefix("http://").is_some_and(|from| from.eq_ignore_ascii_case(host))
        {
            return Err(refused("Origin", origin));
        }
        match only(headers, &SEC_FETCH_SITE)? {
            // Typed, or a bookmark; or the page itself.
            None | Some("none" | "same-origin") => Ok(()),
            Some(other) => Err(refused("Sec-Fetch-Site", other)),
        }
    }

    /// Names can be made to lead here by others; addresses and `localhost` cannot.
    fn is_here(self, host: &str) -> bool {
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || !self.is_private,
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// A header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value)),
        _ => Err(refused(name.as_str(), "not one readable value")),
    }
}

fn refused(header: &str, value: &str) -> Problem {
    let shown: String = value.chars().filter(|c| !c.is_control()).take(100).collect();
    let detail = format!(
        "Requests of other web sites are not forwarded ({header}: {shown}). Open the page by the address that `uploader page` printed."
    );
    Problem::new(403, "foreign_origin", detail)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn passes(guard: Guard, headers: &[(&'static str, &'static str)]) -> bool {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        guard.check(&all).is_ok()
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:9001");

    #[test]
    fn the_page_and_programs_pass() {
        let guard = Guard::new("127.0.0.1".parse().unwrap());
        for headers in [
            &[HERE][..],
            &[("host", "localhost:9001")],
            &[("host", "[::1]:9001")],
            &[("host", "127.0.0.1")],
            &[HERE, ("origin", "http://127.0.0.1:9001"), ("sec-fetch-site", "same-origin")],
            &[("host", "LocalHost:9001"), ("origin", "http://localhost:9001")],
            &[HERE, ("sec-fetch-site", "none")],
        ] {
            assert!(passes(guard, headers), "{headers:?}");
        }
    }

    #[test]
    fn other_sites_do_not() {
        let guard = Guard::new("127.0.0.1".parse().unwrap());
        for headers in [
            &[][..],
            &[("host", "evil.example:9001")],
            &[("host", "127.0.0.1.evil.example")],
            &[("host", "localhost.evil.example")],
            &[("host", "evil@127.0.0.1:9001")],
            &[("host", "192.168.1.7:9001")],
            &[HERE, ("host", "evil.example")],
            &[HERE, ("origin", "https://evil.example")],
            &[HERE, ("origin", "null")],
            &[HERE, ("origin", "http://127.0.0.1:9002")],
            &[HERE, ("origin", "https://127.0.0.1:9001")],
            &[HERE, ("origin", "http://localhost:9001")],
            &[HERE, ("sec-fetch-site", "cross-site")],
            &[HERE, ("sec-fetch-site", "same-site")],
            &[HERE, ("origin", "http://127.0.0.1:9001"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!passes(guard, headers), "{headers:?}");
        }
    }

    #[test]
    fn told_to_listen_elsewhere_it_knows_addresses_but_no_names() {
        let guard = Guard::new("0.0.0.0".parse().unwrap());
        assert!(passes(guard, &[("host", "192.168.1.7:9001"), ("origin", "http://192.168.1.7:9001")]));
        assert!(!passes(guard, &[("host", "evil.example:9001")]));
    }
}
