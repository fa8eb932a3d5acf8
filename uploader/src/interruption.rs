//! Ctrl-C, and requests to end. A verb that has something to finish is told first and ends by itself; the second time, and
//! everywhere else, everything ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// What asks to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What `kill` sends.
    Terminate,
}

impl Signal {
    /// The exit code, as shells report it: 128 and the signal's number.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Whether somebody has asked to end.
#[derive(Debug)]
pub(crate) struct Interruption {
    first: watch::Sender<Option<Signal>>,
    is_heeded: AtomicBool,
}

impl Interruption {
    /// Nobody has.
    pub(crate) fn new() -> Self {
        Self { first: watch::channel(None).0, is_heeded: AtomicBool::new(false) }
    }

    /// From now on whoever calls this heeds the first signal: there are files to be finished.
    pub(crate) fn heed(&self) {
        self.is_heeded.store(true, Ordering::Relaxed);
    }

    /// Comes to an end with the first signal that is heeded.
    pub(crate) async fn came(&self) -> Signal {
        let mut first = self.first.subscribe();
        match first.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Whether it came.
    pub(crate) fn has_come(&self) -> Option<Signal> {
        *self.first.borrow()
    }

    /// Listens. Comes to an end when everything has to end at once.
    pub(crate) async fn lost_patience(&self) -> Signal {
        let mut signals = Signals::listen();
        loop {
            let signal = signals.next().await;
            if !self.is_left_to_the_verb(signal) {
                return signal;
            }
        }
    }

    /// Whether the verb that runs sees to it.
    fn is_left_to_the_verb(&self, signal: Signal) -> bool {
        if !self.is_heeded.load(Ordering::Relaxed) || self.has_come().is_some() {
            return false;
        }
        self.first.send_replace(Some(signal));
        true
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self { interrupt: signal(SignalKind::interrupt()).ok(), terminate: signal(SignalKind::terminate()).ok() }
    }

    async fn next(&mut self) -> Signal {
        async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            if received.is_none() {
                std::future::pending::<()>().await;
            }
        }
        tokio::select! {
            () = received(&mut self.interrupt) => Signal::Interrupt,
            () = received(&mut self.terminate) => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_is_left_to_a_verb_and_only_where_it_heeds_it() {
        assert!(!Interruption::new().is_left_to_the_verb(Signal::Interrupt));
        let interruption = Interruption::new();
        interruption.heed();
        assert!(interruption.is_left_to_the_verb(Signal::Terminate));
        assert_eq!(interruption.has_come(), Some(Signal::Terminate));
        assert!(!interruption.is_left_to_the_verb(Signal::Interrupt));
    }

    #[tokio::test]
    async fn who_asks_late_hears_of_it_too() {
        let interruption = Interruption::new();
        interruption.heed();
        interruption.is_left_to_the_verb(Signal::Interrupt);
        assert_eq!(interruption.came().await, Signal::Interrupt);
    }
}
