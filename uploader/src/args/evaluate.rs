//! An evaluation: photos, what is known to be in them, and who is to find it.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Args};

use super::target_spec::TargetSpecArgs;
use super::{ListArgs, SendArgs};
use crate::prices::Architecture;

/// The least score of an evaluation: what precision and recall are told from has to be there.
const CONFIDENCE: &str = "0.01";

#[derive(Debug, Args)]
#[command(
    after_help = super::EXIT_CODES,
    mut_args(headed),
    mut_arg("confidence", |arg| arg.default_value(CONFIDENCE).help("Minimum score of the objects that are asked for, 0 to 1")),
    mut_arg("model", |arg| arg.action(ArgAction::Append).help(
        "Model: a known name, or the path of an .onnx file (repeatable: each is run on this machine) [default: the function's]"
    )),
)]
pub(crate) struct EvaluateArgs {
    /// Photos, folders, globs, or `-` to read a list from standard input.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) list: ListArgs,

    /// What is in the photos: a COCO file (instances.json), a YOLO data.yaml or the folder with it, or a folder of Pascal VOC
    /// .xml files. Photos are matched by file name.
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    pub(crate) truth: PathBuf,

    /// Evaluate results of `detect --format jsonl`, or COCO results, instead of sending photos (repeatable).
    #[arg(long, value_name = "FILE", help_heading = "Truth")]
    pub(crate) results: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) targets: TargetSpecArgs,
    #[command(flatten)]
    pub(crate) sending: SendArgs,

    /// Processor of the functions, for the price; the memory is --memory or the target's own.
    #[arg(long, value_enum, default_value_t = Architecture::X86_64, help_heading = "Cost")]
    pub(crate) architecture: Architecture,

    /// Write a report to this .json, .csv, .md or .html file (repeatable).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Vec<PathBuf>,

    /// Print only the figures of each target and warnings: no progress, no other tables.
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// A comparison needs two targets, an evaluation none.
fn headed(arg: Arg) -> Arg {
    match arg.get_help_heading() {
        Some(heading) if heading.starts_with("Targets (two or more") => {
            arg.help_heading("Targets (default --local; settings per target: NAME=…,KEY=VALUE,…)")
        }
        _ => arg,
    }
}
