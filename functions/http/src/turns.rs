//! Whose turn it is: as many requests are worked on at once as there are sessions, so many may wait, the rest is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{Code, Problem};

/// The sessions and the queue before them.
#[derive(Debug)]
pub(crate) struct Turns {
    sessions: Arc<Semaphore>,
    queue: Semaphore,
}

/// The right to use a session; it goes to the next in the queue when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// How long it was waited for; 0 where a session was free.
    pub(crate) waited: Duration,
    _session: OwnedSemaphorePermit,
}

impl Turns {
    /// `sessions` at once, and at most `queue` waiting.
    pub(crate) fn new(sessions: usize, queue: usize) -> Self {
        let bounded = |number: usize| number.min(Semaphore::MAX_PERMITS);
        Self { sessions: Arc::new(Semaphore::new(bounded(sessions))), queue: Semaphore::new(bounded(queue)) }
    }

    /// Waits for a session, first come, first served. Whoever stops waiting (the future is dropped) leaves the queue.
    ///
    /// # Errors
    /// `overloaded`, at once, where the queue is full.
    pub(crate) async fn take(&self) -> Result<Turn, Problem> {
        let sessions = Arc::clone(&self.sessions);
        if let Ok(session) = Arc::clone(&sessions).try_acquire_owned() {
            return Ok(Turn { waited: Duration::ZERO, _session: session });
        }
        let start = Instant::now();
        let _place = self.queue.try_acquire().map_err(|_| overloaded())?;
        let session = sessions.acquire_owned().await.map_err(|_| overloaded())?;
        Ok(Turn { waited: start.elapsed(), _session: session })
    }
}

fn overloaded() -> Problem {
    Problem::new(Code::Overloaded, "All sessions are busy and the queue is full; ask again in a second.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_works_one_waits_the_third_is_refused() {
        let turns = Arc::new(Turns::new(1, 1));
        let first = turns.take().await.unwrap();
        assert_eq!(first.waited, Duration::ZERO);
        let second = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.take().await }
        });
        while turns.queue.available_permits() == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(turns.take().await.unwrap_err().code, Code::Overloaded);
        drop(first);
        assert!(second.await.unwrap().unwrap().waited > Duration::ZERO);
        assert!(turns.take().await.is_ok());
    }

    #[tokio::test]
    async fn whoever_leaves_makes_room() {
        let turns = Arc::new(Turns::new(1, 1));
        let _first = turns.take().await.unwrap();
        let gone = tokio::time::timeout(Duration::from_millis(1), turns.take()).await;
        assert!(gone.is_err());
        assert_eq!(turns.queue.available_permits(), 1);
    }
}
