//! What the program does. One file per verb.

#[cfg(feature = "aws")]
mod bulk;
#[cfg(feature = "aws")]
mod collect;
mod compare;
mod detect;
mod local;
mod model;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::{Cli, Verb};
use crate::{child, container};

/// How a run ended, as an exit code tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All good.
    Good,
    /// Some photos failed, or a model did not arrive.
    Failures,
    /// Wrong use or configuration.
    Misuse,
    /// A `--fail-if` came true.
    NotGoodEnough,
    /// Ctrl-C.
    Interrupted,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Good => 0,
            Ending::Failures => 1,
            Ending::Misuse => 2,
            Ending::NotGoodEnough => 3,
            // 128 + SIGINT, as shells report it.
            Ending::Interrupted => 130,
        })
    }
}

/// Does what the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<Ending> {
    if let Verb::Child(args) = &cli.verb {
        // Comes back only with an error.
        let error = child::become_command(args);
        return Err(error).with_context(|| format!("cannot start {:?}", args.command.first()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let ending = runtime.block_on(async {
        tokio::select! {
            ending = perform(cli) => ending,
            () = interruption() => Ok(Ending::Interrupted),
        }
    });
    // Ends what still runs, children first of all; a thread that reads standard input would wait for ever.
    runtime.shutdown_timeout(Duration::from_secs(2));
    container::wait_for_removals();
    ending
}

async fn perform(cli: Cli) -> Result<Ending> {
    match cli.verb {
        Verb::Detect(args) => detect::run(*args).await,
        #[cfg(feature = "aws")]
        Verb::Bulk(args) => bulk::run(*args).await,
        #[cfg(feature = "aws")]
        Verb::Collect(args) => collect::run(*args).await,
        #[cfg(not(feature = "aws"))]
        Verb::Bulk(_) | Verb::Collect(_) => anyhow::bail!("datasets go through S3, and {}", crate::NOT_BUILT_IN),
        Verb::Compare(args) => compare::run(*args).await,
        Verb::Local(args) => local::run(args).await,
        Verb::Model(args) => model::run(args).await,
        Verb::Child(_) => Ok(Ending::Misuse),
    }
}

/// Comes to an end with Ctrl-C or a request to end. What runs is then dropped, children included.
async fn interruption() {
    let terminated = async {
        #[cfg(unix)]
        if let Ok(mut signal) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            signal.recv().await;
            return;
        }
        std::future::pending().await
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
