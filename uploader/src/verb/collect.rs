//! `uploader collect`: the waiting half of `bulk`, also on another machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use wire::S3Uri;

use super::bulk::{cost, ending, ignored_lines, print};
use crate::args::{CollectArgs, SelectionArgs};
use crate::bulk::{
    BulkRun, Collector, Counts, EarlierResults, Journal, Photo, Plan, ResultTracker, ResultWriter, S3Error, Selection,
    Since, Store, Uploads, inventory, is_wanted, journal, place, way,
};
use crate::ending::Ending;
use crate::existing;
use crate::interruption::Interruption;
use crate::notice::notice;
use crate::photo::{Inputs, SkippedFiles, look};
use crate::report::{Clock, Cost, DatasetSummary, Stop};

/// Photos compared with the bucket, or looked up there, at once.
const AT_ONCE: usize = 16;

/// What is waited for.
struct Expected {
    photos: Arc<Vec<Photo>>,
    tracker: ResultTracker,
    held_since: Vec<Since>,
    /// Photos that are still to be compared with the bucket.
    uploads: Option<Uploads>,
    refused: Vec<(PathBuf, wire::ItemError)>,
    skipped: SkippedFiles,
    places: String,
    /// The bucket's prefix.
    folder: String,
    clock: Clock,
    /// Results that are nobody's.
    before: EarlierResults,
    /// Photos in a message, where they were queued and not uploaded: as `bulk` does it unless told otherwise.
    per_message: Option<f64>,
}

const INSTEAD_OF_URLS: &str = "give the files that were given to bulk, or only --bucket for all that it holds";

pub(crate) async fn run(args: CollectArgs, interruption: &Interruption) -> Result<Ending> {
    let store = Store::open(&args.store).await?;
    let means = if args.list.verbose { store.means().to_vec() } else { Vec::new() };
    let expected = match (&args.bucket, &args.journal) {
        (Some(bucket), _) if !args.paths.is_empty() || !args.list.from_file.is_empty() => {
            of_paths(&args, &store, bucket).await?
        }
        (_, Some(journal)) => of_journal(&args, journal)?,
        (Some(bucket), None) => of_bucket(&args, &store, bucket).await?,
        (None, None) => of_everything(&args),
    };
    spare(&args, &expected)?;
    let Expected { photos, tracker, held_since, uploads, refused, skipped, places, folder, clock, before, per_message } =
        expected;
    interruption.heed();
    let all = tracker.open() + refused.len();
    let awaited = tracker.index().map(|_| photos.as_slice());
    let mut writer = ResultWriter::open(&args.report, store.clone(), folder, all, awaited)?;
    for (photo, error) in refused {
        writer.failure(&photo, error)?;
    }
    let collector = Collector::new(store, args.results.clone(), tracker.index()).after(before);
    let mut bulk_run =
        BulkRun { photos, tracker, writer, timeout: args.wait.timeout, held_since, counts: Counts::default() };
    let signal = bulk_run.run(uploads, Some(collector.begin()), interruption).await?;
    if bulk_run.writer.tally.photos == 0 && signal.is_none() {
        bail!("no results in {}; check --results, or give --bucket to wait for those of its photos", args.results);
    }

    let summary = DatasetSummary {
        places,
        means: &means,
        tally: &bulk_run.writer.tally,
        uploaded: 0,
        queued: None,
        held: 0,
        concurrency: None,
        clock,
        cost: Some(Cost { per_message, ..cost(&args.wait, &bulk_run.counts) }),
        ignored_lines: ignored_lines(&bulk_run),
        skipped: &skipped,
        // How many there are in all, nobody knows where nothing is waited for.
        stop: signal
            .map(|_| Stop { done: bulk_run.writer.tally.photos, all: bulk_run.writer.tally.photos.max(all as u64) }),
    };
    print(&args.report, &summary)?;
    Ok(signal.map_or_else(|| ending(&args.report, &bulk_run), Ending::Interrupted))
}

/// Refuses outputs that are what is read: the photos of this machine, on which boxes may be drawn, the journal and lists.
fn spare(args: &CollectArgs, expected: &Expected) -> Result<()> {
    let mut inputs = Inputs::with_standard_input();
    expected.photos.iter().filter(|photo| photo.local).for_each(|photo| inputs.add(&photo.name));
    args.journal.iter().chain(&args.list.from_file).for_each(|path| inputs.add(path));
    let folder = expected.folder.as_str();
    args.report.spare(&inputs, expected.photos.iter().map(|photo| photo.place(folder)))
}

/// The photos of this machine, as the bucket holds them.
async fn of_paths(args: &CollectArgs, store: &Store, bucket: &S3Uri) -> Result<Expected> {
    let listing = look(args.list.request(&args.paths, INSTEAD_OF_URLS)).await?;
    let selection = Selection::of(listing.found, &args.selection, bucket)?;
    let photos = Arc::new(selection.photos);
    let held = inventory::of(store, bucket, &photos).await.map_err(S3Error::into_error)?;
    let held_since = held.iter().map(|held| since(held.as_ref().and_then(|held| held.stored))).collect();
    let path = match &args.journal {
        Some(path) => path.clone(),
        None => {
            let named: Vec<PathBuf> = args.paths.iter().chain(&args.list.from_file).cloned().collect();
            journal::default_path(&named, bucket, args.store.endpoint_url.as_deref())?
        }
    };
    let plan = Plan {
        store: store.clone(),
        bucket: bucket.clone(),
        photos: Arc::clone(&photos),
        held,
        journal: Journal::look(&path, bucket)?,
        concurrency: AT_ONCE,
        force: false,
        only_look: true,
    };
    Ok(Expected {
        tracker: ResultTracker::of(&bucket.bucket, &photos),
        photos,
        held_since,
        uploads: Some(Uploads::begin(plan)),
        refused: selection.refused,
        skipped: listing.skipped,
        places: way(bucket, &args.results),
        folder: bucket.folder(),
        clock: Clock::S3,
        before: EarlierResults::default(),
        per_message: None,
    })
}

/// The photos that a run has noted.
fn of_journal(args: &CollectArgs, path: &Path) -> Result<Expected> {
    if let Some(existing) = existing::photos(path)? {
        return of_existing(args, path, existing);
    }
    let (bucket, notes) = journal::photos(path)?;
    if let Some(given) = args.bucket.as_ref().filter(|given| journal::place(given) != journal::place(&bucket)) {
        bail!("{}: the journal of uploads to {bucket}, not to {given}", path.display());
    }
    let mut awaited = Awaited::default();
    for note in notes {
        let photo = match note.photo.filter(|photo| photo.exists()) {
            Some(photo) => Photo { name: photo, local: true, key: note.key.into() },
            None => Photo { name: place(&bucket.bucket, &note.key), local: false, key: note.key.into() },
        };
        awaited.add(&args.selection, &bucket, photo, note.etag, since(note.uploaded.map(|ms| ms as f64 / 1e3)));
    }
    awaited.into_expected(&bucket, &args.results, Clock::Journal)
}

/// The photos that a run with --existing has queued, or may have.
fn of_existing(
    args: &CollectArgs,
    path: &Path,
    (places, photos, uncertain): (existing::Places, Vec<crate::bulk::Stored>, usize),
) -> Result<Expected> {
    let invalid = |reason| anyhow::anyhow!("journal {}: {reason}", path.display());
    let bucket: S3Uri = places.existing.parse().map_err(invalid)?;
    if let Some(given) = args.bucket.as_ref().filter(|given| journal::place(given) != journal::place(&bucket)) {
        bail!("{}: the journal of photos in {bucket}, not in {given}", path.display());
    }
    if uncertain > 0 {
        notice!(
            "uploader: {uncertain} photos may not be on the queue, since the answers to their requests were lost; to queue \
             them again, run the same bulk command again"
        );
    }
    let name = |key: &str| PathBuf::from(key.strip_prefix(&bucket.folder()).unwrap_or(key));
    let wanted = photos.into_iter().filter(|photo| is_wanted(&args.selection, &name(&photo.key)));
    let photos: Vec<Photo> = wanted
        .map(|photo| Photo { name: place(&bucket.bucket, &photo.key), local: false, key: photo.key.into() })
        .collect();
    if photos.is_empty() {
        bail!("no photos to wait for in {}; check --journal, --include and --exclude", path.display());
    }
    Ok(Expected {
        tracker: ResultTracker::of_any_content(&bucket.bucket, &photos),
        photos: Arc::new(photos),
        held_since: Vec::new(),
        uploads: None,
        refused: Vec::new(),
        skipped: SkippedFiles::default(),
        places: way(&bucket, &args.results),
        folder: bucket.folder(),
        clock: Clock::Journal,
        before: places.before,
        per_message: Some(10.0),
    })
}

/// Everything that the bucket holds.
async fn of_bucket(args: &CollectArgs, store: &Store, bucket: &S3Uri) -> Result<Expected> {
    let mut objects = Vec::new();
    store
        .list(&bucket.bucket, &bucket.folder(), |object| {
            // What consoles make of a folder is no photo, nor are results.
            if !object.key.ends_with('/') && !args.results.holds(&bucket.bucket, &object.key) {
                objects.push(object);
            }
        })
        .await
        .map_err(S3Error::into_error)?;
    let looked_up = stream::iter(objects).map(|object| async move {
        match &object.etag {
            Some(etag) => Ok((Some(etag.clone()), object)),
            None => Ok((store.head(&bucket.bucket, &object.key).await?.map(|head| head.etag), object)),
        }
    });
    let objects: Vec<_> = looked_up.buffered(AT_ONCE).try_collect().await.map_err(S3Error::into_error)?;
    let mut awaited = Awaited::default();
    for (etag, object) in objects {
        let photo = Photo { name: place(&bucket.bucket, &object.key), local: false, key: object.key.into() };
        // One that is gone by now has nothing to wait for.
        if let Some(etag) = etag {
            awaited.add(&args.selection, bucket, photo, etag, since(object.stored));
        }
    }
    awaited.into_expected(bucket, &args.results, Clock::S3)
}

/// Whatever is there.
fn of_everything(args: &CollectArgs) -> Expected {
    Expected {
        photos: Arc::default(),
        tracker: ResultTracker::of_everything(),
        held_since: Vec::new(),
        uploads: None,
        refused: Vec::new(),
        skipped: SkippedFiles::default(),
        places: args.results.to_string(),
        folder: String::new(),
        clock: Clock::S3,
        before: EarlierResults::default(),
        per_message: None,
    }
}

/// Photos whose entity tags are known already.
#[derive(Default)]
struct Awaited {
    photos: Vec<Photo>,
    known: Vec<(String, Since)>,
}

impl Awaited {
    fn add(&mut self, args: &SelectionArgs, bucket: &S3Uri, photo: Photo, etag: String, since: Since) {
        let name = photo.key.strip_prefix(&bucket.folder()).unwrap_or(&photo.key);
        if is_wanted(args, Path::new(name)) {
            self.photos.push(photo);
            self.known.push((etag, since));
        }
    }

    fn into_expected(self, bucket: &S3Uri, results: &S3Uri, clock: Clock) -> Result<Expected> {
        if self.photos.is_empty() {
            bail!("no photos to wait for in {bucket}; check --bucket, --include and --exclude");
        }
        let mut tracker = ResultTracker::of(&bucket.bucket, &self.photos);
        for (index, (etag, since)) in self.known.iter().enumerate() {
            tracker.is_there(index, etag, *since);
        }
        Ok(Expected {
            photos: Arc::new(self.photos),
            tracker,
            held_since: Vec::new(),
            uploads: None,
            refused: Vec::new(),
            skipped: SkippedFiles::default(),
            places: way(bucket, results),
            folder: bucket.folder(),
            clock,
            before: EarlierResults::default(),
            per_message: None,
        })
    }
}

fn since(stored: Option<f64>) -> Since {
    stored.map_or(Since::Unknown, Since::Stored)
}
