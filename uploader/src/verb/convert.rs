//! `uploader convert`: results that were saved as JSON lines, in another format.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use exports::{Content, LineSelection, Lines};
use wire::Outcome;

use crate::args::ConvertArgs;
use crate::ending::Ending;
use crate::filing::Filing;
use crate::notice::notice;
use crate::output::{self, Output};
use crate::photo::Inputs;
use crate::report::counted;

/// Broken lines that are told one by one.
const TOLD: u64 = 5;

/// A file of results. It is read twice.
struct Input {
    name: String,
    file: File,
}

pub(crate) async fn run(args: ConvertArgs) -> Result<Ending> {
    tokio::task::spawn_blocking(move || convert(&args)).await?
}

fn convert(args: &ConvertArgs) -> Result<Ending> {
    let mut protected = Inputs::with_standard_input();
    args.results.iter().for_each(|path| protected.add(path));
    protected.spare_standard_output()?;
    if let Some(output) = &args.output {
        protected.spare("--output", output)?;
    }
    let output = Output { format: args.format, path: args.output.as_deref(), export: &args.export };
    let mut inputs: Vec<Input> = args.results.iter().map(open).collect::<Result<_>>()?;
    let (selection, broken) = look(&mut inputs, args.model.as_deref())?;
    if selection.photos() == 0 {
        match &args.model {
            Some(model) if selection.others > 0 => {
                bail!("no results of model {model}, only {} of others", selection.others)
            }
            _ => bail!("no results in {}", names(&inputs)),
        }
    }
    if let (true, Some((photo, models))) = (output.wants_one_model(), selection.ambiguous()) {
        let models = models.join(", ");
        bail!("{} has results of several models: {models}; choose one with --model NAME", photo.display());
    }
    let filing = Filing::open(&args.filing, || Some(selection.catalog(None, false)))?;
    let results = output.open(|root| Some(selection.catalog(root, false)))?;
    let done = write(&mut inputs, &selection, results, filing, args)?;
    if !args.quiet {
        tell(&selection, &done.failures);
    }
    let good = selection.failed() == 0 && broken == 0 && done.unfiled == 0;
    Ok(if good { Ending::Good } else { Ending::Failures })
}

/// Opens a file of results, or keeps what can be read only once.
fn open(path: &PathBuf) -> Result<Input> {
    if path.as_os_str() == "-" {
        return Ok(Input { name: "standard input".to_owned(), file: kept(&mut io::stdin().lock())? });
    }
    let name = path.display().to_string();
    let mut file = File::open(path).with_context(|| name.clone())?;
    let metadata = file.metadata().with_context(|| name.clone())?;
    if metadata.is_dir() {
        bail!("{name} is a folder; name the files in it, for example {name}/*.jsonl");
    }
    if !metadata.is_file() {
        file = kept(&mut file)?;
    }
    Ok(Input { name, file })
}

fn kept(from: &mut dyn io::Read) -> Result<File> {
    let mut file = tempfile::tempfile().context("cannot make a temporary file")?;
    io::copy(from, &mut file).context("cannot keep the input in a temporary file")?;
    Ok(file)
}

fn lines(input: &mut Input) -> Result<Lines<BufReader<&File>>> {
    input.file.rewind().with_context(|| input.name.clone())?;
    Ok(Lines::new(BufReader::new(&input.file), &input.name))
}

fn names(inputs: &[Input]) -> String {
    inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Which photos there are. Tells of lines that are no results, and counts them.
fn look(inputs: &mut [Input], model: Option<&str>) -> Result<(LineSelection, u64)> {
    let (mut selection, mut broken) = (LineSelection::default(), 0);
    for input in inputs {
        let mut lines = lines(input)?;
        while let Some(content) = lines.next_line()? {
            match content {
                Content::Found(found) => selection.add(&found, model),
                Content::Broken(reason) => {
                    broken += 1;
                    if broken <= TOLD {
                        notice!("uploader: {reason}");
                    }
                }
            }
        }
    }
    if broken > TOLD {
        notice!("uploader: {} in all that are not results", counted(broken, "line"));
    }
    Ok((selection, broken))
}

/// What was not as it should be.
#[derive(Default)]
struct Done {
    /// Photos that had failed, by code.
    failures: BTreeMap<String, u64>,
    /// What could not be filed.
    unfiled: u64,
}

fn write(
    inputs: &mut [Input],
    selection: &LineSelection,
    mut results: Box<dyn exports::Exporter>,
    mut filing: Filing,
    args: &ConvertArgs,
) -> Result<Done> {
    let (mut done, mut place) = (Done::default(), 0);
    for input in inputs {
        let mut lines = lines(input)?;
        while let Some(content) = lines.next_line()? {
            let Content::Found(found) = content else { continue };
            place += 1;
            let entry = found.entry();
            if !selection.counts(entry.photo, place) {
                continue;
            }
            results.photo(&entry)?;
            match entry.outcome {
                Outcome::Error { error } => *done.failures.entry(error.code.clone()).or_default() += 1,
                Outcome::Answer(answer) => {
                    for failure in filing.file(entry.photo, answer) {
                        done.unfiled += 1;
                        notice!("uploader: {failure:#}");
                    }
                }
            }
        }
    }
    output::end(results.as_mut(), args.output.as_deref())?;
    filing.note().iter().for_each(|note| notice!("uploader: {note}"));
    Ok(done)
}

fn tell(selection: &LineSelection, failures: &BTreeMap<String, u64>) {
    let answered = selection.photos() - selection.failed();
    let mut text = format!("{} converted", counted(answered as u64, "photo"));
    if !failures.is_empty() {
        let codes: Vec<String> = failures.iter().map(|(code, count)| format!("{count} {code}")).collect();
        text.push_str(&format!(", {} failed ({})", selection.failed(), codes.join(", ")));
    }
    for (count, what) in [(selection.repeats, "repeated results"), (selection.others, "results of other models")] {
        if count > 0 {
            text.push_str(&format!("; {count} {what} left out"));
        }
    }
    notice!("uploader: {text}");
}
