//! The HTTP client of AWS's services: the proxies and the certificates that all connections here have.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::ErrorKind;
use hyper::Uri;

use crate::link::{LinkError, Proxies, Proxy, Trust};

/// A connector for each pair of time-outs, as the SDK keeps them.
type Connectors = Mutex<HashMap<(Option<Duration>, Option<Duration>), SharedHttpConnector>>;

/// A client whose requests go the way that the environment says.
pub(super) fn client(proxies: Proxies, trust: &Trust) -> SharedHttpClient {
    let trusted = TrustStore::empty().with_pem_certificate(trust.pem());
    SharedHttpClient::new(Client { proxies, helped: Arc::default(), trusted, connectors: Mutex::default() })
}

struct Client {
    proxies: Proxies,
    /// Whether anything has come back through a proxy in this run.
    helped: Arc<AtomicBool>,
    trusted: TrustStore,
    connectors: Connectors,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

impl Client {
    fn connector(
        &self,
        proxy: Option<&Proxy>,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        // Only a builder that was told nothing about TLS could fail.
        let context = TlsContext::builder().with_trust_store(self.trusted.clone()).build().unwrap_or_default();
        let mut builder = builder.tls_context(context).connector_settings(settings.clone());
        // Whether it is used is decided here, request by request: the SDK's own reading knows no ports in NO_PROXY.
        if let Some(proxy) = proxy.and_then(|proxy| ProxyConfig::all(proxy.secret_url()).ok()) {
            builder = builder.proxy_config(proxy);
        }
        if let Some(sleep) = components.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        SharedHttpConnector::new(builder.build())
    }
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(key).or_insert_with(|| {
            let through = |(tls, proxy): (bool, &Arc<Proxy>)| {
                (tls, Arc::clone(proxy), self.connector(Some(proxy), settings, components))
            };
            SharedHttpConnector::new(ProxyConnector {
                proxies: self.proxies.clone(),
                helped: Arc::clone(&self.helped),
                direct: self.connector(None, settings, components),
                through: self.proxies.usable().map(through).collect(),
            })
        });
        connector.clone()
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some(Cow::Borrowed("1.x"))))
    }
}

/// Connections of this machine: direct, or through a proxy.
#[derive(Debug)]
struct ProxyConnector {
    proxies: Proxies,
    helped: Arc<AtomicBool>,
    direct: SharedHttpConnector,
    /// By whether the server speaks TLS.
    through: Vec<(bool, Arc<Proxy>, SharedHttpConnector)>,
}

impl HttpConnector for ProxyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Some((tls, host, port)) = request.uri().parse().ok().as_ref().and_then(place) else {
            // It is none of ours; the SDK says what is wrong with it.
            return self.direct.call(request);
        };
        let proxy = match self.proxies.of(tls, &host, port) {
            Ok(proxy) => proxy,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let way = self.through.iter().find(|(for_tls, _, _)| *for_tls == tls).filter(|_| proxy.is_some());
        let Some((_, proxy, connector)) = way else { return self.direct.call(request) };
        let (proxy, helped, call) = (Arc::clone(proxy), Arc::clone(&self.helped), connector.call(request));
        HttpConnectorFuture::new(async move {
            let answer = match call.await {
                Ok(response) if tls => Ok(response),
                Ok(response) => forwarded(&proxy, response),
                Err(error) => Err(named(&proxy, &host, error, helped.load(Ordering::Relaxed))),
            };
            helped.fetch_or(answer.is_ok(), Ordering::Relaxed);
            answer
        })
    }
}

fn place(uri: &Uri) -> Option<(bool, String, u16)> {
    let tls = uri.scheme_str()? == "https";
    Some((tls, uri.host()?.to_owned(), uri.port_u16().unwrap_or(if tls { 443 } else { 80 })))
}

/// The answer to a request that a proxy has read: it may be the proxy's own.
fn forwarded(proxy: &Proxy, response: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let status = response.status().as_u16();
    // Every service of AWS numbers its answers, and other S3s speak XML or do not say what they speak.
    let headers = response.headers();
    let silent = headers.get("content-length").is_some_and(|length| length == "0");
    let from_aws = headers.iter().any(|(name, _)| name.starts_with("x-amz"))
        || headers.get("content-type").map_or(!silent, |kind| kind.contains("xml"));
    match status {
        407 => Err(ConnectorError::other(unaccepted(proxy).into(), None)),
        403 | 502..=504 if !from_aws => {
            let passing = (status != 403).then_some(ErrorKind::TransientError);
            let said = format!("{proxy}, or a server behind it that is not AWS, returned {status}");
            Err(ConnectorError::other(said.into(), passing))
        }
        _ => Ok(response),
    }
}

/// An error on the way through a proxy, with the proxy's name. Where a proxy has never `helped`, nobody wants to wait for
/// it; where it has, it may again.
fn named(proxy: &Proxy, host: &str, error: ConnectorError, helped: bool) -> ConnectorError {
    let (timeout, io, kind) = (error.is_timeout(), error.is_io(), error.as_other());
    let source = error.into_source();
    let causes: Vec<String> = std::iter::successors(Some(&*source as &dyn std::error::Error), |&cause| cause.source())
        .map(ToString::to_string)
        .collect();
    let last = causes.last().map_or("", String::as_str);
    let says = |words: &str| causes.iter().any(|cause| cause.contains(words));
    // The errors of hyper-util's tunnel cannot be named from outside; its texts are what there is.
    if says("proxy authorization required") {
        return ConnectorError::other(unaccepted(proxy).into(), None);
    }
    if says("tunnel error: unsuccessful") {
        let passing = helped.then_some(ErrorKind::TransientError);
        return ConnectorError::other(format!("{proxy} refuses to connect to {host}").into(), passing);
    }
    let text = format!("cannot connect to {host} through {proxy}: {last}").into();
    if timeout && helped {
        ConnectorError::timeout(text)
    } else if io && helped {
        ConnectorError::io(text)
    } else {
        ConnectorError::other(text, kind)
    }
}

fn unaccepted(proxy: &Proxy) -> String {
    LinkError::wants_password(proxy).to_string()
}
