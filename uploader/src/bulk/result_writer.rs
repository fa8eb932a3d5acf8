//! Where results go on this machine: to the output, into annotated photos, into the numbers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use exports::{Catalog, Entry, Exporter};
use wire::{ItemError, Line, LineOutcome, Outcome, Source};

use super::selection::Photo;
use super::store::Store;
use crate::args::{ReportArgs, ResultFormat};
use crate::filing::Filing;
use crate::link::as_millis;
use crate::notice::notice;
use crate::output::{self, Output};
use crate::photo::Annotations;
use crate::progress::Progress;
use crate::report::Tally;

/// Writes results, and counts them.
pub(crate) struct ResultWriter {
    results: Box<dyn Exporter>,
    output: Option<PathBuf>,
    annotations: Option<Annotations>,
    filing: Filing,
    store: Store,
    /// The bucket's prefix.
    folder: String,
    format: ResultFormat,
    pub(crate) progress: Progress,
    pub(crate) tally: Tally,
    /// Photos that could not be drawn or filed.
    pub(crate) undone: u64,
}

impl ResultWriter {
    /// Opens the output: what is wrong with it is found before anything is done.
    ///
    /// `folder` is the bucket's prefix; `awaited` are the photos whose results are awaited, where that is known; `count` how
    /// many lines there will be.
    pub(crate) fn open(
        report: &ReportArgs,
        store: Store,
        folder: String,
        count: usize,
        awaited: Option<&[Photo]>,
    ) -> Result<Self> {
        let listed =
            awaited.map(|photos| photos.iter().map(|photo| (photo.name.as_path(), Some(photo.place(&folder)))));
        Ok(Self {
            annotations: Annotations::of(report.pictures())?,
            results: Output::of(report).open(|root| listed.clone().map(|listed| Catalog::of(listed, root)))?,
            output: report.output.clone(),
            filing: Filing::open(&report.filing, || listed.map(|listed| Catalog::of(listed, None)))?,
            store,
            folder,
            format: report.format,
            progress: Progress::dataset(count, report.quiet),
            tally: Tally::begin(),
            undone: 0,
        })
    }

    /// A photo's result.
    pub(crate) async fn result(&mut self, photo: &Photo, line: Line, waited: Option<Duration>) -> Result<()> {
        let Line { source, outcome, .. } = line;
        let outcome = match outcome {
            LineOutcome::Answer(answer) => Outcome::Answer(answer),
            LineOutcome::Error { error, .. } => Outcome::Error { error },
        };
        self.write(&photo.name, &outcome, waited, Some(&source))?;
        if let Outcome::Answer(answer) = &outcome {
            let failures = self.filing.file(&photo.name, answer);
            self.cannot(&failures);
        }
        self.draw(photo, &outcome, &source).await;
        Ok(())
    }

    /// A photo that has no result, and why.
    pub(crate) fn failure(&mut self, photo: &Path, error: ItemError) -> Result<()> {
        self.write(photo, &Outcome::Error { error }, None, None)
    }

    /// Something that is not about a photo.
    pub(crate) fn notice(&self, text: &str) {
        self.progress.suspend(|| notice!("uploader: {text}"));
    }

    /// Writes what comes after the last photo.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.progress.finish();
        self.tally.end();
        if let Some(annotations) = self.annotations.take() {
            let failures = annotations.finish().await;
            self.cannot(&failures);
        }
        let ended = output::end(self.results.as_mut(), self.output.as_deref());
        self.filing.note().iter().for_each(|note| notice!("uploader: {note}"));
        ended
    }

    fn write(
        &mut self,
        photo: &Path,
        outcome: &Outcome,
        waited: Option<Duration>,
        source: Option<&Source>,
    ) -> Result<()> {
        self.tally.add_result(outcome, waited);
        let entry = Entry { photo, outcome, client_ms: None, round_trip_ms: waited.map(as_millis), source };
        let (results, says) = (&mut self.results, self.format != ResultFormat::Text);
        self.progress.suspend(|| {
            if let (Outcome::Error { error }, true) = (outcome, says) {
                notice!("uploader: {}: {}: {}", photo.display(), error.code, error.message);
            }
            results.photo(&entry)
        })?;
        self.progress.advance(1);
        Ok(())
    }

    /// A photo that cannot be drawn or filed is told of, and ends no run.
    async fn draw(&mut self, photo: &Photo, outcome: &Outcome, source: &Source) {
        let (Some(annotations), Outcome::Answer(answer)) = (&mut self.annotations, outcome) else { return };
        let place = photo.place(&self.folder);
        if photo.local {
            annotations.draw(place, &photo.name, answer).await;
        } else {
            let (store, bucket, key) = (self.store.clone(), source.bucket.clone(), source.key.clone());
            annotations
                .draw_fetched(place, &photo.name, answer, async move { fetch(&store, &bucket, &key).await })
                .await;
        }
        let failures = annotations.failures();
        self.cannot(&failures);
    }

    fn cannot(&mut self, failures: &[anyhow::Error]) {
        self.undone += failures.len() as u64;
        failures.iter().for_each(|error| self.notice(&format!("{error:#}")));
    }
}

async fn fetch(store: &Store, bucket: &str, key: &str) -> Result<Vec<u8>> {
    let body = store.get(bucket, key).await.map_err(super::s3_error::S3Error::into_error)?;
    let body = body.with_context(|| format!("s3://{bucket}/{key} does not exist (anymore)"))?;
    Ok(body.collect().await?.to_vec())
}
