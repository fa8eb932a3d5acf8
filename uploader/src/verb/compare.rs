//! `uploader compare`: the same photos through several targets, side by side.

mod measurement;
mod open_target;
mod pass_progress;
mod passes;
mod schedule;

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Result, bail};

use self::measurement::Measurement;
pub(super) use self::measurement::SendSettings;
pub(super) use self::open_target::{OpenTarget, open};
use self::pass_progress::PassProgress;
use self::schedule::Schedule;
use super::{Ending, objects};
use crate::args::{CompareArgs, TargetSpec};
use crate::interruption::{Interruption, Signal};
use crate::link::{CONNECT_WITHIN, RetryPolicy};
use crate::notice::notice;
use crate::photo::{BodyKind, Found, Inputs, Listing, PayloadOptions, Request, SkippedFiles, Source, look};
use crate::report::comparison::{self, Comparison, Environment, Finding, Origin, Pair, Rates, Rung, Settings};
use crate::report::{Export, Tally, terminal};

const INSTEAD_OF_URLS: &str = "download them first";

pub(crate) async fn run(mut args: CompareArgs, interruption: &Interruption) -> Result<Ending> {
    // Everything that can be wrong with the command line, before anything is started.
    let mut paths = std::mem::take(&mut args.paths);
    let specs = args.targets.specs(&mut paths)?;
    if paths.is_empty() && args.list.from_file.is_empty() {
        bail!("no photos given: pass files, folders or globs, or `-` to read a list from standard input");
    }
    check_names(&args, &specs)?;
    let options = args.sending.detection.options()?;
    let Listing { found: photos, skipped, .. } = listing(&args, &paths).await?;
    let exports = args.report.iter().map(|path| Export::create(path)).collect::<Result<Vec<_>>>()?;

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
    let most_at_once = args.measurement.ladder.iter().copied().fold(sending.concurrency, u16::max).into();
    let open_targets = open(specs, &send_settings, most_at_once, args.quiet).await?;
    interruption.heed();
    let (mut comparison, tallies) = measure(&args, &send_settings, &photos, &open_targets, interruption).await;
    let signal = interruption.has_come();
    if let (Some(signal), true) = (signal, comparison.samples.iter().all(|sample| sample.run == 0)) {
        notice!("uploader: interrupted before any photo had been sent to all targets; no report was written");
        return Ok(Ending::Interrupted(signal));
    }
    comparison.verdict.extend(remarks(&skipped, signal, &comparison, &args));

    if !args.quiet {
        terminal::print_tables(&comparison, &mut stdout())?;
    }
    terminal::verdict(&comparison, &mut stdout())?;
    stdout().flush()?;
    for export in exports {
        let path = export.write(&comparison)?;
        if !args.quiet {
            writeln!(stdout(), "Report: {path}")?;
        }
    }
    Ok(signal.map_or_else(|| ending(&args, &open_targets, &tallies), Ending::Interrupted))
}

/// The photos, once it is certain that no report will be written over one. Entries that cannot be read are told of here: the
/// report counts them.
async fn listing(args: &CompareArgs, paths: &[PathBuf]) -> Result<Listing> {
    let request = Request { objects: true, ..args.list.request(paths, INSTEAD_OF_URLS) };
    let mut listing = look(request).await?;
    objects::resolve(&mut listing, &args.store, true).await?;
    listing.refuse_names_that_are_no_text();
    let (listing, inputs) = tokio::task::spawn_blocking(move || {
        listing.refuse_what_is_read_once();
        let inputs = Inputs::of(&listing);
        (listing, inputs)
    })
    .await?;
    inputs.spare_standard_output()?;
    args.report.iter().try_for_each(|report| inputs.spare("--report", report))?;
    for found in listing.found.iter().filter(|_| !args.quiet) {
        if let Source::Fault { error, .. } = &found.source {
            notice!("uploader: {}: {}: {}", found.path.display(), error.code, error.message);
        }
    }
    Ok(listing)
}

/// What a reader of the numbers has to know beside them.
fn remarks(
    skipped: &SkippedFiles,
    signal: Option<Signal>,
    comparison: &Comparison,
    args: &CompareArgs,
) -> Vec<Finding> {
    let mut remarks = Vec::new();
    if !skipped.is_empty() {
        remarks.push(Finding { topic: "passed_over", text: format!("Skipped: {skipped}.").into() });
    }
    if signal.is_some() {
        let wanted = comparison.settings.photos * args.measurement.runs as usize;
        let done = comparison.samples.iter().filter(|sample| sample.run > 0 && sample.target == 0).count();
        let text =
            format!("Interrupted: only the {done} of {wanted} photos that had been sent to all targets are compared.");
        remarks.push(Finding { topic: "ended_early", text: text.into() });
    }
    remarks
}

/// Conditions for targets that are not there would never come true.
fn check_names(args: &CompareArgs, specs: &[TargetSpec]) -> Result<()> {
    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    for condition in &args.fail_if {
        if let Some(name) = condition.name.as_deref().filter(|name| !names.contains(name)) {
            bail!("--fail-if {name}:{}: no target {name}; targets: {}", condition.condition, names.join(", "));
        }
    }
    Ok(())
}

async fn measure(
    args: &CompareArgs,
    send_settings: &SendSettings,
    photos: &[Found],
    open_targets: &[OpenTarget],
    interruption: &Interruption,
) -> (Comparison, Vec<Tally>) {
    let measurement = &args.measurement;
    // What is known to be unreadable is a failure of each run, and of no use to anything else.
    let sendable = |found: &&Found| !matches!(found.source, Source::Fault { .. });
    let good: Vec<Found> = photos.iter().filter(sendable).cloned().collect();
    let progress = PassProgress::new(args.quiet);
    let schedule = Schedule::new(&progress, measurement, send_settings, (photos.len(), good.len()), open_targets);

    let mut main = Measurement::new(open_targets, send_settings, &progress);
    let compared = async {
        progress.begin(schedule.warm_up);
        main.warm_up(&good, measurement.warmup).await;
        progress.begin(schedule.main);
        for run in 1..=measurement.runs {
            main.run(photos, run).await;
        }
    };
    tokio::select! { () = compared => {}, _ = interruption.came() => {} }
    let (samples, turns, tallies) = main.finish();

    let nothing = || (vec![Vec::new(); open_targets.len()], Vec::new(), Vec::new());
    let (ladders, folders, waterfalls) = tokio::select! {
        biased;
        _ = interruption.came() => nothing(),
        beside = schedule.beside(&progress, measurement, send_settings, &good, open_targets), if !good.is_empty() => beside,
        else => nothing(),
    };
    progress.finish();

    let prices = &args.prices;
    let memory = args.targets.function.memory();
    let rates = Rates::new(prices.architecture, memory, prices.traced, prices.ec2_per_hour);
    let origin = |((open_target, ladder), tally): ((&OpenTarget, Vec<Rung>), &Tally)| Origin {
        name: open_target.name.clone(),
        title: open_target.target.title(),
        kind: open_target.kind,
        link: open_target.link,
        memory_mb: open_target.memory,
        tally: tally.clone(),
        ladder,
    };
    let origins = open_targets.iter().zip(ladders).zip(&tallies).map(origin).collect();
    let by_the_clock = send_settings.rate.is_some();
    let targets = comparison::measure(origins, &samples, &turns, &rates, by_the_clock);
    let pair = |place| Pair::new(&targets, (0, place), &samples, &turns, send_settings.concurrency, by_the_clock);
    let pairs = (1..targets.len()).map(pair).collect();
    let settings = Settings {
        photos: photos.len(),
        runs: measurement.runs,
        warmup: measurement.warmup,
        concurrency: send_settings.concurrency,
        rate: send_settings.rate,
        body: if send_settings.payload_options.body == BodyKind::Base64 { "base64" } else { "binary" },
        resize: send_settings.payload_options.resize,
    };
    let comparison = Comparison {
        environment: Environment::look(),
        settings,
        targets,
        pairs,
        rates,
        folders,
        waterfalls,
        summary: Vec::new(),
        verdict: Vec::new(),
        samples,
    };
    (comparison.conclude(), tallies)
}

fn ending(args: &CompareArgs, open_targets: &[OpenTarget], tallies: &[Tally]) -> Ending {
    let mut ending = if tallies.iter().all(|tally| tally.failed() == 0) { Ending::Good } else { Ending::Failures };
    for (open_target, tally) in open_targets.iter().zip(tallies) {
        for wanted in
            args.fail_if.iter().filter(|wanted| wanted.name.as_ref().is_none_or(|name| *name == open_target.name))
        {
            if let Some(measured) = wanted.condition.comes_true(tally) {
                notice!("uploader: {}: {measured}", open_target.name);
                ending = Ending::NotGoodEnough;
            }
        }
    }
    ending
}
