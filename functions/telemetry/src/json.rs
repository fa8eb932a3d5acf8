//! A log event as one line of JSON, as Lambda's logging controls read it: an RFC 3339 `timestamp` and a `level` (without a
//! valid timestamp the level counts as INFO), the message, the request's id, the fields.

use std::fmt::{self, Debug};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A JSON object that keeps the order in which members come, and of members with the same name the first.
#[derive(Debug, Default)]
pub(crate) struct Line(Vec<(String, Value)>);

impl Line {
    /// A line that begins with the time and a level.
    pub(crate) fn begin(level: &str) -> Self {
        let mut line = Self::default();
        let mut time = String::new();
        if SystemTime.format_time(&mut Writer::new(&mut time)).is_ok() {
            line.push("timestamp", time);
        }
        line.push("level", level);
        line
    }

    pub(crate) fn push(&mut self, name: &str, value: impl Into<Value>) {
        if self.0.iter().all(|(known, _)| known != name) {
            self.0.push((name.to_owned(), value.into()));
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            write!(f, "{separator}{}:{value}", Value::from(name.as_str()))?;
        }
        f.write_str(if self.0.is_empty() { "{}" } else { "}" })
    }
}

/// The fields of an event.
struct Fields<'a>(&'a mut Line);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push(field.name(), value);
    }
}

/// The ids in a span: the request's, and Lambda's where that is another; in the spans of Lambda's runtime there is only that.
#[derive(Debug, Default)]
struct SpanIds {
    ours: Option<String>,
    lambdas: Option<String>,
    runtimes: Option<String>,
}

impl Visit for SpanIds {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let place = match field.name() {
            "request_id" => &mut self.ours,
            "lambda_request_id" => &mut self.lambdas,
            "requestId" => &mut self.runtimes,
            _ => return,
        };
        *place = Some(format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Keeps the ids of spans for the lines inside them.
#[derive(Debug)]
pub(crate) struct Ids;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Ids {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut ids = SpanIds::default();
        attributes.record(&mut ids);
        if let Some(span) = context.span(id).filter(|_| ids.ours.is_some() || ids.runtimes.is_some()) {
            span.extensions_mut().insert(ids);
        }
    }
}

/// Formats events as lines of JSON.
#[derive(Debug)]
pub(crate) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Line::default();
        event.record(&mut Fields(&mut fields));
        let mut line = Line::begin(event.metadata().level().as_str());
        let message = fields.0.iter().position(|(name, _)| name == "message");
        if let Some((name, message)) = message.map(|index| fields.0.remove(index)) {
            line.push(&name, message);
        }
        // From the innermost outwards; of a name, the first is kept.
        for span in context.event_scope().into_iter().flatten() {
            if let Some(SpanIds { ours, lambdas, runtimes }) = span.extensions().get() {
                let ids = [("request_id", ours), ("lambda_request_id", lambdas), ("request_id", runtimes)];
                ids.into_iter().for_each(|(name, id)| id.iter().for_each(|id| line.push(name, id.as_str())));
            }
        }
        fields.0.into_iter().for_each(|(name, value)| line.push(&name, value));
        writeln!(writer, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_order_and_what_came_first() {
        let mut line = Line::default();
        assert_eq!(line.to_string(), "{}");
        line.push("b", 1);
        line.push("a\"", "x\ny");
        line.push("b", 2);
        line.push("nan", f64::NAN);
        assert_eq!(line.to_string(), r#"{"b":1,"a\"":"x\ny","nan":null}"#);
    }
}
