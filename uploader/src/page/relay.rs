//! The way to the function and back.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;

use super::problem::Problem;
use crate::link::{CONNECT_WITHIN, Connection, LinkError, Phases, Reply, Tls};
use crate::target::{Target, UrlTarget};

/// What of a browser's request the function gets to see, beside its body and what describes that.
const ASKED: [HeaderName; 4] = [ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH, CACHE_CONTROL];
/// What describes the body: signed with it.
const DESCRIBED: [HeaderName; 2] = [CONTENT_TYPE, CONTENT_ENCODING];
/// What of an answer is between two neighbours only, or would be somebody else's word about this address.
const KEPT_BACK: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("strict-transport-security"),
];

/// Passes requests on, over connections that are kept.
pub(super) struct Relay {
    target: UrlTarget,
    tls: Option<Tls>,
    retry_policy: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Relay {
    pub(super) async fn open(target: UrlTarget, retry_policy: Duration) -> Result<Self> {
        let tls = Tls::of(target.endpoint()).await?;
        Ok(Self { target, tls, retry_policy, idle: Mutex::new(Vec::new()) })
    }

    /// What the function says to a request.
    ///
    /// # Errors
    /// Why there is no answer, or none of a Spotter function.
    pub(super) async fn ask(&self, head: Parts, body: Bytes) -> Result<Response<Full<Bytes>>, Problem> {
        let is_head = head.method == Method::HEAD;
        let request = self.request(head, body).await?;
        let reply = match timeout(self.retry_policy, self.exchange(request)).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error @ LinkError::Proxy { .. })) => return Err(Problem::new(502, "proxy", format!("{error}."))),
            Ok(Err(error)) => {
                return Err(Problem::new(502, "connection", format!("The function cannot be reached: {error}.")));
            }
            Err(_) => {
                let seconds = self.retry_policy.as_secs_f64();
                return Err(Problem::new(504, "timeout", format!("The function did not answer within {seconds} s.")));
            }
        };
        self.answer(reply, is_head)
    }

    async fn request(&self, head: Parts, body: Bytes) -> Result<Request<Full<Bytes>>, Problem> {
        let mut described = HeaderMap::new();
        copy(&head.headers, &mut described, &DESCRIBED);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let forwarded = self.target.forward(head.method, path, described, body).await;
        let mut request = forwarded
            .map_err(|error| Problem::new(502, "credentials", format!("The request cannot be signed: {error:#}.")))?;
        // After the signature, which need not hold whatever the way may change.
        copy(&head.headers, request.headers_mut(), &ASKED);
        if !request.headers().contains_key(AUTHORIZATION) {
            // The token that the page has asked for.
            copy(&head.headers, request.headers_mut(), &[AUTHORIZATION]);
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, LinkError> {
        let phases = &mut Phases::default();
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut connection) = kept.filter(|connection| !connection.is_closed()) {
            // The other side may have closed it a moment ago; asking again changes nothing over there.
            if let Ok(reply) = connection.exchange(request.clone(), phases).await {
                self.keep(connection);
                return Ok(reply);
            }
        }
        let mut connection =
            Connection::open(self.target.endpoint(), self.tls.as_ref(), CONNECT_WITHIN, phases).await?;
        let reply = connection.exchange(request, phases).await?;
        self.keep(connection);
        Ok(reply)
    }

    /// As many are kept as requests may be under way at once.
    fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        if idle.len() < super::MOST_AT_ONCE {
            idle.push(connection);
        }
    }

    fn answer(&self, reply: Reply, is_head: bool) -> Result<Response<Full<Bytes>>, Problem> {
        let is_problem = reply
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(wire::Problem::MEDIA_TYPE.as_bytes()));
        if reply.status == StatusCode::UNAUTHORIZED && self.target.is_signed() {
            // However often the page asked for the token: there is no room for it.
            let detail = "The function wants its API_TOKEN, and a signed request cannot carry it: both use the Authorization header. \
                          Unset API_TOKEN in the function, or use AuthType=NONE and --no-sign.";
            return Err(Problem::new(502, "unauthorized", detail));
        }
        if !reply.status.is_success() && reply.status != StatusCode::NOT_MODIFIED && !is_problem {
            return Err(self.explained(&reply));
        }
        let mut response = Response::new(Full::new(reply.body));
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        let headers = response.headers_mut();
        // Without a body, the length is what would have come.
        for name in KEPT_BACK.iter().filter(|name| !is_head || **name != CONTENT_LENGTH) {
            headers.remove(name);
        }
        // Who may read the answer is decided here.
        let permissions: Vec<HeaderName> =
            headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in permissions {
            headers.remove(name);
        }
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        Ok(response)
    }

    /// The words of AWS, or of whoever else is there instead of a function.
    fn explained(&self, reply: &Reply) -> Problem {
        let error = self.target.refusal(reply);
        let status = reply.status.as_u16();
        // What may pass stays what it is, since the page asks again; so does what is wrong with the photo.
        let status = if matches!(status, 413 | 429 | 503) { status } else { 502 };
        let problem = Problem::new(status, error.code, error.message);
        match reply.headers.get(RETRY_AFTER) {
            Some(after) => problem.with(RETRY_AFTER, after.clone()),
            None => problem,
        }
    }
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
