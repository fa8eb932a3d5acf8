//! Answers: what is acknowledged, what is handed back, in each kind of event's own words.

use serde_json::Value;

use crate::event::Kind;
use crate::event::batch::{self, ResultCode, TaskResult};
use crate::event::sqs;
use crate::outcome::{Outcome, Verdict};
use crate::plan::Planned;

/// The event is to be delivered again: Lambda's own error, since its sender knows no other way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HandedBack(pub String);

impl From<HandedBack> for lambda_runtime::Diagnostic {
    fn from(HandedBack(error_message): HandedBack) -> Self {
        Self { error_type: "HandedBack".to_owned(), error_message }
    }
}

/// What is answered for a delivery.
enum State<'a> {
    /// Everything it asks for is stored.
    Done(String),
    /// So it is, but as an error that will never be anything else.
    Never(String),
    /// It is to be delivered again.
    Later(&'a str),
    /// Nobody can read it.
    Unreadable(&'a str),
}

/// The answer for all deliveries.
///
/// # Errors
/// [`HandedBack`] where the sender understands nothing else.
pub(crate) fn reply(kind: &Kind, deliveries: &[Planned], outcomes: &[Outcome]) -> Result<Value, HandedBack> {
    let states = deliveries.iter().map(|planned| (planned, state(planned, outcomes)));
    match kind {
        Kind::Sqs => {
            let failures = states.filter_map(|(planned, state)| match state {
                State::Done(_) | State::Never(_) => None,
                // What nobody can read goes to the dead-letter queue, the only place that keeps it.
                State::Later(_) | State::Unreadable(_) => Some(sqs::Failure { item_identifier: planned.id.clone() }),
            });
            json(&sqs::Response { batch_item_failures: failures.collect() })
        }
        Kind::Batch { schema_version, invocation_id } => {
            let results = states.map(|(planned, state)| match state {
                State::Done(text) => TaskResult::new(&planned.id, ResultCode::Succeeded, &text),
                State::Never(text) => TaskResult::new(&planned.id, ResultCode::PermanentFailure, &text),
                State::Unreadable(text) => TaskResult::new(&planned.id, ResultCode::PermanentFailure, text),
                State::Later(text) => TaskResult::new(&planned.id, ResultCode::TemporaryFailure, text),
            });
            json(&batch::Response {
                invocation_schema_version: schema_version.clone(),
                treat_missing_keys_as: ResultCode::TemporaryFailure,
                invocation_id: invocation_id.clone(),
                results: results.collect(),
            })
        }
        Kind::Direct => {
            for (_, state) in states {
                if let State::Later(reason) | State::Unreadable(reason) = state {
                    return Err(HandedBack(format!("photos were returned to the queue; the first: {reason}")));
                }
            }
            Ok(Value::Null)
        }
    }
}

fn state<'a>(planned: &'a Planned, outcomes: &'a [Outcome]) -> State<'a> {
    let jobs = match &planned.jobs {
        Ok(jobs) => jobs,
        Err(reason) => return State::Unreadable(reason),
    };
    let mut done = None;
    let mut never = None;
    for outcome in jobs.iter().filter_map(|job| outcomes.get(*job)) {
        match &outcome.verdict {
            Verdict::Later(reason) => return State::Later(reason),
            Verdict::Never(error) => never = Some(format!("{}: {}", error.code, error.message)),
            Verdict::Found(count) => done = Some(format!("{count} objects")),
        }
    }
    match (never, done, planned.skipped) {
        (Some(text), _, _) => State::Never(text),
        (None, Some(text), _) => State::Done(text),
        (None, None, why) => State::Done(format!("skipped: {}", why.unwrap_or("nothing to do"))),
    }
}

fn json<T: serde::Serialize>(response: &T) -> Result<Value, HandedBack> {
    serde_json::to_value(response).map_err(|error| HandedBack(format!("cannot write the response: {error}")))
}
