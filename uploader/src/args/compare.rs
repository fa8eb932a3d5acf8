//! A comparison: what is done with the photos, and what is to be told about it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::contender::ContenderArgs;
use super::{ListArgs, SendArgs};
use crate::prices::Architecture;
use crate::report::Condition;

#[derive(Debug, Args)]
// One after the other unless asked otherwise: then a photo's time is its own, and not that of its neighbours.
#[command(after_help = super::EXIT_CODES, mut_arg("concurrency", |arg| arg.default_value("1")))]
pub(crate) struct CompareArgs {
    /// Photos, folders (searched for photos), globs, or `-` for a list on standard input.
    // Not required: the one photo may stand behind a bare --local, which then has it as its value.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(flatten)]
    pub(crate) targets: ContenderArgs,
    #[command(flatten)]
    pub(crate) sending: SendArgs,
    #[command(flatten)]
    pub(crate) course: CourseArgs,
    #[command(flatten)]
    pub(crate) prices: PriceArgs,

    /// Write the report here, too: .json, .csv, .md or .html; may repeat.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Vec<PathBuf>,

    /// Only the verdict: no progress, no notices, no tables.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// Exit with 3 when this comes true at a target, for example 'p95>300ms', or at one of them: 'local:p95>300ms'.
    #[arg(long, value_name = "[NAME:]CONDITION", help_heading = "Output")]
    pub(crate) fail_if: Vec<ContenderCondition>,
}

/// What is done with the photos.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Course")]
pub(crate) struct CourseArgs {
    /// How often all photos go through every target.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) runs: u32,

    /// Turns of each target beforehand that do not count; a turn is --concurrency photos.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) warmup: u32,

    /// Measure throughput with so many photos at once, too, for what concurrency buys; 0 for not at all.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2,4,8", value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) ladder: Vec<u16>,

    /// The student project's table: average inference and upload for folders of so many photos, made by repeating those given.
    #[arg(long, value_name = "N,…", num_args = 0..=1, require_equals = true, default_missing_value = "15,150,1500", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) sizes: Vec<u32>,

    /// What separates the student project's client from this one, step by step, for each URL: kept connections, binary
    /// bodies, shrinking (--resize, else the model's input), concurrency.
    #[arg(long)]
    pub(crate) like_2023: bool,
}

/// What cost is reckoned with.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cost")]
pub(crate) struct PriceArgs {
    /// Price of a machine like this one, in dollars per hour.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) ec2_per_hour: Option<f64>,

    /// The functions' processors, which decide the price; --memory, or a target's own, is their memory.
    #[arg(long, value_enum, default_value_t = Architecture::X86_64)]
    pub(crate) architecture: Architecture,
}

/// A `--fail-if` for one target, or for all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContenderCondition {
    pub(crate) name: Option<String>,
    pub(crate) condition: Condition,
}

impl FromStr for ContenderCondition {
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
    text.trim_start_matches('$')
        .parse()
        .ok()
        .filter(|usd: &f64| *usd > 0.0 && usd.is_finite())
        .ok_or_else(|| "give dollars per hour, more than 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_may_name_their_target() {
        let parsed = |text: &str| text.parse::<ContenderCondition>();
        assert_eq!(parsed("p95>300ms").unwrap().name, None);
        assert_eq!(parsed("local:p95>300ms").unwrap().name.as_deref(), Some("local"));
        assert_eq!(parsed("127.0.0.1:9000:p95>300ms").unwrap().name.as_deref(), Some("127.0.0.1:9000"));
        assert!(parsed("local:speed>3").is_err());
    }
}
