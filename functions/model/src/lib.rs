//! Where a function's model comes from: the image, a folder, or an object in S3 ([`Settings::model`]), checked against
//! [`Settings::model_sha256`].

#[cfg(feature = "aws")]
mod cache;
#[cfg(feature = "aws")]
mod download;
mod error;
#[cfg(feature = "aws")]
mod fault;
#[cfg(feature = "aws")]
pub mod s3;

use std::io::Read;
use std::path::Path;

use detector::catalog::{self, ModelFile};
use detector::{Detector, DetectorOptions, ModelError, Thresholds};
use wire::Settings;

use crate::error::mismatch;

#[cfg(feature = "aws")]
pub use download::Bounds;
pub use error::Error;

/// Finds the model, fetches it where it is in S3, checks its digest, and loads it with `sessions` sessions of `threads` threads
/// each. Blocks its thread.
///
/// # Errors
/// [`Error`], also for labels among the settings that the model does not have.
pub fn load(settings: &Settings, sessions: usize, threads: usize) -> Result<Detector, Error> {
    let detector = open(settings, sessions, threads)?;
    let unknown = settings.options.thresholds(&Thresholds::default(), detector.labels()).err();
    unknown.map_or(Ok(detector), |problem| Err(Error::Source(format!("CLASSES: {}", problem.detail))))
}

fn open(settings: &Settings, sessions: usize, threads: usize) -> Result<Detector, Error> {
    let wanted = settings.model_sha256.as_deref();
    let options = DetectorOptions { threads, sessions, limits: settings.limits, ..DetectorOptions::default() };
    if let Some(uri) = settings.model.as_deref().filter(|model| model.trim_start().starts_with("s3://")) {
        return Detector::load(fetched(uri, wanted)?, &options).map_err(|error| {
            let beside = match &error {
                ModelError::NoCard { .. } => {
                    format!(". In S3 the card is {}.toml", uri.trim().trim_end_matches(".onnx"))
                }
                _ => String::new(),
            };
            Error::Source(format!("MODEL={}: {error}{beside}", uri.trim()))
        });
    }
    let model = catalog::find(settings.model.as_deref())?;
    let Some(wanted) = wanted else { return Ok(Detector::load(model, &options)?) };
    let path = model.path.clone();
    let found = catalog::sha256_file(&path).map_err(|error| unreadable(&path, &error))?;
    // What was prepared of the file that is wanted is told by the digest that it keeps, as answers tell it.
    let may_be_prepared = found != wanted && holds(&path, wanted).map_err(|error| unreadable(&path, &error))?;
    if found != wanted && !may_be_prepared {
        return Err(Error::Source(mismatch(&path.display().to_string(), &found, wanted)));
    }
    let detector = Detector::load(model, &options)?;
    if may_be_prepared && !(detector.is_prepared() && detector.sha256() == wanted) {
        return Err(Error::Source(mismatch(&path.display().to_string(), &found, wanted)));
    }
    Ok(detector)
}

#[cfg(feature = "aws")]
fn fetched(uri: &str, wanted: Option<&str>) -> Result<ModelFile, Error> {
    download::fetch(uri, wanted, Bounds::default())
}

#[cfg(not(feature = "aws"))]
fn fetched(uri: &str, _: Option<&str>) -> Result<ModelFile, Error> {
    Err(Error::Source(format!(
        "MODEL={uri}: this program was built without S3. Build it with its default features (make build), or name a local file."
    )))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Source(format!("cannot read {}: {error}", path.display()))
}

/// Whether a file holds that text.
fn holds(path: &Path, text: &str) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let (mut window, kept) = (Vec::new(), text.len().saturating_sub(1));
    let mut block = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok(false);
        }
        window.extend_from_slice(&block[..count]);
        if window.windows(text.len()).any(|part| part == text.as_bytes()) {
            return Ok(true);
        }
        window.drain(..window.len().saturating_sub(kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(model: &Path, sha256: &str) -> Settings {
        Settings {
            model: Some(model.display().to_string()),
            model_sha256: Some(sha256.to_owned()),
            ..Settings::from_env().unwrap()
        }
    }

    #[test]
    fn a_local_file_is_what_was_asked_for() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox/model.onnx");
        let sha256 = catalog::sha256_file(&model).unwrap();
        assert_eq!(load(&settings(&model, &sha256), 1, 1).unwrap().sha256(), sha256);
        let error = load(&settings(&model, &"0".repeat(64)), 1, 1).unwrap_err().to_string();
        assert!([&sha256, &"0".repeat(64), "model.onnx"].iter().all(|part| error.contains(*part)), "{error}");
    }

    #[test]
    fn labels_that_the_model_does_not_have_are_told_at_the_start() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/fixtures/yolox/model.onnx");
        let with = |classes: &str| {
            let options = wire::Options { classes: Some(vec![classes.to_owned()]), ..wire::Options::default() };
            let model = Some(model.display().to_string());
            load(&Settings { model, options, ..Settings::from_env().unwrap() }, 1, 1)
        };
        assert!(with("Red").is_ok());
        let error = with("redd").unwrap_err().to_string();
        assert!(error.contains("CLASSES") && error.contains("did you mean"), "{error}");
    }

    #[test]
    #[cfg(not(feature = "aws"))]
    fn without_s3_it_says_so() {
        let error = load(&settings(Path::new("s3://models/best.onnx"), &"0".repeat(64)), 1, 1).unwrap_err().to_string();
        assert!(error.contains("s3://models/best.onnx") && error.contains("default features"), "{error}");
    }

    #[test]
    fn a_digest_that_a_file_merely_mentions_is_not_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (model, sha256) = (folder.path().join("best.onnx"), "5".repeat(64));
        std::fs::write(&model, format!("{}{sha256}", "x".repeat((1 << 16) - 30))).unwrap();
        assert!(holds(&model, &sha256).unwrap() && !holds(&model, &"4".repeat(64)).unwrap());
        assert!(load(&settings(&model, &sha256), 1, 1).is_err());
    }
}
