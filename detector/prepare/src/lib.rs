//! Prepares a model once, so that every start and every photo is faster: frees its sizes, folds patterns that ONNX Runtime
//! does not fold itself, and saves what comes out after the optimisations that no processor is bound to.
//!
//! Each step is exact in real numbers, looks for its pattern by structure, and leaves alone what does not fit. After each
//! one the graph is run beside its source on the same tensors; a step after which they differ is taken back.

mod agreement;
mod concat;
mod edit;
mod error;
mod extent;
mod focus;
#[doc(hidden)]
pub mod fuzzing;
mod onnx;
mod outcome;
mod pools;
mod shuffle;
mod sizes;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
mod trial;

use std::io::Write;
use std::path::{Path, PathBuf};

use detector::catalog::ModelFile;
use detector::{Detector, DetectorOptions, ModelError, prepared};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use crate::edit::Graph;
use crate::error::file;
use crate::trial::Trial;

pub use agreement::Agreement;
pub use error::PrepareError;
pub use outcome::Outcome;
pub use trial::Measured;

/// Largest graph that is prepared, in bytes: protobuf allows 2 GiB, and a graph is held a few times.
const MAX_BYTES: u64 = 1 << 30;

/// One step of the preparation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does, in a few words.
    pub name: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// What was prepared.
#[derive(Debug, Clone)]
pub struct Report {
    /// The source.
    pub source: PathBuf,
    /// The prepared graph.
    pub path: PathBuf,
    /// All steps, in order.
    pub steps: Vec<Step>,
    /// What came out, beside its source.
    pub trial: Measured,
    /// Their boxes, on the photos given.
    pub boxes: Option<Agreement>,
}

/// What has to be shown before a step is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// The same outputs as the source's.
    Same,
    /// That, and outputs that follow the input's size.
    OtherSizes,
}

/// Changes a graph wherever its pattern occurs.
type Rewrite = fn(&mut Graph) -> Outcome;

/// The rewrites, in the order in which they are tried.
const REWRITES: [(&str, Rewrite, Proof); 5] = [
    ("Focus folded into its convolution", focus::fold, Proof::Same),
    ("max pools of one tensor chained", pools::chain, Proof::Same),
    ("channel shuffles as a Gather", shuffle::gather, Proof::Same),
    ("sizes freed", sizes::free, Proof::OtherSizes),
    ("1x1 convolutions of a Concat split", concat::split, Proof::Same),
];

/// Prepares a model and writes the graph to `target` (by default beside its source, else into the user's cache). On each of
/// `photos` the source and what comes out must find the same boxes.
///
/// # Errors
/// [`PrepareError`]; nothing is left behind then.
pub fn prepare(model: &ModelFile, target: Option<&Path>, photos: &[PathBuf]) -> Result<Report, PrepareError> {
    let source = model.path.as_path();
    let refused = |reason: String| PrepareError::Graph { path: source.to_owned(), reason };
    let bytes = std::fs::metadata(source).map_err(file(source))?.len();
    if bytes > MAX_BYTES {
        return Err(refused(format!("it has {bytes} bytes, more than {MAX_BYTES}")));
    }
    let published = std::fs::read(source).map_err(file(source))?;
    let plain = Detector::load(model.clone(), &DetectorOptions { prepared: false, ..DetectorOptions::default() })?;
    if plain.is_prepared() {
        return Err(refused("it is a prepared graph already".to_owned()));
    }

    let graph = Graph::parse(&published).map_err(&refused)?;
    let trial = Trial::new(&published, &graph, plain.input_size()).map_err(&refused)?;
    let (graph, steps) = rewrite(graph, &trial);
    let folder = tempfile::tempdir().map_err(file(Path::new("a temporary folder")))?;
    let optimised = folder.path().join("optimised.onnx");
    save_optimised(&graph.bytes(), &optimised).map_err(|e| refused(e.to_string()))?;
    let mut graph = Graph::parse(&std::fs::read(&optimised).map_err(file(&optimised))?).map_err(&refused)?;
    graph.set_metadata(prepared::VERSION_KEY, prepared::VERSION);
    graph.set_metadata(prepared::SOURCE_KEY, plain.sha256());
    graph.set_metadata(prepared::CARD_KEY, &plain.card().to_toml().map_err(ModelError::from)?);
    if let Some((width, height)) = trial.fixed_size() {
        graph.set_metadata(prepared::SIZE_KEY, &format!("{width}x{height}"));
    }
    if trial.fixed_size().is_some() && sizes::are_free(graph.proto()) {
        // Optimised graphs do not always say what their outputs are.
        let shapes = trial.other_sizes(&graph.bytes()).map_err(&refused)?;
        sizes::declare(graph.proto_mut(), &shapes);
    }
    if sizes::name_open(graph.proto_mut()) {
        graph.set_metadata(prepared::OPEN_KEY, "yes");
    }
    let graph = graph.bytes();
    let measured =
        trial.measure(&published, &graph).map_err(|why| refused(format!("optimised, it is not the same: {why}")))?;
    std::fs::write(&optimised, &graph).map_err(file(&optimised))?;
    let boxes = if photos.is_empty() { None } else { Some(agreement::on(model, &plain, &optimised, photos)?) };
    if let Some(boxes) = boxes.as_ref().filter(|boxes| !boxes.is_same()) {
        return Err(refused(format!("it would not find the same boxes: {boxes}")));
    }
    let path = write(&graph, source, plain.sha256(), target)?;
    Ok(Report { source: source.to_owned(), path, steps, trial: measured, boxes })
}

/// Tries one step after the other, and keeps those after which the graph is still the same.
fn rewrite(mut graph: Graph, trial: &Trial) -> (Graph, Vec<Step>) {
    let mut steps = Vec::new();
    for (name, rewrite, wanted) in REWRITES {
        let mut changed = graph.clone();
        let mut outcome = rewrite(&mut changed);
        if let Outcome::Done(_) = outcome {
            let bytes = changed.bytes();
            let other_sizes = || if wanted == Proof::OtherSizes { trial.other_sizes(&bytes).map(drop) } else { Ok(()) };
            match trial.same(&bytes).and_then(|_| other_sizes()) {
                Ok(()) => graph = changed,
                Err(why) => outcome = Outcome::LeftAlone(why),
            }
        }
        steps.push(Step { name, outcome });
    }
    (graph, steps)
}

/// Lets ONNX Runtime do what holds for every processor: the extended level, not the layouts of this one.
fn save_optimised(model: &[u8], to: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let environment = detector::runtime::environment()?;
    Session::builder(&environment)?
        .with_optimization_level(GraphOptimizationLevel::Level2)?
        .with_optimized_model_path(to)?
        .with_intra_threads(1)?
        .commit_from_memory(model)?;
    Ok(())
}

/// Puts the graph where it is looked for: readers see the old one or the new one, never half of it.
fn write(graph: &[u8], source: &Path, sha256: &str, target: Option<&Path>) -> Result<PathBuf, PrepareError> {
    let put = |path: &Path| -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(graph)?;
        readable_for_all(file.as_file())?;
        file.persist(path)?;
        Ok(())
    };
    let beside = prepared::beside(source);
    let first = target.unwrap_or(&beside);
    match (put(first), target, prepared::in_cache(sha256)) {
        (Ok(()), ..) => Ok(first.to_owned()),
        // The source's folder may be somebody else's.
        (Err(_), None, Some(cache)) => match put(&cache) {
            Ok(()) => Ok(cache),
            Err(source) => Err(PrepareError::File { path: cache, source }),
        },
        (Err(source), ..) => Err(PrepareError::File { path: first.to_owned(), source }),
    }
}

/// Temporary files are their owner's alone; a model in an image is read by another user.
fn readable_for_all(file: &std::fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}
