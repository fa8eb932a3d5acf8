//! What the program does. One file per verb.

#[cfg(feature = "aws")]
mod bulk;
#[cfg(feature = "aws")]
mod collect;
#[cfg(feature = "tables")]
mod compact;
mod compare;
mod convert;
mod detect;
#[cfg(feature = "evaluate")]
mod evaluate;
#[cfg(feature = "aws")]
mod existing;
mod local;
mod model;
mod objects;
#[cfg(feature = "aws")]
mod page;
mod shell;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use crate::args::{Cli, Verb};
use crate::container;
use crate::ending::Ending;
use crate::interruption::Interruption;

/// How long a verb may take to be dropped, where everything is to end at once.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Does what the command line asks for.
pub(crate) fn run(cli: Cli) -> Result<Ending> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let interruption = Arc::new(Interruption::new());
    let (out_of_patience, end_at_once) = oneshot::channel();
    let listening = Arc::clone(&interruption);
    runtime.spawn(async move {
        let signal = listening.lost_patience().await;
        if out_of_patience.send(signal).is_ok() {
            tokio::time::sleep(AT_ONCE).await;
        }
        // The verb stands still in the middle of something: a pipe that nobody reads. Children end with us.
        std::process::exit(signal.exit_code().into());
    });
    let ending = runtime.block_on(async {
        tokio::select! {
            // What runs is then dropped, children included.
            Ok(signal) = end_at_once => Ok(Ending::Interrupted(signal)),
            ending = perform(cli, &interruption) => ending,
        }
    });
    // Ends what still runs, children first of all; a thread that reads standard input would wait for ever.
    runtime.shutdown_timeout(Duration::from_secs(2));
    container::wait_for_removals();
    ending
}

async fn perform(cli: Cli, interruption: &Interruption) -> Result<Ending> {
    match cli.verb {
        Verb::Detect(args) => detect::run(*args, interruption).await,
        #[cfg(feature = "aws")]
        Verb::Bulk(args) => bulk::run(*args, interruption).await,
        #[cfg(feature = "aws")]
        Verb::Collect(args) => collect::run(*args, interruption).await,
        #[cfg(not(feature = "aws"))]
        Verb::Bulk(_) | Verb::Collect(_) => {
            anyhow::bail!("bulk and collect need S3 support, and {}", crate::features::NOT_BUILT_IN)
        }
        #[cfg(feature = "tables")]
        Verb::Compact(args) => compact::run(args, interruption).await,
        #[cfg(not(feature = "tables"))]
        Verb::Compact(_) => anyhow::bail!("compact needs Parquet support, and {}", crate::features::NOT_BUILT_IN),
        Verb::Compare(args) => compare::run(*args, interruption).await,
        Verb::Convert(args) => convert::run(*args).await,
        #[cfg(feature = "evaluate")]
        Verb::Evaluate(args) => evaluate::run(*args, interruption).await,
        #[cfg(not(feature = "evaluate"))]
        Verb::Evaluate(_) => anyhow::bail!("evaluate needs COCO's figures, and {}", crate::features::NOT_BUILT_IN),
        Verb::Local(args) => local::run(args).await,
        #[cfg(feature = "aws")]
        Verb::Page(args) => page::run(args).await,
        #[cfg(not(feature = "aws"))]
        Verb::Page(_) => anyhow::bail!("page needs AWS support, and {}", crate::features::NOT_BUILT_IN),
        Verb::Model(args) => model::run(args).await,
        Verb::Completions { shell } => shell::completions(shell),
        Verb::Man { words } => shell::man(&words),
    }
}
