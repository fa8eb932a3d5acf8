//! The service: its routes, and the way of a request through it. It is the same under Lambda and behind a socket.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use telemetry::{Metrics, RequestId};
use tokio::sync::oneshot;
use tracing::{Instrument, Span};
use wire::{Code, Format, Problem, Settings, Unknown};

use crate::about::{Health, Model};
use crate::body::{self, Bodies};
use crate::coding::{self, Codings};
use crate::compatible_api::{CompatibleApi, rekognition, roboflow};
use crate::declared::{Declared, Kind};
use crate::engine::Engine;
use crate::platform::Platform;
use crate::queue::Queue;
use crate::request_log::{self, Ids};
use crate::request_reader;
use crate::token::Token;
use crate::work::{self, Context, Done};
use crate::{page, paths, reply};

/// How the service works.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// Where it runs.
    pub platform: Platform,
    /// How many requests are worked on at once, 1 or more.
    pub sessions: usize,
    /// Threads of each session, 1 or more.
    pub threads: usize,
    /// How many requests may wait for a session.
    pub queue: usize,
    /// What requests must bring; `None` lets everybody in.
    pub token: Option<Token>,
    /// Where metrics go, if anywhere.
    pub metrics: Option<Metrics>,
}

/// The service. Clones are the same service.
#[derive(Debug, Clone)]
pub struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    options: AppOptions,
    /// Empty while the model is being loaded.
    engine: OnceLock<Engine>,
    bodies: Bodies,
    queue: Queue,
}

/// What everybody may read, token or not.
const OPEN: [&str; 4] = ["", "/sample.jpg", "/health", paths::CONTRACT];

/// What a request asks for.
enum Route {
    Page,
    Sample,
    /// The document that describes the service.
    Contract,
    Health,
    Model,
    /// Photos, answered in this shape unless they ask for another.
    Detect(Format),
    /// The same of another service's client.
    Call(CompatibleApi),
    /// The models, as Roboflow's client asks for them.
    Registry,
    /// The same for one that names a model.
    Add,
}

impl App {
    /// The service before its model is loaded: it answers `loading`.
    #[must_use]
    pub fn new(settings: Settings, options: AppOptions) -> Self {
        let bodies = Bodies::new(settings.limits.max_bytes);
        let queue = Queue::new(options.sessions, options.queue);
        Self(Arc::new(Shared { settings, options, engine: OnceLock::new(), bodies, queue }))
    }

    /// Loads and warms the model; `start` is when the process began. Takes a while and blocks its thread.
    ///
    /// # Errors
    /// [`model_source::Error`].
    pub fn load(&self, start: Instant) -> Result<(), model_source::Error> {
        let AppOptions { sessions, threads, .. } = self.0.options;
        let engine = Engine::load(&self.0.settings, sessions, threads, start)?;
        // Loaded twice, the first one stays.
        let _ = self.0.engine.set(engine);
        Ok(())
    }

    /// Answers one request. Whatever a caller sends, this is an answer; who stops waiting for it (the future is
    /// dropped) is not worked for any more. Its id is the caller's `X-Request-Id` where that is sane, else the
    /// [`RequestId`] among its extensions, else a new one.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Bytes>
    where
        B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
    {
        let given = request.headers().get(reply::X_REQUEST_ID).and_then(|id| id.to_str().ok()?.parse().ok());
        let lambdas = request.extensions().get::<RequestId>().cloned();
        let ids = Ids { request: given.or(lambdas.clone()).unwrap_or_default(), lambdas };
        // At the highest level, so that whatever is logged has it.
        let span = tracing::error_span!(
            "request",
            request_id = %ids.request,
            lambda_request_id = ids.other().map(tracing::field::display)
        );
        let response = self.respond(request, &ids).instrument(span).await;
        reply::with_request_id(response, &ids.request)
    }

    async fn respond<B>(&self, request: Request<B>, ids: &Ids) -> Response<Bytes>
    where
        B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
    {
        let start = Instant::now();
        let (head, body) = request.into_parts();
        let (method, path) = (head.method.clone(), head.uri.path().trim_end_matches('/').to_owned());
        let api = CompatibleApi::of(&head, &path);
        let mut done = Done::default();
        let response = match self.route(&head, &path) {
            Ok(Route::Detect(format)) => self.detect(head, body, format, None, &mut done).await,
            Ok(Route::Call(api)) => self.detect(head, body, api.format(), Some(api), &mut done).await,
            Ok(Route::Add) => self.add(&head.headers, body).await,
            route => {
                body::discard(&head.headers, body);
                route.and_then(|route| self.tell(&route, &head))
            }
        };
        let response = response.unwrap_or_else(|problem| {
            done.code = Some(problem.code);
            let allowed = paths::allowed_methods(&path);
            match api {
                Some(api) => api.problem(&problem, allowed),
                None => reply::problem(&problem, allowed),
            }
        });
        let response = reply::with_cold_start(response, done.cold_start);
        let entry =
            request_log::Entry { ids, method: &method, path: &path, status: response.status(), done: &done, start };
        match &self.0.options.metrics {
            Some(metrics) => metrics.emit(entry.document(self.0.engine.get())),
            None => entry.log(),
        }
        response
    }

    /// What a request asks for, if it may.
    fn route(&self, head: &Parts, path: &str) -> Result<Route, Problem> {
        check_host(head)?;
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        match &self.0.options.token {
            Some(token) if !(reads && OPEN.contains(&path)) => token.check(&head.headers)?,
            _ => {}
        }
        if CompatibleApi::of(head, path) == Some(CompatibleApi::Rekognition) {
            return rekognition::check(&head.headers).map(|()| Route::Call(CompatibleApi::Rekognition));
        }
        paths::check(&head.method, path)?;
        Ok(match path {
            roboflow::INFER => Route::Call(CompatibleApi::Roboflow),
            roboflow::ADD => Route::Add,
            roboflow::REGISTRY => Route::Registry,
            "/api/detect" => Route::Detect(Format::Seed),
            "/sample.jpg" => Route::Sample,
            "/health" => Route::Health,
            "/model" => Route::Model,
            paths::CONTRACT => Route::Contract,
            "" if reads => Route::Page,
            _ => Route::Detect(Format::Spotter),
        })
    }

    fn engine(&self) -> Result<&Engine, Problem> {
        let loading = || Problem::new(Code::Loading, "The model is loading. Retry in a second.");
        self.0.engine.get().ok_or_else(loading)
    }

    /// What needs no photo.
    fn tell(&self, route: &Route, head: &Parts) -> Result<Response<Bytes>, Problem> {
        let engine = self.engine()?;
        Ok(match route {
            Route::Health => reply::json(&Health::of(engine)),
            Route::Model => reply::json(&Model::of(engine, self.0.options.platform)),
            Route::Sample => page::sample(),
            Route::Contract => reply::contract(),
            Route::Registry => roboflow::models(engine, b"")?,
            _ => page::answer(&head.headers),
        })
    }

    /// The models, to whoever names one.
    async fn add<B>(&self, headers: &HeaderMap, mut body: B) -> Result<Response<Bytes>, Problem>
    where
        B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
    {
        let read = match self.engine() {
            Ok(engine) => self.0.bodies.read(&mut body).await.map(|received| (engine, received)),
            Err(problem) => Err(problem),
        };
        let (engine, received) = read.inspect_err(|problem| {
            if problem.code != Code::Timeout {
                body::discard(headers, body);
            }
        })?;
        roboflow::models(engine, &received.bytes)
    }

    async fn detect<B>(
        &self,
        head: Parts,
        mut body: B,
        format: Format,
        api: Option<CompatibleApi>,
        done: &mut Done,
    ) -> Result<Response<Bytes>, Problem>
    where
        B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static,
    {
        let codings = match Codings::of(&head.headers) {
            Ok(codings) => codings,
            Err(problem) => {
                body::discard(&head.headers, body);
                done.code = Some(problem.code);
                return Ok(coding::refusal(&problem));
            }
        };
        let received = match self.engine().and_then(|engine| declared(engine, &head, format, api)) {
            Ok(declared) => self.0.bodies.read(&mut body).await.map(|received| (declared, received)),
            Err(problem) => Err(problem),
        };
        let (declared, received) = received.inspect_err(|problem| {
            if problem.code != Code::Timeout {
                body::discard(&head.headers, body);
            }
        })?;
        done.bytes = received.bytes.len();
        let permit = self.0.queue.acquire().await?;
        let (app, span) = (self.clone(), Span::current());
        let (sender, receiver) = oneshot::channel();
        // Decoding and inference hold a thread, and go on when this future is dropped: with them goes what they use.
        tokio::task::spawn_blocking(move || {
            let _in_span = span.enter();
            let mut done = Done { bytes: received.bytes.len(), ..Done::default() };
            let waited = permit.waited();
            let abandoned = || sender.is_closed();
            let context = Context { platform: app.0.options.platform, format, waited, abandoned: &abandoned };
            let answer = app.engine().and_then(|engine| {
                let max_bytes = engine.detector.limits().max_bytes;
                let most = (declared.kind == Kind::Photo).then_some(max_bytes);
                let decoded = app.0.bodies.decode(received, &codings, most, &abandoned)?;
                let content = request_reader::read(declared, decoded.bytes, max_bytes)?;
                // The share is held as long as the photos are.
                let _share = decoded.share;
                work::answer(engine, content, &context, &mut done)
            });
            drop(permit);
            // Nobody waits for it: then it is lost.
            let _ = sender.send((answer, done));
        });
        let (answer, work) = receiver.await.map_err(|_| work::internal())?;
        *done = work;
        answer
    }
}

/// What the head says, the labels that it asks for included: what is wrong with it is told whatever the body is. The
/// student project's clients may put into their query what they like.
fn declared(engine: &Engine, head: &Parts, format: Format, api: Option<CompatibleApi>) -> Result<Declared, Problem> {
    if let Some(api) = api {
        return Ok(Declared::by(api));
    }
    let unknown = if format == Format::Seed { Unknown::Ignored } else { Unknown::Refused };
    let declared = Declared::of(head, unknown)?;
    declared.options.thresholds(&engine.defaults, engine.detector.labels())?;
    Ok(declared)
}

/// RFC 9112, 3.2: a Host that is none is refused.
fn check_host(head: &Parts) -> Result<(), Problem> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let valid = |host: &[u8]| {
        host.is_empty() || Authority::try_from(host).is_ok_and(|authority| !authority.as_str().contains('@'))
    };
    match (hosts.next(), hosts.next()) {
        (None, _) => Ok(()),
        (Some(host), None) if valid(host.as_bytes()) => Ok(()),
        _ => Err(Problem::new(
            Code::InvalidParameter,
            "The Host header must be a single host name, with or without a port.",
        )),
    }
}
