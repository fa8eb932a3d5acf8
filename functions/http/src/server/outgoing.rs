//! Answers on their way: what clients that are slow to read may hold.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{Code, Problem};

use super::phase::{Reporter, Sending};
use crate::reply;

/// What all answers that are not sent yet may hold together, in bytes.
const BUDGET: usize = 256_000_000;
/// Answers up to this many bytes are not counted: the bound on connections bounds them, and nobody's slowness may hold
/// them up.
const SMALL: usize = 64 << 10;

/// The memory for answers.
#[derive(Debug, Clone)]
pub(super) struct Outgoing(Arc<Semaphore>);

/// An answer's body, and its share of the memory until the last of it is sent.
struct Held {
    body: Bytes,
    _share: OwnedSemaphorePermit,
    _sending: Sending,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(BUDGET)))
    }

    /// The answer as it can be sent: itself, or `overloaded` where too much is being sent already. Of a large one its
    /// connection hears.
    pub(super) fn admit(&self, response: Response<Bytes>, reporter: &Reporter) -> Response<Bytes> {
        let length = response.body().len();
        if length <= SMALL {
            return response;
        }
        let share =
            u32::try_from(length).ok().and_then(|length| Arc::clone(&self.0).try_acquire_many_owned(length).ok());
        match share {
            Some(share) => {
                let sending = reporter.sending();
                response.map(|body| Bytes::from_owner(Held { body, _share: share, _sending: sending }))
            }
            None => {
                let problem = Problem::new(Code::Overloaded, "No memory left for responses. Retry in a second.");
                let mut refusal = reply::problem(&problem, "");
                if let Some(id) = response.headers().get(reply::X_REQUEST_ID) {
                    refusal.headers_mut().insert(reply::X_REQUEST_ID, id.clone());
                }
                refusal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_answers_wait_for_each_other_and_small_ones_for_none() {
        let (outgoing, (reporter, _watchdog)) = (Outgoing::new(), Reporter::new());
        let answer = |bytes: usize| outgoing.admit(Response::new(Bytes::from(vec![0; bytes])), &reporter);
        let large = answer(BUDGET / 2 + 1);
        let piece = large.body().slice(..1);
        drop(large);
        assert_eq!(answer(BUDGET / 2).status(), 503);
        assert_eq!(answer(SMALL).status(), 200);
        drop(piece);
        assert_eq!(answer(BUDGET / 2).status(), 200);
        assert_eq!(outgoing.0.available_permits(), BUDGET);
    }
}
