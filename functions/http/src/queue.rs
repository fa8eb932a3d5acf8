//! The queue before the sessions: as many requests are worked on at once as there are sessions, so many may wait, the rest is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{Code, Problem};

/// The sessions and the queue before them.
#[derive(Debug)]
pub(crate) struct Queue {
    sessions: Arc<Semaphore>,
    waiting: Semaphore,
}

/// The right to use a session; it goes to the next in the queue when this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    /// Since when it was waited for; `None` where a session was free.
    since: Option<Instant>,
    _session: OwnedSemaphorePermit,
}

impl Permit {
    /// How long whoever begins to work now has waited; 0 where a session was free.
    pub(crate) fn waited(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Queue {
    /// `sessions` at once, and at most `queue` waiting.
    pub(crate) fn new(sessions: usize, queue: usize) -> Self {
        let bounded = |number: usize| number.min(Semaphore::MAX_PERMITS);
        Self { sessions: Arc::new(Semaphore::new(bounded(sessions))), waiting: Semaphore::new(bounded(queue)) }
    }

    /// Waits for a session, first come, first served. Whoever stops waiting (the future is dropped) leaves the queue.
    ///
    /// # Errors
    /// `overloaded`, at once, where the queue is full.
    pub(crate) async fn acquire(&self) -> Result<Permit, Problem> {
        let sessions = Arc::clone(&self.sessions);
        if let Ok(session) = Arc::clone(&sessions).try_acquire_owned() {
            return Ok(Permit { since: None, _session: session });
        }
        let start = Instant::now();
        let _place = self.waiting.try_acquire().map_err(|_| overloaded())?;
        let session = sessions.acquire_owned().await.map_err(|_| overloaded())?;
        Ok(Permit { since: Some(start), _session: session })
    }
}

fn overloaded() -> Problem {
    Problem::new(Code::Overloaded, "The queue is full. Retry in a second.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_works_one_waits_the_third_is_refused() {
        let queue = Arc::new(Queue::new(1, 1));
        let first = queue.acquire().await.unwrap();
        assert_eq!(first.waited(), Duration::ZERO);
        let second = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.acquire().await }
        });
        while queue.waiting.available_permits() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.acquire().await.unwrap_err().code, Code::Overloaded);
        drop(first);
        assert!(second.await.unwrap().unwrap().waited() > Duration::ZERO);
        assert!(queue.acquire().await.is_ok());
    }

    #[tokio::test]
    async fn whoever_leaves_makes_room() {
        let queue = Arc::new(Queue::new(1, 1));
        let _first = queue.acquire().await.unwrap();
        let gone = tokio::time::timeout(Duration::from_millis(1), queue.acquire()).await;
        assert!(gone.is_err());
        assert_eq!(queue.waiting.available_permits(), 1);
    }
}
