//! HTTP/1.1 connections driven by hand: one per slot, kept alive, every phase measured.

mod connection;
pub(crate) mod endpoint;
mod function_url;
mod measurement;
mod meter;
mod phases;
pub(crate) mod proxy;
mod retry_policy;
mod tls;
mod trust;
mod tunnel;

use std::time::Duration;

pub(crate) use connection::{Connection, LinkError, Reply};
pub(crate) use endpoint::{Endpoint, EndpointError};
pub(crate) use function_url::{is_function_url, lambda_region};
pub(crate) use measurement::{LinkMeasurement, measure};
pub(crate) use meter::Traffic;
pub(crate) use phases::{Phases, as_millis};
pub(crate) use proxy::{Proxies, Proxy, ProxyError};
pub(crate) use retry_policy::{RetryPolicy, retry_after};
pub(crate) use tls::Tls;
pub(crate) use trust::{Trust, TrustError};

/// Longest wait for a connection.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(10);
