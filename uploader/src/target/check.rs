//! Whether a run can succeed at all, before any photo is sent: whether there is a function, and whether it takes these
//! options.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use wire::ItemError;

use super::url::UrlTarget;
use super::{Failure, Target, reply};
use crate::link::{Connection, LinkError, Phases, Reply, RetryPolicy, Tls, is_function_url};
use crate::notice::notice;
use crate::photo::Payload;
use crate::target::Slot;

/// How long somebody waits for the reason why nothing happens.
const WITHIN: Duration = Duration::from_secs(5);
/// A Lambda function may have to be started first, which its platform gives 10 s, after fetching an image of any size.
const COLD_WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);
/// What makes every request fail alike, whatever photo is in it.
const LASTING: [&str; 4] = ["invalid_parameter", "unauthorized", "not_found", "method_not_allowed"];

/// Asks `GET /health` until the function is ready.
///
/// # Errors
/// Where it cannot be reached, is no Spotter function, or is not ready in time.
pub(crate) async fn health(target: &UrlTarget, quiet: bool) -> Result<()> {
    let tls = Tls::of(target.endpoint()).await?;
    let (start, mut within) = (Instant::now(), WITHIN);
    let mut said =
        format!("no response to GET /health within {} s; is this the URL of a Spotter function?", WITHIN.as_secs());
    loop {
        match timeout(within.saturating_sub(start.elapsed()), ask(target, tls.as_ref())).await {
            Ok(asked) => match asked? {
                Health::Good => return Ok(()),
                Health::Wrong(why) => bail!("{}: {why}", target.base_url()),
                Health::NotYet(why) => said = why,
            },
            Err(_) if within == WITHIN && is_function_url(&target.endpoint().host) => {
                within = COLD_WITHIN;
                if !quiet {
                    notice!("uploader: waiting for {} (cold start?)", target.base_url());
                }
                continue;
            }
            Err(_) => {}
        }
        if start.elapsed() + PAUSE > within {
            bail!("{}: {said}", target.base_url());
        }
        sleep(PAUSE).await;
    }
}

/// What a function says of itself.
enum Health {
    Good,
    /// It may be well in a moment: what it said.
    NotYet(String),
    Wrong(String),
}

async fn ask(target: &UrlTarget, tls: Option<&Tls>) -> Result<Health> {
    let request = target.health().await.context("cannot make the request")?;
    let mut phases = Phases::default();
    let asked = async {
        Connection::open(target.endpoint(), tls, WITHIN, &mut phases).await?.exchange(request, &mut phases).await
    };
    Ok(match asked.await {
        Ok(reply) => judged(&reply, target),
        // A function that is being started or replaced hangs up; nobody at all does not come in a moment.
        Err(error @ LinkError::Broken(_)) => Health::NotYet(error.to_string()),
        Err(error) => Health::Wrong(error.to_string()),
    })
}

fn judged(reply: &Reply, target: &UrlTarget) -> Health {
    let status = reply.status;
    if status.is_success() {
        let document: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if document["status"] == "ok" {
            return Health::Good;
        }
        let said = reply::excerpt(&reply.body);
        return Health::Wrong(format!("not a Spotter function: GET /health returned {status}: {said}"));
    }
    let Failure { error, passing, .. } = target.explained(reply::refusal(reply));
    let said = format!("GET /health returned {}", error.message);
    if passing { Health::NotYet(said) } else { Health::Wrong(said) }
}

/// Sends the options without a photo, the way that photos go: a function says what is wrong with them first.
///
/// # Errors
/// What every photo's error would be.
pub(crate) async fn options(
    target: &dyn Target,
    tls: Option<&Tls>,
    options: &wire::Options,
    retry_policy: RetryPolicy,
) -> Result<()> {
    let payload = Payload::empty(options.to_query());
    match Slot::new(target, 0, tls, retry_policy).send(&payload).await.outcome {
        Err(error) if is_everybodys(&error) => bail!("{}", error.message),
        _ => Ok(()),
    }
}

fn is_everybodys(error: &ItemError) -> bool {
    LASTING.contains(&error.code.as_str())
        || ["http_3", "http_401", "http_403", "http_404", "http_405"].iter().any(|start| error.code.starts_with(start))
}
