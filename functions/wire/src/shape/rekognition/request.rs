//! `DetectLabels` as AWS's SDKs send it (JSON 1.1, `X-Amz-Target: RekognitionService.DetectLabels`).

use std::borrow::Cow;

use serde::Deserialize;

use super::DetectLabels;
use crate::{Code, Options, Problem, check_values};

/// Least confidence, in percent, where a request says none: Rekognition's.
const MIN_CONFIDENCE: f64 = 55.0;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request<'a> {
    /// The photo.
    #[serde(borrow)]
    pub image: Image<'a>,
    /// At most this many labels.
    max_labels: Option<f64>,
    /// Percent.
    min_confidence: Option<f64>,
    settings: Option<Settings>,
}

/// The photo: one of the two.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image<'a> {
    /// Base64.
    #[serde(borrow)]
    pub bytes: Option<Cow<'a, str>>,
    /// In S3.
    pub s3_object: Option<S3Object>,
}

/// An object in S3.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct S3Object {
    /// Its bucket.
    pub bucket: Option<String>,
    /// Its key.
    pub name: Option<String>,
    /// Its version, in a versioned bucket.
    pub version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    general_labels: Option<LabelFilters>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LabelFilters {
    label_inclusion_filters: Vec<String>,
    label_exclusion_filters: Vec<String>,
    label_category_inclusion_filters: Vec<String>,
    label_category_exclusion_filters: Vec<String>,
}

/// Which labels of an answer are wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    most: Option<usize>,
    filters: LabelFilters,
}

impl<'a> Request<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// `invalid_json`, or `invalid_parameter` naming the member.
    pub fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        check_values(body)?;
        serde_json::from_slice(body).map_err(|error| {
            let code = if error.is_data() { Code::InvalidParameter } else { Code::InvalidJson };
            // serde's own words may quote the body.
            let detail =
                format!("The body is no DetectLabels request (line {}, column {}).", error.line(), error.column());
            Problem::new(code, detail)
        })
    }

    /// The options that the request means, and which labels it wants.
    ///
    /// # Errors
    /// `invalid_parameter` for values out of range.
    pub fn options(&mut self) -> Result<(Options, Wanted), Problem> {
        let percent = self.min_confidence.unwrap_or(MIN_CONFIDENCE);
        if !(0.0..=100.0).contains(&percent) {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("MinConfidence must be from 0 to 100, not {percent}."),
            ));
        }
        let most = match self.max_labels {
            None => None,
            Some(most) if most >= 0.0 && most.fract() == 0.0 => Some(most as usize),
            Some(most) => {
                return Err(Problem::new(Code::InvalidParameter, format!("MaxLabels must be 0 or more, not {most}.")));
            }
        };
        let options = Options { confidence: Some((percent / 100.0) as f32), ..Options::default() };
        let filters = self.settings.take().and_then(|settings| settings.general_labels).unwrap_or_default();
        Ok((options, Wanted { most, filters }))
    }
}

impl Wanted {
    /// An answer with the labels that are wanted.
    #[must_use]
    pub fn of(&self, mut answer: DetectLabels) -> DetectLabels {
        let LabelFilters {
            label_inclusion_filters: names,
            label_exclusion_filters: not_names,
            label_category_inclusion_filters: categories,
            label_category_exclusion_filters: not_categories,
        } = &self.filters;
        let holds = |list: &[String], name: &str| list.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        answer.labels.retain(|label| {
            let within = |list: &[String]| label.categories.iter().any(|category| holds(list, category.name));
            let included =
                (names.is_empty() && categories.is_empty()) || holds(names, &label.name) || within(categories);
            included && !holds(not_names, &label.name) && !within(not_categories)
        });
        answer.labels.truncate(self.most.unwrap_or(usize::MAX));
        answer
    }
}
