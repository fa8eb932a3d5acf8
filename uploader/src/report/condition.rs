//! Conditions under which a run counts as failed: `p95>300ms`.

use std::fmt;
use std::str::FromStr;

use super::tally::Tally;

const HELP: &str = "expected METRIC, one of > >= < <=, and a value: 'p95>300ms', 'failures>1%', 'throughput<20'";
const METRICS: &str = "p50, p90, p95, p99 (any pN), mean, min, max (of the round trip), inference, upload, encode, dns, connect, tls, send, \
     wait, receive, decode, preprocess, postprocess (means), cold, failures, throughput";

/// One `--fail-if`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    text: String,
    metric: Metric,
    comparison: Comparison,
    value: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Metric {
    /// Of the round trip, in milliseconds.
    Percentile(f64),
    Mean,
    Min,
    Max,
    Upload,
    /// The mean of a phase or stage, in milliseconds.
    Phase(String),
    /// Photos that failed.
    Failures,
    /// Photos that failed, of a hundred.
    FailureShare,
    /// Cold starts.
    Cold,
    /// Photos per second.
    Throughput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    More,
    AtLeast,
    Less,
    AtMost,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or(HELP)?;
        let (name, rest) = text.split_at(at);
        let (comparison, value) =
            [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::More), ("<", Comparison::Less)]
                .into_iter()
                .find_map(|(sign, comparison)| Some((comparison, rest.strip_prefix(sign)?)))
                .ok_or(HELP)?;
        let (number, unit) = split_unit(value.trim())?;
        let metric = metric(name.trim(), unit)?;
        Ok(Self { text: text.trim().to_owned(), value: scaled(&metric, number, unit)?, metric, comparison })
    }
}

impl Condition {
    /// Whether there is anything that it could be held against.
    pub(crate) fn is_measured(&self, tally: &Tally) -> bool {
        self.metric.of(tally).is_some()
    }

    /// `Some` with what was measured, where the condition came true.
    pub(crate) fn comes_true(&self, tally: &Tally) -> Option<String> {
        let Some(measured) = self.metric.of(tally) else {
            return Some(format!("--fail-if '{self}': nothing was measured"));
        };
        let failed = match self.comparison {
            Comparison::More => measured > self.value,
            Comparison::AtLeast => measured >= self.value,
            Comparison::Less => measured < self.value,
            Comparison::AtMost => measured <= self.value,
        };
        failed.then(|| format!("--fail-if '{self}': measured {}{}", (measured * 1e3).round() / 1e3, self.metric.unit()))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Metric {
    /// Its value; `None` where it needs an answer and there is none.
    fn of(&self, tally: &Tally) -> Option<f64> {
        match self {
            Self::Failures => return Some(tally.failed() as f64),
            Self::FailureShare => {
                return Some(tally.failed() as f64 * 100.0 / tally.photos.max(1) as f64);
            }
            Self::Cold => return Some(tally.cold.round_trip.count() as f64),
            Self::Throughput => return Some(tally.throughput()),
            _ => {}
        }
        let times = tally.times();
        let spread = match self {
            Self::Upload => &times.upload,
            Self::Phase(name) => times.phase(name)?,
            _ => &times.round_trip,
        };
        (spread.count() > 0).then(|| match self {
            Self::Percentile(percentile) => spread.percentile(*percentile),
            Self::Min => spread.min(),
            Self::Max => spread.max(),
            _ => spread.mean(),
        })
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Failures | Self::Cold => "",
            Self::FailureShare => " %",
            Self::Throughput => " photos/s",
            _ => " ms",
        }
    }
}

fn split_unit(value: &str) -> Result<(f64, &str), String> {
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
    let number = value[..end].parse().map_err(|_| HELP.to_owned())?;
    Ok((number, value[end..].trim()))
}

fn metric(name: &str, unit: &str) -> Result<Metric, String> {
    let percentile = name.strip_prefix('p').and_then(|digits| digits.parse().ok());
    Ok(match name {
        "mean" | "average" => Metric::Mean,
        "min" => Metric::Min,
        "max" => Metric::Max,
        "upload" => Metric::Upload,
        "failures" if unit == "%" => Metric::FailureShare,
        "failures" => Metric::Failures,
        "cold" => Metric::Cold,
        "throughput" => Metric::Throughput,
        _ if super::tally::Times::default().phase(name).is_some() => Metric::Phase(name.to_owned()),
        _ => match percentile.filter(|percentile| (0.0..=100.0).contains(percentile)) {
            Some(percentile) => Metric::Percentile(percentile),
            None => return Err(format!("unknown metric {name:?}; metrics: {METRICS}")),
        },
    })
}

fn scaled(metric: &Metric, number: f64, unit: &str) -> Result<f64, String> {
    let factor = match (metric.unit(), unit) {
        (" ms", "ms") => 1.0,
        (" ms", "s") => 1e3,
        (" ms", "us" | "µs") => 1e-3,
        (" ms", "") => return Err(format!("no unit; expected {number}ms or {number}s")),
        (" photos/s", "" | "/s" | "photos/s") | (" %", "%") | ("", "") => 1.0,
        (_, unit) => return Err(format!("{unit:?} is not a unit of this metric; {HELP}")),
    };
    Ok(number * factor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wire::Outcome;

    use super::*;
    use crate::link::Phases;
    use crate::record::Record;

    fn parsed(text: &str) -> Condition {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn metrics_comparisons_and_units() {
        assert_eq!(parsed("p95>300ms").metric, Metric::Percentile(95.0));
        assert_eq!(parsed(" p99.9 >= 0.3 s ").value, 300.0);
        assert_eq!(parsed("p99.9>=0.3s").comparison, Comparison::AtLeast);
        assert_eq!(parsed("inference>50ms").metric, Metric::Phase("inference".to_owned()));
        assert_eq!(parsed("failures>0").metric, Metric::Failures);
        assert_eq!(parsed("failures>1%").metric, Metric::FailureShare);
        assert_eq!(parsed("throughput<20").comparison, Comparison::Less);
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for text in
            ["p95", "p95>", "p95>300", "p101>1ms", "speed>1ms", "failures>1ms", "p95=3ms", "mean>1%", ">1ms", ""]
        {
            let error = text.parse::<Condition>().unwrap_err();
            assert!(!error.is_empty(), "{text}");
        }
    }

    #[test]
    fn conditions_come_true_or_not() {
        let mut tally = Tally::begin();
        assert!(parsed("p95>300ms").comes_true(&tally).is_some(), "nothing measured is not good enough");
        assert!(parsed("failures>0").comes_true(&tally).is_none());
        tally.add(&Record {
            photo: "a.jpg".into(),
            outcome: Outcome::Error { error: crate::photo::item_error("timeout", "") },
            phases: Phases::default(),
            round_trip: Duration::ZERO,
            tries: 1,
            photo_bytes: 0,
            traffic: crate::link::Traffic::default(),
        });
        assert_eq!(parsed("failures>0").comes_true(&tally).unwrap(), "--fail-if 'failures>0': measured 1");
        assert!(parsed("failures>=100%").comes_true(&tally).is_some());
        tally.warm.round_trip.add(Duration::from_millis(250));
        assert!(parsed("p95>300ms").comes_true(&tally).is_none());
        assert!(parsed("mean>200ms").comes_true(&tally).unwrap().contains("250 ms"));
    }
}
