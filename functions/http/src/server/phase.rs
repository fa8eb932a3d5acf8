//! What a connection is doing, and how long it may.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Version;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;

/// How long a request's head may take to come; also a new connection's first.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may be kept without a request, and how long its client may take to read a large answer.
const KEPT: Duration = Duration::from_secs(120);

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: the last request is answered.
    Idle,
    /// Something came that is no whole request yet.
    Speaking,
    /// So many requests are under way; the service bounds how long each may take.
    UnderWay(usize),
    /// Whatever else it does, its client does not read an answer.
    Stuck,
}

/// The phase of a connection, as its reader and its requests report it.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    phase: watch::Sender<Phase>,
    /// HTTP/2 was spoken: what comes between requests may be anything, such as a ping.
    framed: Arc<AtomicBool>,
    stuck: Arc<Notify>,
}

/// An answer that is being sent, until dropped.
#[derive(Debug)]
pub(super) struct Sending {
    _until: oneshot::Sender<()>,
}

/// Keeps a connection in [`Phase::UnderWay`] until dropped.
#[derive(Debug)]
pub(super) struct RequestUnderWay(watch::Sender<Phase>);

impl Reporter {
    /// A connection that was just accepted, which is to say something soon.
    pub(super) fn new() -> (Self, Watchdog) {
        let (phase, receiver) = watch::channel(Phase::Speaking);
        let stuck = Arc::<Notify>::default();
        (Self { phase, framed: Arc::default(), stuck: Arc::clone(&stuck) }, Watchdog { phase: receiver, stuck })
    }

    /// A large answer goes out. Over HTTP/2 further requests may come meanwhile, and none of them makes it wait longer.
    pub(super) fn sending(&self) -> Sending {
        let (until, sent) = oneshot::channel();
        let stuck = Arc::clone(&self.stuck);
        tokio::spawn(async move {
            if timeout(KEPT, sent).await.is_err() {
                stuck.notify_one();
            }
        });
        Sending { _until: until }
    }

    /// Bytes came.
    pub(super) fn heard(&self) {
        self.phase.send_if_modified(|phase| {
            let begins = *phase == Phase::Idle && !self.framed.load(Ordering::Relaxed);
            if begins {
                *phase = Phase::Speaking;
            }
            begins
        });
    }

    /// A request came.
    pub(super) fn request(&self, version: Version) -> RequestUnderWay {
        self.framed.store(version == Version::HTTP_2, Ordering::Relaxed);
        self.phase.send_modify(|phase| {
            *phase = match *phase {
                Phase::UnderWay(others) => Phase::UnderWay(others + 1),
                Phase::Idle | Phase::Speaking | Phase::Stuck => Phase::UnderWay(1),
            }
        });
        RequestUnderWay(self.phase.clone())
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|phase| {
            *phase = match *phase {
                Phase::UnderWay(number @ 2..) => Phase::UnderWay(number - 1),
                _ => Phase::Idle,
            }
        });
    }
}

/// Notices when a connection has been in a phase for too long.
#[derive(Debug)]
pub(super) struct Watchdog {
    phase: watch::Receiver<Phase>,
    stuck: Arc<Notify>,
}

impl Watchdog {
    /// The phase that took too long; never where requests are under way.
    pub(super) async fn expired(&mut self) -> Phase {
        loop {
            let phase = *self.phase.borrow_and_update();
            let patience = match phase {
                Phase::Speaking => HEAD,
                Phase::Idle => KEPT,
                Phase::UnderWay(_) | Phase::Stuck => Duration::MAX,
            };
            let changed = tokio::select! {
                changed = timeout(patience, self.phase.changed()) => changed,
                () = self.stuck.notified() => return Phase::Stuck,
            };
            match changed {
                Err(_) => return phase,
                Ok(Ok(())) => {}
                // The connection is gone, and this future with it.
                Ok(Err(_)) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_expires_soon_and_one_that_is_kept_late() {
        let (reporter, mut watchdog) = Reporter::new();
        let start = Instant::now();
        assert_eq!(watchdog.expired().await, Phase::Speaking);
        assert_eq!(start.elapsed().as_secs(), HEAD.as_secs());

        drop(reporter.request(Version::HTTP_11));
        let start = Instant::now();
        assert_eq!(watchdog.expired().await, Phase::Idle);
        assert_eq!(start.elapsed().as_secs(), KEPT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_a_busy_connection() {
        let (reporter, mut watchdog) = Reporter::new();
        let start = Instant::now();
        let sending = reporter.sending();
        // Others are read meanwhile, and further requests come.
        let requests = tokio::spawn(async move {
            loop {
                let request = reporter.request(Version::HTTP_2);
                drop(reporter.sending());
                tokio::time::sleep(Duration::from_secs(5)).await;
                drop(request);
            }
        });
        assert_eq!(watchdog.expired().await, Phase::Stuck);
        assert_eq!(start.elapsed().as_secs(), KEPT.as_secs());
        drop(sending);
        assert!(timeout(10 * KEPT, watchdog.expired()).await.is_err());
        requests.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_have_their_time() {
        let (reporter, mut watchdog) = Reporter::new();
        let (first, second) = (reporter.request(Version::HTTP_11), reporter.request(Version::HTTP_11));
        drop(first);
        reporter.heard();
        assert!(timeout(KEPT * 10, watchdog.expired()).await.is_err());
        drop(second);
        reporter.heard();
        let start = Instant::now();
        tokio::time::sleep(HEAD / 2).await;
        // More of the same head does not buy more time.
        reporter.heard();
        assert_eq!(watchdog.expired().await, Phase::Speaking);
        assert!(start.elapsed() <= HEAD * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_between_requests_are_no_request() {
        let (reporter, mut watchdog) = Reporter::new();
        drop(reporter.request(Version::HTTP_2));
        reporter.heard();
        assert_eq!(watchdog.expired().await, Phase::Idle);
    }
}
