//! How the functions are configured: the environment, read once.

use std::str::FromStr;

use detector::{DetectorOptions, Limits, ModelError, Thresholds, catalog};

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
    /// `MODEL`: a name or path; the default model where unset.
    pub model: Option<String>,
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
            options: VARIABLES.iter().try_fold(Options::default(), |all, name| Ok(all.or(option(name)?)))?,
            limits: Limits {
                max_bytes: number("MAX_IMAGE_BYTES", &given)?.unwrap_or(defaults.max_bytes),
                max_pixels: number("MAX_PIXELS", &given)?.unwrap_or(defaults.max_pixels),
                ..defaults
            },
            threads: DetectorOptions::threads_for_memory(memory),
        })
    }

    /// Loads the model with `sessions` sessions of `threads` threads each.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn load(&self, sessions: usize, threads: usize) -> Result<detector::Detector, ModelError> {
        let model = catalog::find(self.model.as_deref())?;
        let options = DetectorOptions { threads, sessions, limits: self.limits, ..DetectorOptions::default() };
        let detector = detector::Detector::load(model, &options)?;
        self.options
            .thresholds(&Thresholds::default(), detector.labels())
            .map_err(|problem| ModelError::UnknownLabel(format!("CLASSES: {}", problem.detail)))?;
        Ok(detector)
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
        let found = settings(&[("MODEL", ""), ("CONFIDENCE", " ")]).unwrap();
        assert_eq!((found.model, found.options, found.threads), (None, Options::default(), 1));
        assert_eq!(found.limits, Limits::default());
    }

    #[test]
    fn zero_is_a_value_and_memory_buys_threads() {
        let found =
            settings(&[("CONFIDENCE", "0"), ("IOU", "0.6"), ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")]).unwrap();
        assert_eq!((found.options.confidence, found.options.iou, found.threads), (Some(0.0), Some(0.6), 2));
    }

    #[test]
    fn every_option_that_has_a_variable_is_read() {
        let found = settings(&[("MULTI_LABEL", "yes"), ("CLASS_AGNOSTIC", "0"), ("SLICE", "640")]).unwrap().options;
        assert_eq!((found.multi_label, found.class_agnostic, found.slice), (Some(true), Some(false), Some(640)));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (name, value) in [("CONFIDENCE", "high"), ("MAX_PIXELS", "-1"), ("MAX_DETECTIONS", "1.5")] {
            let error = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
