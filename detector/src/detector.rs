//! The detector: a pool of sessions behind one shared handle.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use image::{RgbImage, imageops};

use crate::card::{Card, Resize};
use crate::catalog::{self, ModelFile, Origin};
use crate::graph::Graph;
use crate::head::{self, Head};
use crate::letterbox::Placement;
use crate::opening::{self, Opened};
use crate::plan::{InputPlan, UsualShape};
use crate::prepared::CARD_KEY;
use crate::session::Worker;
use crate::slices::{self, Part, Slicing, TooManySlices, Window};
use crate::{Detection, Findings, Limits, ModelError, Photo, PhotoError, Thresholds, Timings, infer, nms};

/// How a detector runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetectorOptions {
    /// Threads of each session, 1 or more.
    pub threads: usize,
    /// Sessions: how many photos are inferred at once, 1 or more.
    pub sessions: usize,
    /// What a photo may cost.
    pub limits: Limits,
    /// Take what was prepared of the graph, where there is something ([`crate::prepared`]).
    pub prepared: bool,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self { threads: 1, sessions: 1, limits: Limits::default(), prepared: true }
    }
}

impl DetectorOptions {
    /// Threads for a Lambda function of `memory_mb`: one per vCPU it gets, max(1, round(MB / 1769)).
    #[must_use]
    pub fn threads_for_memory(memory_mb: u32) -> usize {
        ((f64::from(memory_mb) / 1769.0).round() as usize).max(1)
    }
}

/// Why a photo has no findings.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The photo's fault.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The photo is too large for the slices asked for.
    #[error(transparent)]
    Slices(#[from] TooManySlices),
    /// The model's fault.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A loaded model. Shared between threads: each call takes a session from the pool, or waits for one.
pub struct Detector {
    card: Card,
    origin: Origin,
    graph: String,
    sha256: String,
    prepared: bool,
    note: Option<String>,
    plan: InputPlan,
    head: Box<dyn Head>,
    limits: Limits,
    idle: Mutex<Vec<Worker>>,
    returned: Condvar,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("model", &self.card.name).field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl Detector {
    /// Loads a model, holds its card against its graph, and warms every session up.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn load(model: ModelFile, options: &DetectorOptions) -> Result<Self, ModelError> {
        let threads = options.threads.max(1);
        let usual = model.card.as_ref().and_then(UsualShape::of);
        let Opened { session: mut first, mut shape, file, sha256, prepared } =
            opening::open(&model.path, threads, options.prepared, usual)?;
        let path = || model.path.display().to_string();
        let graph = Graph::of(&first).map_err(|e| ModelError::Graph { path: path(), reason: e.to_string() })?;
        // What is only called like a known model may be anything: its own digest says more, and what its graph takes and gives.
        let is_its_own = |card: &Card| {
            model.origin != Origin::Known || card.sha256.as_ref() == Some(&sha256) || suits(card, &graph, shape)
        };
        let given = model.card.filter(is_its_own).map(|card| (card, model.origin));
        let known = || catalog::card_of(&sha256).map(|card| (card, Origin::Known));
        let kept = || {
            let card = Card::parse(CARD_KEY, graph.metadata.get(CARD_KEY)?).ok()?;
            Some((card, Origin::Prepared))
        };
        let (card, origin, assumed) = match given.or_else(known).or_else(kept) {
            Some((card, origin)) => (card, origin, None),
            None => {
                let unknown = |infer::Refusal { reason, cards }| ModelError::NoCard { path: path(), reason, cards };
                let mut worker = Worker::new(&file, first, shape);
                let probed = infer::Probed::of(&graph, &mut worker);
                let readings = infer::readings(&model.name, &probed).map_err(|reason| unknown(reason.into()))?;
                let chosen = infer::choose(readings, &graph, &mut worker).map_err(unknown)?;
                first = worker.into_session();
                (chosen.0, Origin::Inferred, chosen.1)
            }
        };
        let misfit = |reason| ModelError::Misfit { card: card.name.clone(), path: path(), reason };
        let mut plan = InputPlan::new(&card, &graph).map_err(misfit)?;
        let head = head::build(&card, &graph, shape.or(plan.fitting.size))
            .map_err(|reason| misfit(format!("head {:?}: {reason}", card.head.kind.to_string())))?;
        plan.fit(&card, &*head);
        // The card alone did not tell what its head makes of the commonest photo.
        if shape.is_some_and(|shape| shape != plan.usual_shape()) {
            (first, shape) = (file.open(None)?, None);
        }
        let mut workers = vec![Worker::new(&file, first, shape)];
        for _ in 1..options.sessions.max(1) {
            workers.push(Worker::new(&file, file.open(shape)?, shape));
        }
        // The first run allocates and, in a bad graph, fails: better now than at the first photo.
        let everything = Thresholds { confidence: f32::NEG_INFINITY, ..Thresholds::default() };
        let grey = Photo::from_image(RgbImage::from_pixel(64, 48, image::Rgb([114; 3])));
        for worker in &mut workers {
            worker.preprocess(&grey, &card, &plan);
            let (candidates, _) = worker.infer(&card, &plan, &*head, &everything)?;
            infer::checked(&candidates).map_err(misfit)?;
        }
        let (idle, returned) = (Mutex::new(workers), Condvar::new());
        let notes = [model.note, assumed, of_other_file(&card, &sha256), repeated(&graph)];
        let note = notes.into_iter().flatten().reduce(|all, note| format!("{all}; {note}"));
        Ok(Self {
            note,
            graph: graph.to_string(),
            card,
            origin,
            sha256,
            prepared,
            plan,
            head,
            limits: options.limits,
            idle,
            returned,
        })
    }

    /// The model's card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Where that card is from.
    #[must_use]
    pub fn card_origin(&self) -> &Origin {
        &self.origin
    }

    /// The inputs and outputs of its graph, in one line.
    #[must_use]
    pub fn graph(&self) -> &str {
        &self.graph
    }

    /// The labels by class id.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.card.labels
    }

    /// Whether what runs was prepared of the graph's file ([`crate::prepared`]), and not the file itself.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        self.prepared
    }

    /// Whether photos are looked at in their own shape, not padded to `input_size`.
    #[must_use]
    pub fn fits_shape(&self) -> bool {
        self.plan.fitting.stride.is_some()
    }

    /// Digest of the graph's file, lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Why this model is used and not the one asked for, or what of it is only assumed.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Width and height of the input in pixels; `None` takes photos as they are.
    #[must_use]
    pub fn input_size(&self) -> Option<(u32, u32)> {
        self.plan.fitting.size
    }

    /// Whether boxes of the same object may overlap before NMS, so that a threshold on IoU means something.
    #[must_use]
    pub fn needs_nms(&self) -> bool {
        self.head.needs_nms()
    }

    /// The limits photos are held against.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Finds objects in a photo's bytes.
    ///
    /// # Errors
    /// [`DetectError::Photo`] for what the sender can change, [`DetectError::Model`] for the rest.
    pub fn detect(&self, bytes: &[u8], thresholds: &Thresholds) -> Result<Findings, DetectError> {
        self.detect_sliced(bytes, thresholds, &Slicing { side: 0, ..Slicing::default() })
    }

    /// Finds objects in a photo's bytes, looking at slices of it, too, where it is larger than one.
    ///
    /// # Errors
    /// As [`Detector::detect`], and [`DetectError::Slices`].
    pub fn detect_sliced(
        &self,
        bytes: &[u8],
        thresholds: &Thresholds,
        slicing: &Slicing,
    ) -> Result<Findings, DetectError> {
        let start = Instant::now();
        let photo = if slicing.side == 0 { self.decode(bytes)? } else { Photo::decode(bytes, &self.limits)? };
        let decode = start.elapsed();
        let windows = slicing.windows((photo.width(), photo.height()))?;
        let mut findings = if windows.is_empty() {
            self.detect_photo(&photo, thresholds)?
        } else {
            self.detect_windows(&photo, &windows, thresholds)?
        };
        findings.timings.decode = decode;
        findings.timings.total = start.elapsed();
        Ok(findings)
    }

    /// Decodes a photo with as many pixels as this model needs, for [`Detector::detect_photo`].
    ///
    /// # Errors
    /// [`PhotoError`].
    pub fn decode(&self, bytes: &[u8]) -> Result<Photo, PhotoError> {
        // A photo that is fed as it is decides the input's size itself: it is decoded in full.
        if self.card.input.resize == Resize::None {
            return Photo::decode(bytes, &self.limits);
        }
        Photo::decode_at_least(bytes, &self.limits, &|w, h| Placement::new((w, h), &self.plan.fitting).content)
    }

    /// Finds objects in a decoded photo. `timings.decode` is 0.
    ///
    /// # Errors
    /// [`ModelError::Run`].
    pub fn detect_photo(&self, photo: &Photo, thresholds: &Thresholds) -> Result<Findings, ModelError> {
        let start = Instant::now();
        let mut timings = Timings::default();
        let detections = self.look(photo, thresholds, &mut timings)?;
        timings.total = start.elapsed();
        Ok(Findings { width: photo.width(), height: photo.height(), detections, timings, slices: 0 })
    }

    /// The whole photo and its slices, one after the other, and what they found as one.
    fn detect_windows(
        &self,
        photo: &Photo,
        windows: &[Window],
        thresholds: &Thresholds,
    ) -> Result<Findings, ModelError> {
        let size = (photo.width(), photo.height());
        let mut timings = Timings::default();
        let whole = |detection: Detection| Part { candidate: detection.into(), cut: false };
        let mut parts: Vec<Part> = self.look(photo, thresholds, &mut timings)?.into_iter().map(whole).collect();
        for window in windows {
            let cutting = Instant::now();
            let Window { x, y, width, height } = *window;
            let slice = Photo::from_image(imageops::crop_imm(photo.pixels(), x, y, width, height).to_image());
            timings.preprocess += cutting.elapsed();
            parts.extend(self.look(&slice, thresholds, &mut timings)?.into_iter().map(|mut detection| {
                detection.bbox = detection.bbox.shifted(x as f32, y as f32);
                Part { candidate: detection.into(), cut: window.cuts(&detection.bbox, size) }
            }));
        }
        let merging = Instant::now();
        let detections = nms::select(slices::merge(parts, thresholds), thresholds, false);
        timings.postprocess += merging.elapsed();
        Ok(Findings { width: size.0, height: size.1, detections, timings, slices: windows.len() })
    }

    /// One run of the graph on all that is given as a photo; its stages are added to `timings`.
    fn look(
        &self,
        photo: &Photo,
        thresholds: &Thresholds,
        timings: &mut Timings,
    ) -> Result<Vec<Detection>, ModelError> {
        let start = Instant::now();
        let (placement, packed, run) = self.with_worker(|worker| {
            let placement = worker.preprocess(photo, &self.card, &self.plan);
            let packed = Instant::now();
            (placement, packed, worker.infer(&self.card, &self.plan, &*self.head, thresholds))
        });
        let (mut candidates, inferred) = run?;
        for candidate in &mut candidates {
            candidate.bbox = placement.to_photo(candidate.bbox);
        }
        let mut detections = nms::select(candidates, thresholds, self.head.needs_nms());
        let (width, height) = (photo.width() as f32, photo.height() as f32);
        for detection in &mut detections {
            detection.bbox = detection.bbox.clamped(width, height);
        }
        detections.retain(|detection| detection.bbox.area() > 0.0);
        timings.preprocess += packed - start;
        timings.inference += inferred - packed;
        timings.postprocess += inferred.elapsed();
        Ok(detections)
    }

    /// Lends a worker from the pool, or waits for one. It returns to the pool whatever happens.
    fn with_worker<R>(&self, work: impl FnOnce(&mut Worker) -> R) -> R {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut worker = loop {
            match idle.pop() {
                Some(worker) => break worker,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(idle);
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut worker)));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        self.returned.notify_one();
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Whether a card fits a graph, as far as both say. `shape`: what we fixed its input to.
fn suits(card: &Card, graph: &Graph, shape: Option<(u32, u32)>) -> bool {
    InputPlan::new(card, graph).is_ok_and(|plan| head::build(card, graph, shape.or(plan.fitting.size)).is_ok())
}

/// What is to be known of a graph that takes several photos at once.
fn repeated(graph: &Graph) -> Option<String> {
    let photos = graph.batch.photos;
    (photos > 1).then(|| {
        format!(
            "the graph has a fixed batch of {photos}, so each photo is computed {photos} times; export it with batch 1"
        )
    })
}

/// What has to be known where the file is not the one that the card names.
fn of_other_file(card: &Card, sha256: &str) -> Option<String> {
    let named = card.sha256.as_deref().filter(|named| *named != sha256)?;
    let short = |digest: &str| digest.chars().take(8).collect::<String>();
    let (name, is, expected) = (&card.name, short(sha256), short(named));
    Some(format!("{name} is not the published file: SHA-256 {is}…, expected {expected}…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detector_is_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Detector>();
    }

    #[test]
    fn threads_follow_memory() {
        let threads = [128, 1769, 2653, 2655, 3008, 10_240].map(DetectorOptions::threads_for_memory);
        assert_eq!(threads, [1, 1, 1, 2, 2, 6]);
    }
}
