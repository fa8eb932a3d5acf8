//! How the functions are configured: the environment, read once.

use std::str::FromStr;

use detector::{DetectorOptions, Limits, Thresholds};

use crate::{Options, Problem};

/// The variables that are called like the option for which they are the default.
pub(crate) const VARIABLES: [&str; 11] = [
    "CONFIDENCE",
    "IOU",
    "MAX_DETECTIONS",
    "CLASSES",
    "CLASS_AGNOSTIC",
    "MULTI_LABEL",
    "SLICE",
    "SLICE_OVERLAP",
    "MAX_SLICES",
    "REDACT",
    "REDACT_MARGIN",
];

/// The environment of a function, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `MODEL`: a name, a path or `s3://bucket/key.onnx`; the default model where unset.
    pub model: Option<String>,
    /// `MODEL_SHA256`: the digest that the model's file must have, lower-case hex.
    pub model_sha256: Option<String>,
    /// What a request that says nothing gets: each of [`VARIABLES`].
    pub options: Options,
    /// `MAX_IMAGE_BYTES`, `MAX_PIXELS`.
    pub limits: Limits,
    /// One per vCPU that `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` buys.
    pub threads: usize,
}

/// A variable whose value cannot be used. The function refuses to start.
#[derive(Debug, thiserror::Error)]
#[error("{name}={value:?}: {reason}")]
pub struct SettingsError {
    name: &'static str,
    value: String,
    reason: String,
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(&|name| std::env::var(name).ok())
    }

    fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let option = |name: &'static str| {
            let Some(value) = given(name) else { return Ok(Options::default()) };
            let member = (name.to_ascii_lowercase(), serde_json::Value::String(value.clone()));
            Options::from_json(&[member].into_iter().collect()).map_err(|Problem { detail, .. }| SettingsError {
                name,
                value,
                reason: detail,
            })
        };
        let defaults = Limits::default();
        let memory: u32 = number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &given)?.unwrap_or(1769);
        Ok(Self {
            model: given("MODEL"),
            model_sha256: given("MODEL_SHA256").map(digest).transpose()?,
            options: VARIABLES.iter().try_fold(Options::default(), |all, name| Ok(all.or(option(name)?)))?,
            limits: Limits {
                max_bytes: number("MAX_IMAGE_BYTES", &given)?.unwrap_or(defaults.max_bytes),
                max_pixels: number("MAX_PIXELS", &given)?.unwrap_or(defaults.max_pixels),
                ..defaults
            },
            threads: DetectorOptions::threads_for_memory(memory),
        })
    }

    /// The thresholds of a request that says nothing: the environment's, else the card's own, else the general ones.
    #[must_use]
    pub fn thresholds(&self, detector: &detector::Detector) -> Thresholds {
        let general = Thresholds::default();
        let card = detector.card().defaults;
        let defaults = Thresholds {
            confidence: card.confidence.unwrap_or(general.confidence),
            iou: card.iou.unwrap_or(general.iou),
            ..general
        };
        // Labels were looked up when the model was loaded.
        self.options.thresholds(&defaults, detector.labels()).unwrap_or(defaults)
    }
}

fn digest(value: String) -> Result<String, SettingsError> {
    let digest = value.trim().to_ascii_lowercase();
    if digest.len() == 64 && digest.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(digest);
    }
    let reason = "must be 64 hexadecimal digits, as sha256sum prints them".to_owned();
    Err(SettingsError { name: "MODEL_SHA256", value, reason })
}

fn number<T: FromStr>(name: &'static str, given: &dyn Fn(&str) -> Option<String>) -> Result<Option<T>, SettingsError> {
    let Some(value) = given(name) else { return Ok(None) };
    match value.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(SettingsError { name, value, reason: "must be a whole number".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(&|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn unset_and_empty_mean_the_defaults() {
        let found = settings(&[("MODEL", ""), ("CONFIDENCE", " "), ("MODEL_SHA256", "")]).unwrap();
        assert_eq!(
            (found.model, found.model_sha256, found.options, found.threads),
            (None, None, Options::default(), 1)
        );
        assert_eq!(found.limits, Limits::default());
    }

    #[test]
    fn zero_is_a_value_and_memory_buys_threads() {
        let found =
            settings(&[("CONFIDENCE", "0"), ("IOU", "0.6"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")]).unwrap();
        assert_eq!((found.options.confidence, found.options.iou, found.threads), (Some(0.0), Some(0.6), 2));
    }

    #[test]
    fn a_digest_has_no_case() {
        let found = settings(&[("MODEL_SHA256", &format!(" {}\n", "AB".repeat(32)))]).unwrap();
        assert_eq!(found.model_sha256, Some("ab".repeat(32)));
    }

    #[test]
    fn every_option_that_has_a_variable_is_read() {
        let found = settings(&[("MULTI_LABEL", "yes"), ("CLASS_AGNOSTIC", "0"), ("SLICE", "640")]).unwrap().options;
        assert_eq!((found.multi_label, found.class_agnostic, found.slice), (Some(true), Some(false), Some(640)));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (name, value) in
            [("CONFIDENCE", "high"), ("MAX_PIXELS", "-1"), ("MAX_DETECTIONS", "1.5"), ("MODEL_SHA256", "c789")]
        {
            let error = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
