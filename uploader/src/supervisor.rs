//! Supervises whatever serves photos, a process or a container, and restarts it when it is lost.

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
/// Between two attempts to start it: whatever was in the way may pass.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 500 });

/// What can be supervised.
pub(crate) trait Supervised: Send + Sync + 'static {
    /// What serves; ends when dropped.
    type Process: Send + 'static;

    /// Starts one and waits until it answers. `last` is where the one before was.
    fn start(&self, last: Option<&Endpoint>) -> impl Future<Output = Result<(Self::Process, Endpoint)>> + Send;

    /// Comes to an end with a process; tells how, and the last it said.
    fn ended(process: &mut Self::Process) -> impl Future<Output = String> + Send;
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Running(Endpoint),
    /// A new one is being started.
    Restarting,
    GivenUp(String),
}

/// A supervised process, running until this is dropped or gives up.
#[derive(Debug)]
pub(crate) struct Supervisor {
    state: Arc<watch::Sender<State>>,
    losses: Arc<AtomicU16>,
    /// Holds the process.
    _keeper: JoinSet<()>,
}

impl Supervisor {
    /// Starts the first one; what cannot be started now is not tried again.
    pub(crate) async fn start<R: Supervised>(supervised: R) -> Result<Self> {
        let (process, endpoint) = supervised.start(None).await?;
        let state = Arc::new(watch::Sender::new(State::Running(endpoint.clone())));
        let losses = Arc::default();
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(supervised, process, endpoint, Arc::clone(&state), Arc::clone(&losses)));
        Ok(Self { state, losses, _keeper: keeper })
    }

    /// Where it serves; waits while it is restarting.
    ///
    /// # Errors
    /// Why it was given up.
    pub(crate) async fn endpoint(&self) -> Result<Endpoint, String> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| *state != State::Restarting).await.map(|state| state.clone());
        match known {
            Ok(State::Running(endpoint)) => Ok(endpoint),
            Ok(State::GivenUp(reason)) => Err(reason),
            Ok(State::Restarting) | Err(_) => std::future::pending().await,
        }
    }

    /// Whether it will not be restarted any more.
    pub(crate) fn is_given_up(&self) -> bool {
        matches!(*self.state.borrow(), State::GivenUp(_))
    }

    /// Comes to an end when what serves now is lost.
    pub(crate) fn interrupted(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut state = self.state.subscribe();
        async move {
            // The sender lives as long as the supervisor; without it there is nothing to be lost.
            if state.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Comes to an end, with the reason, when it is given up.
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

    /// Has it replaced. From now on no photo is sent there.
    pub(crate) fn replace(&self) {
        self.state.send_if_modified(|state| {
            let running = matches!(state, State::Running(_));
            if running {
                *state = State::Restarting;
            }
            running
        });
    }
}

async fn keep<R: Supervised>(
    supervised: R,
    mut process: R::Process,
    mut endpoint: Endpoint,
    state: Arc<watch::Sender<State>>,
    losses: Arc<AtomicU16>,
) {
    let mut orders = state.subscribe();
    loop {
        let mut reason = tokio::select! {
            reason = R::ended(&mut process) => Some(reason),
            _ = orders.wait_for(|state| *state == State::Restarting) => None,
        };
        state.send_replace(State::Restarting);
        // Before the next one comes: it may want the same port, and memory.
        drop(process);
        (process, endpoint) = loop {
            if let Some(reason) = reason.take()
                && losses.fetch_add(1, Ordering::Relaxed) >= LOSSES
            {
                state.send_replace(State::GivenUp(format!("gave up after {LOSSES} restarts: {reason}")));
                return;
            }
            match supervised.start(Some(&endpoint)).await {
                Ok(started) => break started,
                Err(error) => {
                    reason = Some(format!("{error:#}"));
                    sleep(PAUSE).await;
                }
            }
        };
        state.send_replace(State::Running(endpoint.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::*;

    /// Starts processes on ports counted from 1; whoever holds the other end of their channel can end them.
    #[derive(Clone, Default)]
    struct Fakes {
        ends: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
        fails: bool,
    }

    impl Supervised for Fakes {
        type Process = oneshot::Receiver<()>;

        async fn start(&self, last: Option<&Endpoint>) -> Result<(Self::Process, Endpoint)> {
            if self.fails && last.is_some() {
                anyhow::bail!("nothing is left");
            }
            let (end, ended) = oneshot::channel();
            let mut ends = self.ends.lock().unwrap();
            ends.push(end);
            Ok((ended, Endpoint::parse(&format!("http://here:{}/", ends.len())).unwrap()))
        }

        async fn ended(process: &mut Self::Process) -> String {
            let _ = process.await;
            "it ended".to_owned()
        }
    }

    async fn port(supervisor: &Supervisor) -> u16 {
        supervisor.endpoint().await.unwrap().port
    }

    #[tokio::test]
    async fn what_is_lost_or_replaced_is_restarted() {
        let fakes = Fakes::default();
        let supervisor = Supervisor::start(fakes.clone()).await.unwrap();
        assert_eq!(port(&supervisor).await, 1);
        let interrupted = supervisor.interrupted();
        fakes.ends.lock().unwrap().remove(0).send(()).unwrap();
        interrupted.await;
        let second = port(&supervisor).await;
        supervisor.replace();
        // The state is restarting at once: nothing is sent to the old one.
        assert_eq!(port(&supervisor).await, second + 1);
        assert!(!supervisor.is_given_up());
    }

    #[tokio::test]
    async fn after_too_many_losses_it_says_why() {
        let fakes = Fakes { fails: true, ..Fakes::default() };
        let supervisor = Supervisor::start(fakes.clone()).await.unwrap();
        fakes.ends.lock().unwrap().remove(0).send(()).unwrap();
        assert!(supervisor.given_up().await.contains("nothing is left"));
        assert!(supervisor.is_given_up() && supervisor.endpoint().await.is_err());
    }
}
