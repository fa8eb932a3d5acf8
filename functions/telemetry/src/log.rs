//! The log: which lines, in which form.

use std::env;
use std::fmt::Display;
use std::io::Write;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::json::{Ids, Json};
use crate::stream::Stream;

/// Begins the log of this process on `stream`.
///
/// Lines are text, or JSON with a time stamp where `AWS_LAMBDA_LOG_FORMAT` is `JSON`. `RUST_LOG` says which are written (`info`
/// where unset), and none below `AWS_LAMBDA_LOG_LEVEL`, where that is set: Lambda would drop them.
pub fn init(stream: Stream) {
    let floor = floor(env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let wanted = env::var("RUST_LOG").unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(floor.unwrap_or(LevelFilter::INFO).into())
        .parse_lossy(wanted.trim());
    // Spans always: they say to which request a line belongs, however few lines there are.
    let spans = filter_fn(|metadata| metadata.is_span()).with_max_level_hint(LevelFilter::INFO);
    let filter = spans.or(filter.and(floor.unwrap_or(LevelFilter::TRACE)));
    let writer = move || stream;
    let layer = fmt::layer().with_target(false).without_time();
    let layer = if is_json() {
        report_panics();
        layer.with_ansi(false).event_format(Json).with_writer(writer).and_then(Ids).with_filter(filter).boxed()
    } else {
        layer.with_writer(writer).with_filter(filter).boxed()
    };
    // Where there is a log already, it stays.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

/// Says why the process ends: as a line of the log where that is JSON, else on standard error, as programs do.
pub fn fatal(program: &str, reason: &dyn Display) {
    if is_json() {
        tracing::error!("{program}: {reason:#}");
    } else {
        let _ = writeln!(Stream::Error, "{program}: {reason:#}");
    }
}

fn is_json() -> bool {
    env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.trim().eq_ignore_ascii_case("json"))
}

/// The least level that Lambda keeps.
fn floor(level: Option<&str>) -> Option<LevelFilter> {
    match level.map(str::trim) {
        Some(fatal) if fatal.eq_ignore_ascii_case("fatal") => Some(LevelFilter::ERROR),
        Some(level) => level.parse().ok(),
        None => None,
    }
}

/// A panic is a line like every other: Lambda would take its text for an INFO line.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("without a message"));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_levels_are_known() {
        for (level, filter) in [
            (Some("WARN"), Some(LevelFilter::WARN)),
            (Some("fatal"), Some(LevelFilter::ERROR)),
            (Some("loud"), None),
            (None, None),
        ] {
            assert_eq!(floor(level), filter, "{level:?}");
        }
    }
}
