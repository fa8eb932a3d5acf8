//! Prepares a model once, so that every start and every photo is faster: frees its sizes, folds patterns that ONNX Runtime
//! does not fold itself, and saves what comes out after the optimisations that no processor is bound to.
//!
//! Each step is exact in real numbers, looks for its pattern by structure, and leaves alone what does not fit. After each
//! one the graph is run beside its source on the same tensors; a step after which they differ is taken back.

mod concat;
mod edit;
mod focus;
mod onnx;
mod pools;
mod sizes;
mod trial;

use std::io::Write;
use std::path::{Path, PathBuf};

use detector::{ModelError, catalog, prepared};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;

use crate::edit::Graph;
use crate::trial::Trial;

/// Largest graph that is prepared, in bytes: protobuf allows 2 GiB, and a graph is held a few times.
const MAX_BYTES: u64 = 1 << 30;

/// Why a graph cannot be prepared. It runs as it is.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a graph that can be taken apart.
    #[error("{path} cannot be prepared: {reason}")]
    Graph {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// ONNX Runtime is missing.
    #[error(transparent)]
    Runtime(#[from] ModelError),
}

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// So many places were changed.
    Done(usize),
    /// Nothing to do, or not possible, and why.
    LeftAlone(String),
}

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
    /// The prepared graph.
    pub path: PathBuf,
    /// Digest of its source, lower-case hex.
    pub sha256: String,
    /// All steps, in order.
    pub steps: Vec<Step>,
    /// The largest difference of an output between source and prepared graph, relative to 1 or to the value itself where
    /// that is larger.
    pub difference: f32,
    /// Median run of the source and of the prepared graph on the source's size, one thread, in milliseconds.
    pub run_ms: (f64, f64),
    /// The same for the time from the file to a session.
    pub load_ms: (f64, f64),
    /// Median run at three quarters of the height, where the sizes are free.
    pub shape_ms: Option<f64>,
}

type Rewrite = fn(&mut Graph) -> Outcome;

/// The rewrites, in the order in which they are tried.
const REWRITES: [(&str, Rewrite); 3] = [
    ("Focus folded into its convolution", focus::fold),
    ("max pools of one tensor chained", pools::chain),
    ("1x1 convolutions of a Concat split", concat::split),
];

/// Prepares the graph at `source` and writes it to `target` (by default beside it, else into the user's cache).
/// `size` is the width and height of its input where the graph leaves them open.
///
/// # Errors
/// [`PrepareError`]; nothing is left behind then.
pub fn prepare(source: &Path, target: Option<&Path>, size: Option<(u32, u32)>) -> Result<Report, PrepareError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| PrepareError::File { path, source }
    };
    let refused = |reason: String| PrepareError::Graph { path: source.to_owned(), reason };
    let bytes = std::fs::metadata(source).map_err(file(source))?.len();
    if bytes > MAX_BYTES {
        return Err(refused(format!("it has {bytes} bytes, more than {MAX_BYTES}")));
    }
    let published = std::fs::read(source).map_err(file(source))?;
    let sha256 = catalog::sha256_file(source).map_err(file(source))?;
    let model = Graph::parse(&published).map_err(&refused)?;
    if model.metadata(prepared::SOURCE_KEY).is_some() {
        return Err(refused("it is a prepared graph already".to_owned()));
    }

    let trial = Trial::new(&published, &model, size).map_err(&refused)?;
    let mut steps = Vec::new();
    let mut current = model;
    let mut attempt = |name, rewrite: &dyn Fn(&mut Graph) -> Outcome, check: &dyn Fn(&[u8]) -> Result<f32, String>| {
        let mut changed = current.clone();
        let mut outcome = rewrite(&mut changed);
        if let Outcome::Done(_) = outcome {
            match check(&changed.bytes()) {
                Ok(_) => current = changed,
                Err(why) => outcome = Outcome::LeftAlone(format!("the graph would not be the same: {why}")),
            }
        }
        steps.push(Step { name, outcome });
    };
    for (name, rewrite) in REWRITES {
        attempt(name, &rewrite, &|bytes| trial.same(bytes));
    }
    attempt("sizes freed", &sizes::free, &|bytes| trial.same(bytes).and_then(|_| trial.other_size(bytes)));

    let folder = tempfile::tempdir().map_err(file(Path::new("a temporary folder")))?;
    let optimised = folder.path().join("optimised.onnx");
    save_optimised(&current.bytes(), &optimised).map_err(|e| refused(e.to_string()))?;
    let saved = std::fs::read(&optimised).map_err(file(&optimised))?;
    let mut saved = Graph::parse(&saved).map_err(&refused)?;
    saved.set_metadata(prepared::VERSION_KEY, prepared::VERSION);
    saved.set_metadata(prepared::SOURCE_KEY, &sha256);
    if let Some((width, height)) = trial.fixed_size() {
        saved.set_metadata(prepared::SIZE_KEY, &format!("{width}x{height}"));
    }
    let saved = saved.bytes();
    let difference = trial.same(&saved).map_err(|why| refused(format!("optimised, it is not the same: {why}")))?;
    let measured = trial.measure(&published, &saved).map_err(&refused)?;
    let path = write(&saved, source, &sha256, target)?;
    let (load_ms, run_ms, shape_ms) = measured;
    Ok(Report { path, sha256, steps, difference, run_ms, load_ms, shape_ms })
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
