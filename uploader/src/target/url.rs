//! A function behind a URL: in the cloud, or started by `uploader local`.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Method, Request, StatusCode};
use wire::{Answer, ItemError};

use super::query::canonical;
use super::signer::Signer;
use super::{Failure, Lease, Target, reply};
use crate::args::UrlArgs;
use crate::link::{Endpoint, Proxies, Reply, lambda_region};
use crate::notice::notice;
use crate::photo::{Payload, item_error, sha256};

const AGENT: &str = concat!("spotter-uploader/", env!("CARGO_PKG_VERSION"));

/// The `/detect` of a function.
pub(crate) struct UrlTarget {
    endpoint: Endpoint,
    query: String,
    signer: Option<Signer>,
    /// What a server that is no Function URL may want (`API_TOKEN`). A signature takes the same header.
    token: Option<HeaderValue>,
}

impl UrlTarget {
    /// Understands the URL and finds credentials where requests are to be signed.
    pub(crate) async fn open(args: &UrlArgs) -> Result<Self> {
        let mut target = Self::unsigned(&args.url)?;
        if let Some(via) = &args.connect_to {
            target.endpoint.via = Some(host_and_port(via)?);
        }
        target.endpoint = Proxies::from_env().lead(target.endpoint)?;
        target.signer = match (&args.sign, lambda_region(&target.endpoint.host)) {
            (Some(region), _) => Some(Signer::find(region).await.context("--sign")?),
            (None, Some(region)) if !args.no_sign => match Signer::find(region).await {
                Ok(signer) => Some(signer),
                Err(error) => {
                    // A URL without authentication works unsigned; one with it will say so.
                    notice!("uploader: requests are not signed: {error:#}");
                    None
                }
            },
            _ => None,
        };
        if target.signer.is_none() {
            target.token = token()?;
        }
        Ok(target)
    }

    /// A target whose requests are not signed.
    pub(crate) fn unsigned(url: &str) -> Result<Self> {
        let endpoint = Endpoint::parse(url)?;
        let (path, query) = endpoint.path.split_once('?').unwrap_or((&endpoint.path, ""));
        let base = path.trim_end_matches('/');
        let path = if base.ends_with("/detect") { base.to_owned() } else { format!("{base}/detect") };
        Ok(Self { query: query.to_owned(), endpoint: endpoint.at(path), signer: None, token: None })
    }

    /// The URL as a person would write it.
    pub(crate) fn base_url(&self) -> String {
        self.endpoint.at(format!("{}/", self.base())).url()
    }

    fn base(&self) -> &str {
        self.endpoint.path.strip_suffix("/detect").unwrap_or(&self.endpoint.path)
    }

    /// A request for `path`, with its query, below the function's base; signed, or with the token. `headers` describe the
    /// body.
    pub(crate) async fn forward(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let own = if path == "/detect" { self.query.as_str() } else { "" };
        let query = canonical(&[own, query].join("&"));
        let path = format!("{}{path}{}{query}", self.base(), if query.is_empty() { "" } else { "?" });
        let sha256 = sha256(&body);
        let mut request = Request::builder().method(method).uri(&path).body(Full::new(body))?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(HOST, HeaderValue::try_from(self.endpoint.authority())?);
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        if let Some(signer) = &self.signer {
            signer.sign(&mut request, &self.endpoint.at(path).url(), &sha256).await?;
        }
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(request)
    }

    /// Whether requests are signed.
    pub(crate) fn is_signed(&self) -> bool {
        self.signer.is_some()
    }

    /// What a reply means that is neither an answer nor a problem of the function's own.
    pub(crate) fn refusal(&self, reply: &Reply) -> ItemError {
        let mut error = self.explained(reply::refusal(reply)).error;
        if reply.status == StatusCode::FORBIDDEN && self.signer.is_some() {
            error.message = format!(
                "{}: {}. The signature was refused: the caller needs lambda:InvokeFunctionUrl and lambda:InvokeFunction.",
                reply.status,
                reply::said(reply)
            );
        }
        error
    }

    /// `GET /health` beside `/detect`.
    pub(super) async fn health(&self) -> Result<Request<Full<Bytes>>> {
        let path = format!("{}/health", self.base());
        let mut request = self.head(Method::GET, &path).body(Full::default())?;
        if let Some(signer) = &self.signer {
            signer.sign(&mut request, &self.endpoint.at(path).url(), &Payload::empty(String::new()).sha256).await?;
        }
        Ok(request)
    }

    fn head(&self, method: Method, path: &str) -> Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.endpoint.authority())
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT)
    }

    /// A failure as it looks from here, where a proxy may have spoken.
    pub(super) fn explained(&self, failure: Failure) -> Failure {
        doubt(failure, &self.endpoint)
    }

    async fn build(&self, payload: &Payload) -> Result<Request<Full<Bytes>>> {
        let query: Vec<&str> =
            [self.query.as_str(), &payload.query].into_iter().filter(|part| !part.is_empty()).collect();
        let mut path = self.endpoint.path.clone();
        if !query.is_empty() {
            path = format!("{path}?{}", canonical(&query.join("&")));
        }
        let head = self.head(Method::POST, &path).header(CONTENT_TYPE, payload.content_type);
        let mut request = head.body(Full::new(payload.body.clone()))?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        if let Some(signer) = &self.signer {
            signer.sign(&mut request, &self.endpoint.at(path).url(), &payload.sha256).await?;
        }
        Ok(request)
    }
}

impl Target for UrlTarget {
    fn title(&self) -> String {
        match &self.endpoint.proxy {
            Some(proxy) => format!("{} through {proxy}", self.endpoint.url()),
            None => self.endpoint.url(),
        }
    }

    fn means(&self) -> Vec<(&'static str, String)> {
        let mut means = Vec::new();
        if let Some(signer) = &self.signer {
            means.push(("credentials", signer.source().to_owned()));
        }
        if let Some(proxy) = &self.endpoint.proxy {
            means.push(("proxy", proxy.place()));
        }
        means
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn request<'a>(&'a self, payload: &'a Payload) -> BoxFuture<'a, Result<Request<Full<Bytes>>, ItemError>> {
        Box::pin(async move {
            self.build(payload)
                .await
                .map_err(|error| item_error("request", format!("Cannot make the request: {error:#}.")))
        })
    }

    fn read(&self, reply: &Reply, _lease: &Lease<'_>) -> Result<Answer, Failure> {
        reply::read(reply).map_err(|failure| self.explained(failure))
    }
}

/// A proxy that reads requests answers in the server's place, and its words look like the server's.
fn doubt(mut failure: Failure, endpoint: &Endpoint) -> Failure {
    // The function's own errors have names of their own.
    let nameless = failure.error.code.starts_with("http_") || failure.error.code == "unknown_answer";
    if let Some(proxy) = endpoint.proxy.as_ref().filter(|_| nameless && !endpoint.tls) {
        let said = failure.error.message.trim_end_matches('.');
        failure.error.message = format!("{said} (sent through {proxy}, which may have answered itself).");
    }
    failure
}

/// `API_TOKEN` of the environment, as a header.
fn token() -> Result<Option<HeaderValue>> {
    let Ok(token) = std::env::var("API_TOKEN") else { return Ok(None) };
    if token.is_empty() {
        return Ok(None);
    }
    let mut token = HeaderValue::try_from(format!("Bearer {token}"))
        .context("API_TOKEN has characters that a header cannot have")?;
    token.set_sensitive(true);
    Ok(Some(token))
}

fn host_and_port(text: &str) -> Result<(String, u16)> {
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) if !host.is_empty() => {
            Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
        }
        _ => bail!("--connect-to {text}: expected HOST:PORT"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_the_url_leads_to_detect() {
        for (given, path) in [
            ("http://h:1", "/detect"),
            ("http://h:1/", "/detect"),
            ("http://h:1/detect", "/detect"),
            ("http://h:1/detect/", "/detect"),
            ("http://h:1/lambda-url/detect-http/", "/lambda-url/detect-http/detect"),
            ("http://h:1/lambda-url/detect-http", "/lambda-url/detect-http/detect"),
        ] {
            assert_eq!(UrlTarget::unsigned(given).unwrap().endpoint.path, path, "{given}");
        }
    }

    #[test]
    fn a_detour_is_a_host_and_a_port() {
        assert_eq!(host_and_port("[::1]:80").unwrap(), ("::1".to_owned(), 80));
        assert!(host_and_port("localhost").is_err());
    }
}
