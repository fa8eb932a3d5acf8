//! The targets of a comparison, and what is to be told about them.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;

use super::{FunctionArgs, SendArgs, TargetArgs};
use crate::prices::Architecture;
use crate::report::Condition;

#[derive(Debug, Args)]
// One after the other unless asked otherwise: then a photo's time is its own, and not that of its neighbours.
#[command(after_help = super::EXIT_CODES, mut_arg("concurrency", |arg| arg.default_value("1")))]
pub(crate) struct CompareArgs {
    /// Photos, folders (searched for photos), globs, or `-` for a list on standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
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

/// The targets. In a report they come in this order: local, images, URLs; all are compared with the first.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Targets (two or more)")]
pub(crate) struct ContenderArgs {
    /// The function built here, under the Lambda emulator.
    #[arg(long)]
    pub(crate) local: bool,

    /// A container image on this machine; may repeat.
    #[arg(long, value_name = "[NAME=]IMAGE")]
    pub(crate) docker: Vec<Named>,

    /// CPUs of each container [default: as Lambda grants, one per 1769 MB of --memory].
    #[arg(long, value_name = "N", requires = "docker", value_parser = super::target::cpus)]
    pub(crate) cpus: Option<f64>,

    /// A function's URL, as `detect` takes it; may repeat.
    #[arg(long, value_name = "[NAME=]URL")]
    pub(crate) url: Vec<Named>,

    /// Sign requests to the URLs (SigV4) for this region [default: that of *.lambda-url.REGION.on.aws].
    #[arg(long, value_name = "REGION", requires = "url", conflicts_with = "no_sign")]
    pub(crate) sign: Option<String>,

    /// Never sign requests.
    #[arg(long, requires = "url")]
    pub(crate) no_sign: bool,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,

    /// With --local: how many copies of the function run [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
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

    /// The functions' processors, which decide the price; --memory is their memory.
    #[arg(long, value_enum, default_value_t = Architecture::X86_64)]
    pub(crate) architecture: Architecture,
}

/// `NAME=WHERE`, or only where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    name: Option<String>,
    place: String,
}

/// What kind of place a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The function built here.
    Local,
    /// A container here.
    Docker,
    /// Behind a URL, wherever that leads.
    Url,
}

/// One target of a comparison, not yet opened.
#[derive(Debug)]
pub(crate) struct Contender {
    /// Short, and like no other.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) args: TargetArgs,
}

/// A `--fail-if` for one target, or for all.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContenderCondition {
    pub(crate) name: Option<String>,
    pub(crate) condition: Condition,
}

impl ContenderArgs {
    /// The targets, named.
    pub(crate) fn contenders(&self) -> Result<Vec<Contender>> {
        let mut contenders: Vec<Contender> = Vec::new();
        let mut add = |name: String, kind, args| {
            let same = contenders.iter().filter(|other| other.name == name).count();
            if same > 0 {
                bail!("two targets are called {name:?}: give them names, as in --url here=URL");
            }
            contenders.push(Contender { name, kind, args });
            Ok(())
        };
        if self.local {
            add("local".to_owned(), Kind::Local, TargetArgs { local: true, ..self.target() })?;
        }
        for docker in &self.docker {
            let args = TargetArgs { docker: Some(docker.place.clone()), cpus: self.cpus, ..self.target() };
            add(docker.name(), Kind::Docker, args)?;
        }
        for url in &self.url {
            let args = TargetArgs {
                url: Some(url.place.clone()),
                sign: self.sign.clone(),
                no_sign: self.no_sign,
                ..self.target()
            };
            add(url.name(), Kind::Url, args)?;
        }
        if contenders.len() < 2 {
            bail!("a comparison needs two targets or more: for example --local --url URL, or --url A --url B");
        }
        Ok(contenders)
    }

    fn target(&self) -> TargetArgs {
        TargetArgs {
            local: false,
            url: None,
            docker: None,
            cpus: None,
            sign: None,
            no_sign: false,
            connect_to: None,
            function: self.function.clone(),
            workers: self.workers,
        }
    }
}

impl Named {
    /// The given name; else the host of a URL, or the image.
    fn name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let host = self.place.split_once("://").map_or(self.place.as_str(), |(_, rest)| rest);
        host.split(['/', '?']).next().filter(|_| self.place.contains("://")).unwrap_or(&self.place).to_owned()
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, place) = match text.split_once('=') {
            // A `=` further on belongs to the URL's query.
            Some((name, place)) if !name.contains(['/', ':', '?']) => (Some(name.trim().to_owned()), place),
            _ => (None, text),
        };
        if place.is_empty() || name.as_deref() == Some("") {
            return Err("write NAME=WHERE, or only where".to_owned());
        }
        Ok(Self { name, place: place.to_owned() })
    }
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
    fn targets_have_names() {
        let name = |text: &str| text.parse::<Named>().unwrap().name();
        assert_eq!(name("there=http://h:1/x"), "there");
        assert_eq!(name("http://h:1/x?a=b"), "h:1");
        assert_eq!(name("spotter:latest"), "spotter:latest");
        assert!("=http://h".parse::<Named>().is_err());
    }

    #[test]
    fn conditions_may_name_their_target() {
        let parsed = |text: &str| text.parse::<ContenderCondition>();
        assert_eq!(parsed("p95>300ms").unwrap().name, None);
        assert_eq!(parsed("local:p95>300ms").unwrap().name.as_deref(), Some("local"));
        assert_eq!(parsed("127.0.0.1:9000:p95>300ms").unwrap().name.as_deref(), Some("127.0.0.1:9000"));
        assert!(parsed("local:speed>3").is_err());
    }
}
