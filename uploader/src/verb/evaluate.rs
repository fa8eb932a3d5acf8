//! `uploader evaluate`: how well models find what is known to be in photos.

mod ground_truth;
mod result_file;
mod target_results;

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use evaluation::Truth;

use self::ground_truth::GroundTruth;
use self::target_results::TargetResults;
use super::compare::{OpenTarget, SendSettings, open};
use crate::args::EvaluateArgs;
use crate::ending::Ending;
use crate::interruption::{Interruption, Signal};
use crate::link::{CONNECT_WITHIN, RetryPolicy};
use crate::notice::notice;
use crate::photo::{Found, Inputs, Listing, PayloadOptions, Source, look};
use crate::pipeline::{Pipeline, Plan};
use crate::prices::{self, Architecture};
use crate::progress::Progress;
use crate::report::comparison::Environment;
use crate::report::evaluation::{Assessed, EvaluationRates, EvaluationReport, TruthFacts, assessments, tables};
use crate::report::{Export, terminal};

const INSTEAD_OF_URLS: &str = "download them first";

pub(crate) async fn run(args: EvaluateArgs, interruption: &Interruption) -> Result<Ending> {
    let options = args.sending.detection.options()?;
    let path = args.truth.clone();
    let truth = tokio::task::spawn_blocking(move || Truth::read(&path)).await?.context("--truth")?;
    let mut ground_truth = GroundTruth::new(truth, options.classes.as_deref())?;
    let (exports, assessed) = if args.results.is_empty() {
        match sent(&args, options, &mut ground_truth, interruption).await? {
            Ok(assessed) => assessed,
            Err(signal) => {
                notice!("uploader: interrupted before all photos had been evaluated; no report was written");
                return Ok(Ending::Interrupted(signal));
            }
        }
    } else {
        from_files(&args, &ground_truth).await?
    };
    let failed = ground_truth.unreadable > 0 || assessed.iter().any(|target| !target.failures.is_empty());
    let report = EvaluationReport {
        environment: Environment::look(),
        truth: TruthFacts {
            path: args.truth.display().to_string(),
            images: ground_truth.truth.images.len(),
            objects: ground_truth.truth.objects.len(),
            categories: ground_truth.truth.categories.len(),
        },
        rates: EvaluationRates {
            list_of: prices::AS_OF,
            region: prices::REGION,
            architecture: args.architecture.name(),
        },
        notes: ground_truth.notes,
        targets: assessed,
    };
    print(&report, &args)?;
    for export in exports {
        let path = export.write(&report)?;
        if !args.quiet {
            writeln!(stdout(), "Report: {path}")?;
        }
    }
    Ok(if failed { Ending::Failures } else { Ending::Good })
}

/// Reports that are still to be written, and what each target is worth.
type Outcomes = (Vec<Export>, Vec<Assessed>);

/// Sends the photos to all targets, one after the other, unless somebody asks to end.
async fn sent(
    args: &EvaluateArgs,
    options: wire::Options,
    ground_truth: &mut GroundTruth,
    interruption: &Interruption,
) -> Result<Result<Outcomes, Signal>> {
    let mut paths = args.paths.clone();
    let specs = args.targets.one_or_more(&mut paths)?;
    if paths.is_empty() && args.list.from_file.is_empty() {
        bail!("no photos given: pass files, folders or globs, or --results FILE");
    }
    let (found, inputs) = listing(args, &paths).await?;
    let (photos, images) = ground_truth.photos(found)?;
    let exports = exports(args, inputs)?;
    let sending = &args.sending;
    let send_settings = SendSettings {
        payload_options: PayloadOptions {
            body: sending.body,
            resize: sending.resize,
            options,
            // All get the same photos.
            through_lambda: specs.iter().any(|spec| spec.place.is_lambda()),
        },
        concurrency: usize::from(sending.concurrency),
        rate: sending.rate,
        retry_policy: RetryPolicy { retries: sending.retries, connect: CONNECT_WITHIN, answer: sending.timeout },
    };
    let open_targets = open(specs, &send_settings, send_settings.concurrency, args.quiet).await?;
    let all_results = all_results(&open_targets, &send_settings, ground_truth).await?;
    interruption.heed();
    let mut assessed = Vec::new();
    for (open_target, mut target_results) in open_targets.iter().zip(all_results) {
        let progress = Progress::photos(photos.len(), args.quiet);
        let signal = tokio::select! {
            () = send(open_target, &mut target_results, &send_settings, (&photos, &images), &progress) => None,
            signal = interruption.came() => Some(signal),
        };
        progress.finish();
        if let Some(signal) = signal {
            return Ok(Err(signal));
        }
        assessed.push(priced(target_results.assessed(ground_truth).await?, open_target, args.architecture));
    }
    Ok(Ok((exports, assessed)))
}

/// Reads results that lie about.
async fn from_files(args: &EvaluateArgs, ground_truth: &GroundTruth) -> Result<Outcomes> {
    if !args.paths.is_empty() || !args.list.from_file.is_empty() || args.targets.names_any() {
        bail!("--results are evaluated as they are: leave out photos, targets and --model");
    }
    let mut inputs = Inputs::default();
    args.results.iter().for_each(|results| inputs.add(results));
    let exports = exports(args, inputs)?;
    let mut assessed = Vec::new();
    for (name, path) in named(&args.results) {
        assessed.push(result_file::read(name, path, ground_truth).await?.assessed(ground_truth).await?);
    }
    Ok((exports, assessed))
}

/// The files of the reports, once it is certain that none of them is read.
fn exports(args: &EvaluateArgs, mut inputs: Inputs) -> Result<Vec<Export>> {
    inputs.add(&args.truth);
    args.report.iter().try_for_each(|report| inputs.spare("--report", report))?;
    args.report.iter().map(|path| Export::create(path)).collect()
}

/// Short names for files of results.
fn named(results: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let short = |path: &PathBuf| path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let alike = |path: &PathBuf| results.iter().filter(|other| short(other) == short(path)).count() > 1;
    let name = |path: &PathBuf| if alike(path) { path.display().to_string() } else { short(path) };
    results.iter().map(|path| (name(path), path.clone())).collect()
}

/// The photos, and what must not be written over.
async fn listing(args: &EvaluateArgs, paths: &[PathBuf]) -> Result<(Vec<Found>, Inputs)> {
    let mut listing = look(args.list.request(paths, INSTEAD_OF_URLS)).await?;
    listing.refuse_names_that_are_no_text();
    let (listing, inputs) = tokio::task::spawn_blocking(move || {
        listing.refuse_what_is_read_once();
        let inputs = Inputs::of(&listing);
        (listing, inputs)
    })
    .await?;
    inputs.spare_standard_output()?;
    let Listing { found, .. } = listing;
    for found in &found {
        if let Source::Fault { error, .. } = &found.source {
            notice!("uploader: {}: {}: {}", found.path.display(), error.code, error.message);
        }
    }
    Ok((found, inputs))
}

/// For each target what is to be gathered, once it is certain that truth and model speak of the same things.
async fn all_results(
    open_targets: &[OpenTarget],
    send_settings: &SendSettings,
    ground_truth: &GroundTruth,
) -> Result<Vec<TargetResults>> {
    let mut all_results = Vec::new();
    for open_target in open_targets {
        let model = open_target.model().await;
        if let Some(labels) = model.as_ref().and_then(|model| model.labels.as_ref()) {
            ground_truth.check_labels(labels).with_context(|| open_target.name.clone())?;
        }
        let multi_label = send_settings.payload_options.options.multi_label.or_else(|| model.as_ref()?.multi_label);
        let title = open_target.target.title();
        all_results.push(TargetResults::new(
            open_target.name.clone(),
            title,
            model.and_then(|model| model.labels),
            multi_label,
        ));
    }
    Ok(all_results)
}

/// Sends all photos to one target.
async fn send(
    open_target: &OpenTarget,
    target_results: &mut TargetResults,
    send_settings: &SendSettings,
    (photos, images): (&[Found], &[usize]),
    progress: &Progress,
) {
    let plan = Plan {
        photos: photos.to_vec(),
        payload_options: send_settings.payload_options.clone(),
        concurrency: send_settings.concurrency,
        rate: send_settings.rate,
        retry_policy: send_settings.retry_policy,
        fresh: false,
    };
    let mut pipeline = Pipeline::begin(plan, &open_target.target, open_target.tls.clone());
    // Records come in the order of the photos.
    for image in images {
        let Some(record) = pipeline.next().await else { break };
        progress.suspend(|| target_results.take(*image, &record));
        progress.advance(1);
    }
}

fn priced(mut assessed: Assessed, open_target: &OpenTarget, architecture: Architecture) -> Assessed {
    assessed.memory_mb = Some(open_target.memory);
    let billed = assessed.ms_per_photo.map(f64::ceil);
    assessed.dollars_per_1000 = billed.map(|ms| prices::url_per_thousand(architecture, open_target.memory, ms).total());
    assessed
}

fn print(report: &EvaluationReport, args: &EvaluateArgs) -> Result<()> {
    let mut out = stdout().lock();
    terminal::print_all(&[assessments(report)], &mut out)?;
    if !args.quiet {
        terminal::print_all(&tables(report), &mut out)?;
        for target in &report.targets {
            let asked = target.asked().map_or_else(String::new, |asked| format!("; {asked}"));
            writeln!(out, "{}: {}{asked}", target.name, target.title)?;
        }
    }
    out.flush()?;
    drop(out);
    for note in report.all_notes() {
        notice!("uploader: {note}");
    }
    Ok(())
}
