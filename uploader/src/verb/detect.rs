//! `uploader detect`: post photos, print what was found and where the time went.

use std::collections::HashMap;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use exports::{Catalog, Exporter};
use wire::Outcome;

use super::{Ending, objects};
use crate::args::{DetectArgs, Place, ReportArgs, ResultFormat};
use crate::filing::Filing;
use crate::interruption::{Interruption, Signal};
use crate::link::{CONNECT_WITHIN, RetryPolicy, Tls};
use crate::notice::notice;
use crate::output::{self, Output};
use crate::photo::{
    Annotations, Found, Inputs, Listing, Object, PayloadOptions, Request, Source, Unfetched, look, stdin,
};
use crate::pipeline::{Pipeline, Plan};
use crate::progress::Progress;
use crate::record::Record;
use crate::report::{Stop, Summary, Tally};
use crate::target::{self, OpenOptions, Target, check};

const INSTEAD_OF_URLS: &str = "use `curl -s URL | uploader detect --stdin-photo`, or download them first";

pub(crate) async fn run(mut args: DetectArgs, interruption: &Interruption) -> Result<Ending> {
    if args.like_2023 {
        args.sending.like_2023();
    }
    // Everything that can be wrong with the command line, before anything is started.
    let sending = &args.sending;
    let options = sending.detection.options()?;
    let place = args.target.place();
    let payload_options =
        PayloadOptions { body: sending.body, resize: sending.resize, options, through_lambda: place.is_lambda() };
    let Listing { found: photos, skipped, .. } = listing(&args, &payload_options).await?;
    let report = &args.report;
    let listed = photos.iter().map(|photo| (photo.path.as_path(), Some(photo.place.as_path())));
    let annotations = Annotations::of(report.pictures())?;
    interruption.heed();
    let results = Output::of(report).open(|root| Some(Catalog::of(listed.clone(), root)))?;
    let filing = Filing::open(&report.filing, || Some(Catalog::of(listed, None)))?;
    let held = photos.iter().find_map(|photo| match &photo.source {
        Source::Held(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let places = match annotations {
        Some(_) => photos.iter().map(|photo| (photo.path.clone(), (photo.place.clone(), object_of(photo)))).collect(),
        None => HashMap::new(),
    };
    // Nothing to be seen until photos are on their way.
    let progress = Progress::photos(0, true);
    let tally = Tally::begin();
    let mut sink = Sink { report, results, annotations, filing, places, held, progress, tally, undone: 0 };

    let plan = Plan {
        payload_options,
        concurrency: usize::from(sending.concurrency),
        rate: sending.rate,
        retry_policy: RetryPolicy { retries: sending.retries, connect: CONNECT_WITHIN, answer: sending.timeout },
        fresh: args.like_2023,
        photos,
    };
    let all = plan.photos.len();
    let sent = send(&args, &place, plan, &mut sink, interruption).await;
    // Whatever stopped the run, what has been written so far is to be complete.
    let ended = sink.end().await;
    let Sent { title, means, signal } = sent?;
    ended?;

    let Sink { tally, undone, .. } = sink;
    if !report.sums_up() {
        report.warn_of_models(&tally);
    } else if let Some(title) = title {
        let stop = signal.map(|_| Stop { done: tally.photos, all: all as u64 });
        let concurrency = usize::from(sending.concurrency);
        let summary = Summary {
            target: &title,
            concurrency,
            rate: sending.rate,
            means: &means,
            tally: &tally,
            skipped: &skipped,
            stop,
        };
        // Only text is for people: everything else on standard output is for programs.
        match report.format {
            ResultFormat::Text => writeln!(stdout(), "\n{summary}")?,
            _ => notice!("{summary}"),
        }
    }
    if let Some(signal) = signal {
        return Ok(Ending::Interrupted(signal));
    }
    let mut ending = if tally.failed() == 0 && undone == 0 { Ending::Good } else { Ending::Failures };
    for condition in &report.fail_if {
        if let Some(measured) = condition.comes_true(&tally) {
            notice!("uploader: {measured}");
            ending = Ending::NotGoodEnough;
        }
    }
    Ok(ending)
}

/// The photos, once it is certain that none will be written over.
async fn listing(args: &DetectArgs, payload_options: &PayloadOptions) -> Result<Listing> {
    let DetectArgs { paths, list, stdin_photo, report, .. } = args;
    if *stdin_photo && list.reads_standard_input(paths) {
        bail!("standard input is either a photo (--stdin-photo) or a list (-), not both");
    }
    let only_stdin = paths.is_empty() && list.from_file.is_empty();
    let request = Request { objects: true, ..list.request(paths, INSTEAD_OF_URLS) };
    let mut listing = if only_stdin { Listing::default() } else { look(request).await? };
    objects::resolve(&mut listing, &args.store, false).await?;
    listing.refuse_names_that_are_no_text();
    let (payload_options, stdin_photo) = (payload_options.clone(), *stdin_photo);
    let (listing, inputs) = tokio::task::spawn_blocking(move || {
        if stdin_photo {
            listing.found.push(stdin::read(&payload_options)?);
        }
        let inputs = Inputs::of(&listing);
        anyhow::Ok((listing, inputs))
    })
    .await??;
    report.spare(&inputs, listing.found.iter().map(|found| found.place.as_path()))?;
    Ok(listing)
}

fn object_of(photo: &Found) -> Option<Object> {
    match &photo.source {
        Source::Object(object) => Some(object.clone()),
        _ => None,
    }
}

/// A photo's object, once more: it was small enough to be sent.
async fn fetched(object: Object) -> Result<Vec<u8>> {
    object.fetch(u64::MAX).await.map_err(|error| match error {
        Unfetched::TooLarge(bytes) => anyhow!("{bytes} bytes are too many"),
        Unfetched::Failed(error) => anyhow!("{}", error.message),
    })
}

/// How sending went.
#[derive(Default)]
struct Sent {
    /// What the target is called, where it came to that.
    title: Option<String>,
    /// With what it was reached, where somebody wants to know.
    means: Vec<(&'static str, String)>,
    /// What ended it before its end.
    signal: Option<Signal>,
}

/// Sends all photos, until somebody asks to end.
async fn send(
    args: &DetectArgs,
    place: &Place,
    plan: Plan,
    sink: &mut Sink<'_>,
    interruption: &Interruption,
) -> Result<Sent> {
    let at_once = args.sending.concurrency.min(u16::try_from(plan.photos.len()).unwrap_or(u16::MAX));
    let open_options = OpenOptions { at_once: at_once.into(), timeout: args.sending.timeout, quiet: args.report.quiet };
    let target: Arc<dyn Target> = tokio::select! {
        target = target::open(place, &open_options) => target?.into(),
        signal = interruption.came() => return Ok(Sent { signal: Some(signal), ..Sent::default() }),
    };
    let tls = Tls::of(target.endpoint()).await?;
    if matches!(place, Place::Url(_)) || plan.payload_options.options.classes.is_some() {
        check::options(
            target.as_ref(),
            tls.as_ref(),
            &plan.payload_options.options,
            RetryPolicy { retries: 0, ..plan.retry_policy },
        )
        .await?;
    }
    let means = if args.list.verbose { target::means(target.as_ref(), tls.as_ref()) } else { Vec::new() };
    (sink.progress, sink.tally) = (Progress::photos(plan.photos.len(), args.report.quiet), Tally::begin());
    let mut pipeline = Pipeline::begin(plan, &target, tls);
    let signal = loop {
        let record = tokio::select! {
            record = pipeline.next() => record,
            signal = interruption.came() => {
                for record in pipeline.stop() {
                    sink.take(&record).await?;
                }
                break Some(signal);
            }
        };
        match record {
            Some(record) => sink.take(&record).await?,
            None => break None,
        }
    };
    Ok(Sent { title: Some(target.title()), means, signal })
}

/// Where records go.
struct Sink<'a> {
    report: &'a ReportArgs,
    results: Box<dyn Exporter>,
    annotations: Option<Annotations>,
    filing: Filing,
    /// Where each photo goes among those with boxes, and the object that it is fetched from.
    places: HashMap<PathBuf, (PathBuf, Option<Object>)>,
    /// The photo that came by standard input.
    held: Option<Bytes>,
    progress: Progress,
    tally: Tally,
    /// Photos that could not be drawn or filed.
    undone: u64,
}

impl Sink<'_> {
    async fn take(&mut self, record: &Record) -> Result<()> {
        self.tally.add(record);
        let Self { report, results, .. } = self;
        self.progress.suspend(|| {
            if let (Outcome::Error { error }, true) = (&record.outcome, report.format != ResultFormat::Text) {
                notice!("uploader: {}: {}: {}", record.photo.display(), error.code, error.message);
            }
            results.photo(&output::entry(record))
        })?;
        self.progress.advance(1);
        if let Outcome::Answer(answer) = &record.outcome {
            let failures = self.filing.file(&record.photo, answer);
            self.cannot(&failures);
            self.draw(&record.photo, answer).await;
        }
        Ok(())
    }

    async fn draw(&mut self, photo: &Path, answer: &wire::Answer) {
        let Some(annotations) = &mut self.annotations else { return };
        let (place, object) = match self.places.get(photo) {
            Some((place, object)) => (place.as_path(), object.clone()),
            None => (photo, None),
        };
        match (self.held.take_if(|_| photo == Path::new(stdin::NAME)), object) {
            (Some(bytes), _) => annotations.draw_fetched(place, photo, answer, async move { Ok(bytes.to_vec()) }).await,
            (None, Some(object)) => annotations.draw_fetched(place, photo, answer, fetched(object)).await,
            (None, None) => annotations.draw(place, photo, answer).await,
        }
        let failures = annotations.failures();
        self.cannot(&failures);
    }

    /// A photo that cannot be drawn or filed is told of, and ends no run.
    fn cannot(&mut self, failures: &[anyhow::Error]) {
        self.undone += failures.len() as u64;
        for error in failures {
            self.progress.suspend(|| notice!("uploader: {error:#}"));
        }
    }

    async fn end(&mut self) -> Result<()> {
        if let Some(annotations) = self.annotations.take() {
            let failures = annotations.finish().await;
            self.cannot(&failures);
        }
        self.progress.finish();
        let ended = output::end(self.results.as_mut(), self.report.output.as_deref());
        self.filing.note().iter().for_each(|note| notice!("uploader: {note}"));
        ended
    }
}
