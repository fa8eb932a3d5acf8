//! Someone who serves photos and is replaced when lost: a process, a container.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::link::Endpoint;

/// Losses in a row, without an answer between them, that are put up with. More than one photo's doing is the function's
/// own fault.
const LOSSES: u16 = 10;
/// Between two attempts to start somebody: whatever was in the way may pass.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });

/// Who can be put on a post.
pub(crate) trait Recruit: Send + Sync + 'static {
    /// Who serves; ends when dropped.
    type Servant: Send + 'static;

    /// Starts one and waits until it answers. `last` is where the one before was to be found.
    fn start(&self, last: Option<&Endpoint>) -> impl Future<Output = Result<(Self::Servant, Endpoint)>> + Send;

    /// Comes to an end with a servant; tells how, and the last it said.
    fn ended(servant: &mut Self::Servant) -> impl Future<Output = String> + Send;
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Manned(Endpoint),
    /// Somebody new is on the way.
    Vacant,
    GivenUp(String),
}

/// A post, manned until it is dropped or given up.
#[derive(Debug)]
pub(crate) struct Post {
    state: Arc<watch::Sender<State>>,
    losses: Arc<AtomicU16>,
    /// Holds the servant.
    _keeper: JoinSet<()>,
}

impl Post {
    /// Puts the first one there; who cannot be started now is not tried again.
    pub(crate) async fn man<R: Recruit>(recruit: R) -> Result<Self> {
        let (servant, endpoint) = recruit.start(None).await?;
        let state = Arc::new(watch::Sender::new(State::Manned(endpoint.clone())));
        let losses = Arc::default();
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(recruit, servant, endpoint, Arc::clone(&state), Arc::clone(&losses)));
        Ok(Self { state, losses, _keeper: keeper })
    }

    /// Where whoever serves is to be found; waits while the post is vacant.
    ///
    /// # Errors
    /// Why the post was given up.
    pub(crate) async fn endpoint(&self) -> Result<Endpoint, String> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| *state != State::Vacant).await.map(|state| state.clone());
        match known {
            Ok(State::Manned(endpoint)) => Ok(endpoint),
            Ok(State::GivenUp(reason)) => Err(reason),
            Ok(State::Vacant) | Err(_) => std::future::pending().await,
        }
    }

    /// Whether nobody will come any more.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(*self.state.borrow(), State::GivenUp(_))
    }

    /// Comes to an end when whoever serves now is lost.
    pub(crate) fn disturbed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state.subscribe();
        async move {
            // The sender lives as long as the post; without it there is nobody to be disturbed.
            if state.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Comes to an end, with the reason, when the post is given up.
    pub(crate) async fn given_up(&self) -> String {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| matches!(state, State::GivenUp(_))).await.map(|state| state.clone());
        match known {
            Ok(State::GivenUp(reason)) => reason,
            _ => std::future::pending().await,
        }
    }

    /// Notes an answer: what was lost before it is forgiven.
    pub(crate) fn answered(&self) {
        self.losses.store(0, Ordering::Relaxed);
    }

    /// Has whoever serves replaced. From now on nobody is sent there.
    pub(crate) fn replace(&self) {
        self.state.send_if_modified(|state| {
            let manned = matches!(state, State::Manned(_));
            if manned {
                *state = State::Vacant;
            }
            manned
        });
    }
}

async fn keep<R: Recruit>(
    recruit: R,
    mut servant: R::Servant,
    mut endpoint: Endpoint,
    state: Arc<watch::Sender<State>>,
    losses: Arc<AtomicU16>,
) {
    let mut orders = state.subscribe();
    loop {
        let mut reason = tokio::select! {
            reason = R::ended(&mut servant) => Some(reason),
            _ = orders.wait_for(|state| *state == State::Vacant) => None,
        };
        state.send_replace(State::Vacant);
        // Before the next one comes: it may want the same port, and memory.
        drop(servant);
        (servant, endpoint) = loop {
            if let Some(reason) = reason.take()
                && losses.fetch_add(1, Ordering::Relaxed) >= LOSSES
            {
                state.send_replace(State::GivenUp(format!("given up after {LOSSES} attempts to replace it: {reason}")));
                return;
            }
            match recruit.start(Some(&endpoint)).await {
                Ok(started) => break started,
                Err(error) => {
                    reason = Some(format!("{error:#}"));
                    sleep(PAUSE).await;
                }
            }
        };
        state.send_replace(State::Manned(endpoint.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::*;

    /// Starts servants on ports counted from 1; whoever holds the other end of their string can end them.
    #[derive(Clone, Default)]
    struct Recruits {
        ends: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
        fails: bool,
    }

    impl Recruit for Recruits {
        type Servant = oneshot::Receiver<()>;

        async fn start(&self, last: Option<&Endpoint>) -> Result<(Self::Servant, Endpoint)> {
            if self.fails && last.is_some() {
                anyhow::bail!("nobody is left");
            }
            let (end, ended) = oneshot::channel();
            let mut ends = self.ends.lock().unwrap();
            ends.push(end);
            Ok((ended, Endpoint::parse(&format!("http://here:{}/", ends.len())).unwrap()))
        }

        async fn ended(servant: &mut Self::Servant) -> String {
            let _ = servant.await;
            "it fell asleep".to_owned()
        }
    }

    async fn port(post: &Post) -> u16 {
        post.endpoint().await.unwrap().port
    }

    #[tokio::test]
    async fn who_is_lost_or_sent_away_is_replaced() {
        let recruits = Recruits::default();
        let post = Post::man(recruits.clone()).await.unwrap();
        assert_eq!(port(&post).await, 1);
        let disturbed = post.disturbed();
        recruits.ends.lock().unwrap().remove(0).send(()).unwrap();
        disturbed.await;
        let second = port(&post).await;
        post.replace();
        // The state is vacant at once: nobody is sent to the old place.
        assert_eq!(port(&post).await, second + 1);
        assert!(!post.is_given_up());
    }

    #[tokio::test]
    async fn after_too_many_losses_it_says_why() {
        let recruits = Recruits { fails: true, ..Recruits::default() };
        let post = Post::man(recruits.clone()).await.unwrap();
        recruits.ends.lock().unwrap().remove(0).send(()).unwrap();
        assert!(post.given_up().await.contains("nobody is left"));
        assert!(post.is_given_up() && post.endpoint().await.is_err());
    }
}
