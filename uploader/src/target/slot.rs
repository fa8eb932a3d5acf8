//! One of the places in which photos are under way: a connection, and a policy for trying again.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::time::{sleep, timeout};
use wire::{Answer, ItemError};

use super::{Failure, Target};
use crate::link::{Connection, Endpoint, LinkError, Phases, Reply, RetryPolicy, Tls, Traffic};
use crate::photo::{Payload, item_error};

/// A slot of a run.
pub(crate) struct Slot<'a> {
    target: &'a dyn Target,
    /// Tells it from the other slots of a run.
    number: usize,
    tls: Option<&'a Tls>,
    retry_policy: RetryPolicy,
    /// Kept from the photo before, and where it leads.
    connection: Option<(Endpoint, Connection)>,
    /// Whether each photo gets a connection of its own.
    fresh: bool,
    traffic: Traffic,
}

/// How it went with one photo.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The answer, or why there is none.
    pub(crate) outcome: Result<Box<Answer>, ItemError>,
    /// The phases of the last try.
    pub(crate) phases: Phases,
    /// How often it was sent.
    pub(crate) tries: u32,
    /// The bytes of all tries.
    pub(crate) traffic: Traffic,
}

impl<'a> Slot<'a> {
    /// A slot of `number` 0 or more.
    pub(crate) fn new(target: &'a dyn Target, number: usize, tls: Option<&'a Tls>, retry_policy: RetryPolicy) -> Self {
        Self { target, number, tls, retry_policy, connection: None, fresh: false, traffic: Traffic::default() }
    }

    /// With `fresh`, each photo gets a connection of its own, as the student project's client did it.
    pub(crate) fn fresh(self, fresh: bool) -> Self {
        Self { fresh, ..self }
    }

    /// Sends one photo, as often as the retry policy allows.
    pub(crate) async fn send(&mut self, payload: &Payload) -> Sent {
        let mut waits = self.retry_policy.waits();
        let mut tries = 0;
        loop {
            tries += 1;
            let mut phases = Phases::default();
            let failure = match self.attempt(payload, &mut phases).await {
                Ok(answer) => {
                    let traffic = std::mem::take(&mut self.traffic);
                    return Sent { outcome: Ok(Box::new(answer)), phases, tries, traffic };
                }
                Err(failure) => failure,
            };
            match waits.next().filter(|_| failure.passing) {
                Some(wait) => sleep(wait.max(failure.retry_after.unwrap_or_default())).await,
                None => {
                    let traffic = std::mem::take(&mut self.traffic);
                    return Sent { outcome: Err(failure.error), phases, tries, traffic };
                }
            }
        }
    }

    async fn attempt(&mut self, payload: &Payload, phases: &mut Phases) -> Result<Answer, Failure> {
        let target = self.target;
        let start = Instant::now();
        let request = target.request(payload).await.map_err(Failure::lasting)?;
        phases.encode = start.elapsed();
        let start = Instant::now();
        let lease = target.lease(self.number).await?;
        phases.queue = start.elapsed();
        let interrupted = target.interrupted(&lease);
        let retry_policy = self.retry_policy.answer;
        let reply = tokio::select! {
            reply = timeout(retry_policy, self.exchange(request, &lease.endpoint, phases)) => match reply {
                Ok(reply) => reply.map_err(failure)?,
                Err(_) => {
                    target.abandoned(&lease);
                    return Err(failure(LinkError::Timeout(retry_policy)));
                }
            },
            () = interrupted => {
                return Err(Failure::passing(item_error("worker_died", "The function crashed, maybe on this photo.")));
            }
        };
        target.read(&reply, &lease)
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        endpoint: &Endpoint,
        phases: &mut Phases,
    ) -> Result<Reply, LinkError> {
        // Taken out, not borrowed: a request that is given up leaves a connection nobody can use any more.
        let kept = self.connection.take().filter(|(to, connection)| to == endpoint && !connection.is_closed());
        if let Some((_, mut connection)) = kept {
            // A kept-alive connection may have been closed by the other side a moment ago. That is no failure of
            // this photo, and detection changes nothing over there: it is simply sent again on a new connection.
            let reply = connection.exchange(request.clone(), phases).await;
            self.traffic += connection.traffic();
            if let Ok(reply) = reply {
                self.connection = Some((endpoint.clone(), connection));
                return Ok(reply);
            }
            *phases = Phases { encode: phases.encode, queue: phases.queue, ..Phases::default() };
        }
        let mut connection = Connection::open(endpoint, self.tls, self.retry_policy.connect, phases).await?;
        let reply = connection.exchange(request, phases).await;
        self.traffic += connection.traffic();
        self.connection = Some((endpoint.clone(), connection)).filter(|_| !self.fresh && reply.is_ok());
        reply
    }
}

fn failure(error: LinkError) -> Failure {
    let code = match error {
        LinkError::Timeout(_) => "timeout",
        LinkError::Proxy { .. } => "proxy",
        _ => "connection",
    };
    let item = item_error(code, format!("{error}."));
    if error.is_passing() { Failure::passing(item) } else { Failure::lasting(item) }
}
