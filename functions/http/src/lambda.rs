//! Under Lambda: a Function URL's events, payload format 2.0, as requests.
//!
//! The event is read here and not by `lambda_http`, whose conversion panics where the query, the host or the base64 of
//! the body is not as it should be.

use std::collections::HashMap;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::aws_lambda_events::encodings::Body;
use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use serde::Deserialize;
use telemetry::{Metrics, RequestId};
use wire::{Code, Problem, Settings};

use crate::app::{App, AppOptions};
use crate::platform::Platform;
use crate::reply;
use crate::token::Token;

/// Loads the model, then serves events until Lambda ends the environment; `start` is when the process began.
///
/// # Errors
/// A wrong environment, a model that cannot be loaded, or a runtime that does not answer.
pub async fn run(metrics: Option<Metrics>, start: Instant) -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let threads = settings.threads;
    let (platform, token) = (Platform::Lambda, Token::from_env());
    let options = AppOptions { platform, sessions: 1, threads, queue: 0, token, metrics };
    let app = App::new(settings, options);
    app.load(start)?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
        let app = app.clone();
        async move { Ok::<_, Error>(answer(&app, event.payload, &event.context.request_id).await) }
    }))
    .await
}

/// What is used of an event. An event without path and method is none of a Function URL: the invocation fails, so that
/// whoever sends such events hears of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    raw_path: String,
    raw_query_string: Option<String>,
    headers: Option<HashMap<String, String>>,
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Context {
    http: Http,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

/// The service's answer to an event, as Lambda takes it; `request_id` is Lambda's id of the invocation.
pub async fn answer(app: &App, event: Event, request_id: &str) -> ApiGatewayV2httpResponse {
    let request_id: RequestId = request_id.parse().unwrap_or_default();
    let response = match request(event) {
        Ok(mut request) => {
            request.extensions_mut().insert(request_id);
            app.handle(request).await
        }
        Err(problem) => {
            let (code, status) = (problem.code, problem.status);
            tracing::info!(%request_id, %code, status, "event is not an HTTP request");
            reply::with_request_id(reply::problem(&problem, ""), &request_id)
        }
    };
    from_response(response)
}

fn request(event: Event) -> Result<Request<Full<Bytes>>, Problem> {
    let body = match event.body {
        None => Bytes::new(),
        Some(text) if event.is_base64_encoded == Some(true) => STANDARD.decode(text).map_err(not_base64)?.into(),
        Some(text) => text.into(),
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::from_bytes(event.request_context.http.method.as_bytes())
        .map_err(|_| Problem::new(Code::MethodNotAllowed, "Unknown HTTP method."))?;
    *request.uri_mut() = uri(&event.raw_path, event.raw_query_string.as_deref().unwrap_or_default())?;
    // A header that is none is nobody's loss: nothing here would read it.
    let headers = event.headers.unwrap_or_default().into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    *request.headers_mut() = HeaderMap::from_iter(headers);
    Ok(request)
}

fn uri(path: &str, query: &str) -> Result<Uri, Problem> {
    let path = if path.is_empty() { "/" } else { path };
    let whole = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    PathAndQuery::try_from(whole).map(Uri::from).map_err(|_| {
        Problem::new(Code::InvalidParameter, "The path or query has characters that must be percent-encoded.")
    })
}

fn not_base64(error: base64::DecodeError) -> Problem {
    Problem::new(
        Code::InvalidBase64,
        format!("The event's isBase64Encoded is true, but its body is not base64: {error}."),
    )
}

fn from_response(response: Response<Bytes>) -> ApiGatewayV2httpResponse {
    let (head, body) = response.into_parts();
    let body: Vec<u8> = body.into();
    let body = if body.is_empty() {
        Body::Empty
    } else if reply::is_text(&head.headers) {
        String::from_utf8(body).map_or_else(|error| Body::Binary(error.into_bytes()), Body::Text)
    } else {
        Body::Binary(body)
    };
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = i64::from(head.status.as_u16());
    answer.headers = head.headers;
    answer.is_base64_encoded = matches!(body, Body::Binary(_));
    answer.body = Some(body);
    answer
}
