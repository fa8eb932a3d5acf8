//! A comparison: what is done with the photos, and what is to be told about it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::number::{positive, share, whole};
use super::target_spec::TargetSpecArgs;
use super::{ListArgs, SendArgs, StoreArgs};
use crate::prices::Architecture;
use crate::report::Condition;

#[derive(Debug, Args)]
// One after the other unless asked otherwise: then a photo's time is its own, and not that of its neighbours.
#[command(after_help = super::EXIT_CODES, mut_arg("concurrency", |arg| arg.default_value("1")))]
pub(crate) struct CompareArgs {
    /// Photos, folders, globs, s3://bucket/prefix, or `-` to read a list from standard input.
    // Not required: the one photo may stand behind a bare --local, which then has it as its value.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(flatten)]
    pub(crate) targets: TargetSpecArgs,
    #[command(flatten)]
    pub(crate) sending: SendArgs,
    #[command(flatten)]
    pub(crate) measurement: MeasurementArgs,
    #[command(flatten)]
    pub(crate) prices: PriceArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,

    /// Write a report to this .json, .csv, .md or .html file (repeatable).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Vec<PathBuf>,

    /// Print only the verdict and warnings: no progress, no tables.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Exit with 3 if this is true for any target ('p95>300ms') or for one ('local:p95>300ms') (repeatable).
    #[arg(long, value_name = "[NAME:]CONDITION", help_heading = "Output")]
    pub(crate) fail_if: Vec<TargetCondition>,
}

/// What is done with the photos.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Measurement")]
pub(crate) struct MeasurementArgs {
    /// Number of passes over all photos.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole(1_u32, 10_000))]
    pub(crate) runs: u32,

    /// Warm-up rounds per target, not measured; a round is --concurrency photos.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = whole(0_u32, 10_000))]
    pub(crate) warmup: u32,

    /// Also measure throughput at these concurrencies; 0 for none.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2,4,8", value_parser = whole(0_u16, 1000))]
    pub(crate) ladder: Vec<u16>,

    /// Print the student project's table: average inference and upload for folders of these sizes, made by repeating the
    /// photos given.
    #[arg(long, value_name = "N,…", num_args = 0..=1, require_equals = true, default_missing_value = "15,150,1500", value_delimiter = ',', value_parser = whole(1_u32, 1_000_000))]
    pub(crate) sizes: Vec<u32>,

    /// Measure, for each URL, what each step from the student project's client to this one saves: keep-alive, binary
    /// bodies, resizing (--resize, else the model's input), concurrency.
    #[arg(long)]
    pub(crate) like_2023: bool,
}

/// What cost is reckoned with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cost")]
pub(crate) struct PriceArgs {
    /// Price of a machine like this one, in US dollars per hour.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) ec2_per_hour: Option<f64>,

    /// Processor of the functions, for the price; the memory is --memory or the target's own.
    #[arg(long, value_enum, default_value_t = Architecture::X86_64)]
    pub(crate) architecture: Architecture,

    /// Share of requests, 0 to 1, whose trace X-Ray records: the template's Tracing=Active takes 0.05 and one a second.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub(crate) traced: f64,
}

/// A `--fail-if` for one target, or for all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TargetCondition {
    pub(crate) name: Option<String>,
    pub(crate) condition: Condition,
}

impl FromStr for TargetCondition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let metric = &text[..text.find(['<', '>']).unwrap_or(text.len())];
        // A host's name may hold a colon itself, a metric's does not.
        let (name, condition) = match metric.rfind(':') {
            Some(colon) => (Some(text[..colon].trim().to_owned()), &text[colon + 1..]),
            None => (None, text),
        };
        Ok(Self { name, condition: condition.parse()? })
    }
}

fn dollars(text: &str) -> Result<f64, String> {
    positive(text.trim_start_matches('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_may_name_their_target() {
        let parsed = |text: &str| text.parse::<TargetCondition>();
        assert_eq!(parsed("p95>300ms").unwrap().name, None);
        assert_eq!(parsed("local:p95>300ms").unwrap().name.as_deref(), Some("local"));
        assert_eq!(parsed("127.0.0.1:9000:p95>300ms").unwrap().name.as_deref(), Some("127.0.0.1:9000"));
        assert!(parsed("local:speed>3").is_err());
    }
}
