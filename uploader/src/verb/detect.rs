//! `uploader detect`: post photos, print what was found and where the time went.

use std::io::{Write, stdin, stdout};
use std::sync::Arc;

use anyhow::Result;
use wire::Outcome;

use super::Ending;
use crate::args::{DetectArgs, ResultFormat};
use crate::journey::{Journey, Plan, Record};
use crate::link::{Patience, Tls};
use crate::notice::notice;
use crate::output::{self, Progress, Results};
use crate::photo::{Annotations, Recipe, expand};
use crate::report::{Summary, Tally};
use crate::target::{self, CONNECT_WITHIN, Target, Wishes};

pub(crate) async fn run(args: DetectArgs) -> Result<Ending> {
    let DetectArgs { paths, target, mut sending, report, like_2023 } = args;
    if like_2023 {
        sending.like_2023();
    }
    // Everything that can be wrong with the command line, before anything is started.
    // Searching folders and reading a list may take a while: Ctrl-C has to work meanwhile.
    let photos = tokio::task::spawn_blocking(move || expand(&paths, &mut stdin().lock())).await??;
    let options = sending.detection.options()?;
    let mut annotations = report.annotate.as_deref().map(Annotations::in_folder).transpose()?;
    let mut results = output::open(report.format, report.output.as_deref())?;

    let at_once = sending.concurrency.min(u16::try_from(photos.len()).unwrap_or(u16::MAX));
    let wishes = Wishes { at_once: at_once.into(), timeout: sending.timeout, quiet: report.quiet };
    let target: Arc<dyn Target> = target::open(&target.place(report.quiet), &wishes).await?.into();
    let tls = Tls::of(target.endpoint()).await?;
    let means = if report.verbose { target::means(target.as_ref(), tls.as_ref()) } else { Vec::new() };
    let plan = Plan {
        recipe: Recipe { body: sending.body, resize: sending.resize.map(u32::from), options },
        concurrency: usize::from(sending.concurrency),
        rate: sending.rate,
        patience: Patience { retries: sending.retries, connect: CONNECT_WITHIN, answer: sending.timeout },
        fresh: like_2023,
        photos,
    };
    let progress = Progress::photos(plan.photos.len(), report.quiet);
    let mut tally = Tally::begin();
    let mut journey = Journey::begin(plan, &target, tls);
    while let Some(record) = journey.next().await {
        tally.add(&record);
        progress.aside(|| hand_over(&record, results.as_mut(), report.format, report.quiet))?;
        progress.advance(1);
        if let (Some(annotations), Outcome::Answer(answer)) = (&mut annotations, &record.outcome) {
            annotations.draw(&record.photo, answer).await?;
        }
    }
    results.end()?;
    if let Some(annotations) = annotations {
        annotations.finish().await?;
    }
    progress.finish();

    if !report.quiet {
        let title = target.title();
        let concurrency = usize::from(sending.concurrency);
        let summary = Summary { target: &title, concurrency, rate: sending.rate, means: &means, tally: &tally };
        // Only text is for people: everything else on standard output is for programs.
        match report.format {
            ResultFormat::Text => writeln!(stdout(), "\n{summary}")?,
            _ => notice!("{summary}"),
        }
    }
    let mut ending = if tally.failed() == 0 { Ending::Good } else { Ending::Failures };
    for condition in &report.fail_if {
        if let Some(measured) = condition.comes_true(&tally) {
            notice!("uploader: {measured}");
            ending = Ending::NotGoodEnough;
        }
    }
    Ok(ending)
}

fn hand_over(record: &Record, results: &mut dyn Results, format: ResultFormat, quiet: bool) -> Result<()> {
    if let (Outcome::Error { error }, false, true) = (&record.outcome, quiet, format != ResultFormat::Text) {
        notice!("uploader: {}: {}: {}", record.photo.display(), error.code, error.message);
    }
    results.photo(&record.into())
}
