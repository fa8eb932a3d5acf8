//! `uploader model`: known models and their files.

mod cards;
mod doubts;
mod trial;

use std::fmt::Write as _;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use detector::{Card, catalog};

use ::prepare::{Measured, Outcome, Step};

use crate::args::{ModelArgs, ModelVerb, PrepareArgs, PullArgs};
use crate::ending::Ending;
use crate::hint;
use crate::model::{Network, Source, Wanted, pull, sources};
use crate::notice::notice;
use crate::photo::Inputs;
use crate::progress::Progress;

pub(crate) async fn run(args: ModelArgs) -> Result<Ending> {
    match args.verb {
        ModelVerb::List => list(),
        ModelVerb::Pull(args) => fetch(args).await,
        ModelVerb::Prepare(args) => prepare(&args),
        ModelVerb::Show { model } => cards::show(&model),
        ModelVerb::Card(args) => cards::card(&args),
        ModelVerb::Try(args) => trial::run(&args).await,
        ModelVerb::Verify { model } => verify(&model),
    }
}

fn list() -> Result<Ending> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["name", "MB", "licence", "where"]);
    for card in catalog::known() {
        let place = match catalog::find(Some(&card.name)) {
            Ok(found) => found.path.display().to_string(),
            Err(_) => format!("not downloaded: {} model pull {}", hint::program(), card.name),
        };
        let size = card.bytes.map_or_else(String::new, |bytes| format!("{:.1}", bytes as f64 / 1e6));
        table.add_row([card.name, size, card.license.unwrap_or_default(), place]);
    }
    writeln!(stdout(), "{table}")?;
    match catalog::find(None) {
        Ok(found) => {
            writeln!(stdout(), "\ndefault: {}", found.name)?;
            if let Some(note) = found.note {
                writeln!(stdout(), "{}", hint::here(&note))?;
            }
        }
        Err(error) => writeln!(stdout(), "\ndefault: none ({error})")?,
    }
    Ok(Ending::Good)
}

async fn fetch(args: PullArgs) -> Result<Ending> {
    let card = known(&args.name)?;
    let folder = match &args.dir {
        Some(folder) => folder.clone(),
        None => catalog::cache_dir().context("no cache folder: set XDG_CACHE_HOME or HOME, or use --dir DIR")?,
    };
    let to = folder.join(format!("{}.onnx", card.name));
    let sha256 = card.sha256.clone().with_context(|| format!("the card of {} has no SHA-256", card.name))?;
    if digest(&to)?.is_some_and(|found| found == sha256) {
        writeln!(stdout(), "{} is already downloaded: {}", card.name, to.display())?;
        return Ok(Ending::Good);
    }
    let sources = sources(&card.name, card.source.as_deref(), args.from.as_deref())?;
    let Some(first) = sources.first() else {
        let found = catalog::find(Some(&card.name))
            .with_context(|| format!("{} is part of this project and not published; use --from DIR", card.name))?;
        writeln!(stdout(), "{} is part of this project: {}", card.name, found.path.display())?;
        return Ok(Ending::Good);
    };
    // What is wrong with the settings is told before anything is fetched.
    let network = Network::look().await?;
    let proxy = match first {
        Source::Url(url) => network.way(url.clone())?.0.proxy,
        Source::File(_) => None,
    };
    let progress = Progress::bytes(card.bytes.unwrap_or_default(), args.quiet);
    if !args.quiet {
        let place = match (first, proxy) {
            (Source::File(path), _) => path.display().to_string(),
            (Source::Url(url), Some(proxy)) => format!("{} through {proxy}", url.url()),
            (Source::Url(url), None) => url.url(),
        };
        progress.suspend(|| notice!("downloading {} from {place}", card.name));
    }
    let wanted = Wanted { name: card.name.clone(), sha256, bytes: card.bytes };
    let came = pull(&wanted, &sources, &network, &to, &progress).await;
    progress.finish();
    match came {
        Ok(()) => {
            writeln!(stdout(), "downloaded {}: {}", card.name, to.display())?;
            // It runs as it is, too, only slower.
            match ::prepare::prepare(&catalog::find_path(&to)?, None, &[]) {
                Ok(report) => writeln!(stdout(), "prepared {}", report.path.display())?,
                Err(error) => notice!("uploader: {} was not prepared and runs slower: {error}", card.name),
            }
            Ok(Ending::Good)
        }
        Err(error) => {
            notice!("uploader: cannot download {}: {error}", card.name);
            Ok(Ending::Failures)
        }
    }
}

fn prepare(args: &PrepareArgs) -> Result<Ending> {
    let model = catalog::find(Some(&args.model))?;
    if let Some(output) = &args.output {
        let mut inputs = Inputs::default();
        args.photos.iter().chain([&model.path]).for_each(|path| inputs.add(path));
        inputs.spare("--output", output)?;
    }
    let report = ::prepare::prepare(&model, args.output.as_deref(), &args.photos)?;
    let out = &mut stdout();
    writeln!(out, "{}: {}", model.name, report.source.display())?;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    for Step { name, outcome } in &report.steps {
        let became = match outcome {
            Outcome::Done(1) => "1 place".to_owned(),
            Outcome::Done(places) => format!("{places} places"),
            Outcome::LeftAlone(why) => format!("skipped: {why}"),
        };
        table.add_row([*name, &became]);
    }
    let Measured { size: (width, height), load_ms, run_ms, wide_ms, difference } = report.trial;
    table.add_row(["load", &format!("{:.1} ms, was {:.1} ms", load_ms.1, load_ms.0)]);
    let mut run = format!("{:.2} ms, was {:.2} ms (one thread, {width} x {height})", run_ms.1, run_ms.0);
    if let Some(wide) = wide_ms {
        write!(run, "; {wide:.2} ms for a 4:3 photo in its own shape")?;
    }
    table.add_row(["run", &run]);
    table.add_row(["outputs", &format!("equal within {difference:.1e}")]);
    if let Some(boxes) = &report.boxes {
        table.add_row(["boxes", &format!("equal: {boxes}")]);
    }
    writeln!(out, "{table}\nwrote {}", report.path.display())?;
    Ok(Ending::Good)
}

fn verify(model: &str) -> Result<Ending> {
    let found = catalog::find(Some(model))?;
    let path = found.path.display();
    let got = digest(&found.path)?.with_context(|| format!("{path}: no such file"))?;
    let Some(wanted) = found.card.and_then(|card| card.sha256) else {
        bail!("{path}: no card to check it against; its SHA-256 is {got}");
    };
    if got == wanted {
        let publisher = catalog::publisher(&got).map_or_else(String::new, |publisher| format!(", {publisher}"));
        writeln!(stdout(), "{}: OK: {path} (SHA-256 {got}{publisher})", found.name)?;
        return Ok(Ending::Good);
    }
    notice!(
        "uploader: {}: {path} is not the published file: SHA-256 {got}, expected {wanted}\n{}. Spotter uses it, with a \
         notice. To download the published file, run `{} model pull {}`",
        found.name,
        catalog::publisher(&got)
            .map_or_else(|| "It is of unknown origin".to_owned(), |publisher| format!("It is {publisher}")),
        hint::program(),
        found.name
    );
    Ok(Ending::Failures)
}

fn known(name: &str) -> Result<Card> {
    catalog::known_card(name).with_context(|| {
        let names: Vec<String> = catalog::known().into_iter().map(|card| card.name).collect();
        format!("unknown model {name}; known models: {}", names.join(", "))
    })
}

/// The digest of a file; `None` where there is none.
fn digest(path: &Path) -> Result<Option<String>> {
    match catalog::sha256_file(path) {
        Ok(digest) => Ok(Some(digest)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| PathBuf::from(path).display().to_string()),
    }
}
