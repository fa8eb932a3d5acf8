//! The environment of `detect-bulk`: what both functions read, and what is only its own.
//!
//! | variable | |
//! |---|---|
//! | `RESULTS_URI` | `s3://bucket/prefix`: where results are stored. Needed |
//! | `RESULT_LAYOUT` | `part` (the default): a JSON-lines part per invocation, `<prefix>/date=YYYY-MM-DD/part-<request>.jsonl`. `object`: `<prefix>/date=YYYY-MM-DD/<key>.json` per photo |
//! | `ANNOTATE` | `true`: also the photo with its boxes, `<prefix>/<key>.annotated.jpg` |
//! | `INPUT_URI` | `s3://bucket/prefix` whose notification invokes the function. Where it is given, results that would invoke the function again are refused at start; photos among the results are skipped in any case |
//! | `AWS_ENDPOINT_URL_S3` | another S3 than AWS's, addressed path-style |

use std::str::FromStr;

use wire::S3Uri;

/// How results are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One JSON-lines part per invocation.
    #[default]
    Part,
    /// One JSON object per photo.
    Object,
}

impl FromStr for Layout {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "part" => Ok(Self::Part),
            "object" => Ok(Self::Object),
            _ => Err("must be part or object"),
        }
    }
}

/// The environment, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Model, thresholds, limits, threads: as for the Function URL.
    pub function: wire::Settings,
    /// `RESULTS_URI`.
    pub results: S3Uri,
    /// `INPUT_URI`.
    pub input: Option<S3Uri>,
    /// `RESULT_LAYOUT`.
    pub layout: Layout,
    /// `ANNOTATE`.
    pub annotate: bool,
}

/// Why the function refuses to start.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable of both functions cannot be used.
    #[error(transparent)]
    Function(#[from] wire::SettingsError),
    /// A variable of this one cannot be used.
    #[error("{name}={value:?}: {reason}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is nowhere to store results.
    #[error("RESULTS_URI is not set: it must be s3://bucket/prefix, where results are stored")]
    NoResults,
    /// Every result would be an event of its own.
    #[error(
        "RESULTS_URI={results} is inside INPUT_URI={input}, so that results would invoke the function; use another \
         bucket or prefix"
    )]
    Loop {
        /// Where results go.
        results: S3Uri,
        /// Where photos come from.
        input: S3Uri,
    },
}

impl Settings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(wire::Settings::from_env()?, &|name| std::env::var(name).ok())
    }

    /// Reads this function's own variables.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable.
    pub fn read(function: wire::Settings, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let results: S3Uri = given("RESULTS_URI", variable)?.ok_or(SettingsError::NoResults)?;
        let input: Option<S3Uri> = given("INPUT_URI", variable)?;
        if let Some(input) = input.clone().filter(|input| results.meets(input)) {
            return Err(SettingsError::Loop { results, input });
        }
        Ok(Self {
            function,
            results,
            input,
            layout: given("RESULT_LAYOUT", variable)?.unwrap_or_default(),
            annotate: given::<Switch>("ANNOTATE", variable)?.is_some_and(|Switch(on)| on),
        })
    }
}

/// A variable's value; empty counts as unset.
fn given<T: FromStr<Err = &'static str>>(
    name: &'static str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<T>, SettingsError> {
    let Some(value) = variable(name).filter(|value| !value.trim().is_empty()) else { return Ok(None) };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(reason) => Err(SettingsError::Variable { name, value, reason }),
    }
}

struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Self(true)),
            "false" | "0" | "no" | "off" => Ok(Self(false)),
            _ => Err("must be true or false"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variable = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Settings::read(wire::Settings::from_env().unwrap(), &variable)
    }

    #[test]
    fn only_the_results_are_needed() {
        let found = settings(&[("RESULTS_URI", "s3://out/run-1"), ("RESULT_LAYOUT", ""), ("ANNOTATE", "")]).unwrap();
        assert_eq!((found.layout, found.annotate), (Layout::Part, false));
        assert_eq!(found.results, S3Uri { bucket: "out".to_owned(), prefix: "run-1".to_owned() });
        let found =
            settings(&[("RESULTS_URI", "s3://out"), ("RESULT_LAYOUT", "object"), ("ANNOTATE", "TRUE")]).unwrap();
        assert_eq!((found.layout, found.annotate), (Layout::Object, true));
        assert!(matches!(settings(&[]), Err(SettingsError::NoResults)));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (name, value) in
            [("RESULTS_URI", "out"), ("RESULT_LAYOUT", "csv"), ("ANNOTATE", "perhaps"), ("INPUT_URI", "in")]
        {
            let pairs = [(name, value), ("RESULTS_URI", "s3://out")];
            let error = settings(&pairs).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn results_that_would_invoke_the_function_are_refused() {
        let error = settings(&[("RESULTS_URI", "s3://b/photos/out"), ("INPUT_URI", "s3://b/photos/")]).unwrap_err();
        assert!(matches!(error, SettingsError::Loop { .. }), "{error}");
        assert!(settings(&[("RESULTS_URI", "s3://b/out"), ("INPUT_URI", "s3://b/photos/")]).is_ok());
    }
}
