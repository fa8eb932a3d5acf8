//! The options of a request: the same names in JSON, in the query, on the command line and in the environment.

mod value;

use std::collections::BTreeSet;

use detector::redact::{self, Style};
use detector::{Slicing, Thresholds, slices};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::value::{
    Accepted, DETECTIONS, SIDES, SLICES, as_bool, as_format, as_fraction, as_labels, as_redact, invalid,
};
use crate::names::{self, Unknown};
use crate::{Format, Problem};

/// The largest `max_detections` a request may ask for.
pub const MAX_DETECTIONS_LIMIT: usize = 10_000;

/// What a caller may ask for. `None` means "as the function is configured"; 0 is a value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Least score of a detection, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Overlap above which the weaker of two boxes is dropped, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iou: Option<f32>,
    /// At most this many detections per photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_detections: Option<usize>,
    /// Only these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Suppress overlaps across classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_agnostic: Option<bool>,
    /// Give a box once for every label that reaches `confidence`, not only for its best one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<bool>,
    /// Shape of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Draw the boxes and answer with the photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotate: Option<bool>,
    /// Side in pixels of the slices in which large photos are also looked at, 32..=32768; 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<u32>,
    /// Share of a slice's side that lies in its neighbour, 0..=0.9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice_overlap: Option<f32>,
    /// At most this many slices per photo, 1..=1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_slices: Option<usize>,
    /// Answer with the photo, its objects made unrecognisable and its metadata left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact: Option<Redact>,
    /// By how much of its width and height a box is enlarged on every side before it is redacted, 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact_margin: Option<f32>,
}

/// How objects are made unrecognisable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redact {
    /// Not at all, where the function is configured to.
    None,
    /// Smoothly.
    Blur,
    /// As large squares.
    Pixelate,
    /// As black rectangles.
    Fill,
}

impl Redact {
    /// The names, as they are written in options.
    pub const NAMES: [&str; 4] = ["blur", "pixelate", "fill", "none"];

    /// What is done to the pixels, if anything.
    #[must_use]
    pub fn style(self) -> Option<Style> {
        match self {
            Self::None => None,
            Self::Blur => Some(Style::Blur),
            Self::Pixelate => Some(Style::Pixelate),
            Self::Fill => Some(Style::Fill),
        }
    }
}

impl std::str::FromStr for Redact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "blur" => Ok(Self::Blur),
            "pixelate" => Ok(Self::Pixelate),
            "fill" => Ok(Self::Fill),
            other => Err(format!("must be one of {}, not {other:?}", Self::NAMES.join(", "))),
        }
    }
}

impl Options {
    /// What holds where neither a request nor the environment says anything, thresholds and labels apart: these are the
    /// model's.
    #[must_use]
    pub fn general() -> Self {
        let Slicing { side, overlap, max_slices } = Slicing::default();
        Self {
            class_agnostic: Some(false),
            multi_label: Some(false),
            format: Some(Format::default()),
            annotate: Some(false),
            slice: Some(side),
            slice_overlap: Some(overlap),
            max_slices: Some(max_slices),
            redact: Some(Redact::None),
            redact_margin: Some(redact::MARGIN),
            ..Self::default()
        }
    }

    /// Options from a query string (`confidence=0.5&classes=cat,dog`).
    ///
    /// # Errors
    /// `invalid_parameter`, naming the option, its value and what would be accepted.
    pub fn from_query(query: &str, unknown: Unknown) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(query).map_err(|e| invalid(format!("Invalid query string: {e}.")))?;
        pairs.iter().try_for_each(|(name, _)| names::check(name, unknown))?;
        Self::from_pairs(pairs)
    }

    /// Options from decoded pairs. A name given more than once is a list: `classes=cat&classes=dog`. A value left empty,
    /// as forms send it, is as if it were not there.
    ///
    /// # Errors
    /// `invalid_parameter`, naming the option, its value and what would be accepted.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Problem> {
        let mut members = Map::new();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.trim().is_empty()) {
            match members.get_mut(&name) {
                Some(Value::String(values)) => {
                    values.push(',');
                    values.push_str(&value);
                }
                _ => drop(members.insert(name, Value::String(value))),
            }
        }
        Self::from_json(&members)
    }

    /// Options from the members of a JSON object. Numbers and booleans may also be written as strings, labels as a
    /// list or as one comma-separated string; `null` means "not given". Other names are ignored, unless they look like an
    /// option's.
    ///
    /// # Errors
    /// `invalid_parameter`, naming the option, its value and what would be accepted.
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, Problem> {
        let others = members.keys().filter(|name| !names::OPTIONS.contains(&name.as_str()));
        others.take(names::MOST).try_for_each(|name| names::check(name, Unknown::Ignored))?;
        let given = |name: &str| members.get(name).filter(|value| !value.is_null());
        let fraction = |name: &'static str, most| given(name).map(|value| as_fraction(name, value, most)).transpose();
        let count = |name: &'static str, range: &Accepted| given(name).map(|value| range.read(name, value)).transpose();
        Ok(Self {
            confidence: fraction("confidence", 1.0)?,
            iou: fraction("iou", 1.0)?,
            max_detections: count("max_detections", &DETECTIONS)?,
            // No label at all is no filter.
            classes: given("classes").map(as_labels).transpose()?.filter(|labels| !labels.is_empty()),
            class_agnostic: given("class_agnostic").map(|value| as_bool("class_agnostic", value)).transpose()?,
            multi_label: given("multi_label").map(|value| as_bool("multi_label", value)).transpose()?,
            format: given("format").map(as_format).transpose()?,
            annotate: given("annotate").map(|value| as_bool("annotate", value)).transpose()?,
            slice: count("slice", &SIDES)?.and_then(|side| u32::try_from(side).ok()),
            slice_overlap: fraction("slice_overlap", slices::MAX_OVERLAP)?,
            max_slices: count("max_slices", &SLICES)?,
            redact: given("redact").map(as_redact).transpose()?,
            redact_margin: fraction("redact_margin", redact::MAX_MARGIN)?,
        })
    }

    /// Options as a query string, only those that are set.
    #[must_use]
    pub fn to_query(&self) -> String {
        let Ok(Value::Object(members)) = serde_json::to_value(self) else { return String::new() };
        let pairs: Vec<(String, String)> = members
            .into_iter()
            .map(|(name, value)| match value {
                Value::Array(labels) => (name, labels.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect();
        serde_urlencoded::to_string(pairs).unwrap_or_default()
    }

    /// These options, with gaps filled from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            confidence: self.confidence.or(other.confidence),
            iou: self.iou.or(other.iou),
            max_detections: self.max_detections.or(other.max_detections),
            classes: self.classes.or(other.classes),
            class_agnostic: self.class_agnostic.or(other.class_agnostic),
            multi_label: self.multi_label.or(other.multi_label),
            format: self.format.or(other.format),
            annotate: self.annotate.or(other.annotate),
            slice: self.slice.or(other.slice),
            slice_overlap: self.slice_overlap.or(other.slice_overlap),
            max_slices: self.max_slices.or(other.max_slices),
            redact: self.redact.or(other.redact),
            redact_margin: self.redact_margin.or(other.redact_margin),
        }
    }

    /// How a request wants photos sliced.
    #[must_use]
    pub fn slicing(&self) -> Slicing {
        let defaults = Slicing::default();
        Slicing {
            side: self.slice.unwrap_or(defaults.side),
            overlap: self.slice_overlap.unwrap_or(defaults.overlap),
            max_slices: self.max_slices.unwrap_or(defaults.max_slices),
        }
    }

    /// How a request wants objects made unrecognisable, and with which margin; `None` where it does not.
    #[must_use]
    pub fn redaction(&self) -> Option<(Style, f32)> {
        Some((self.redact?.style()?, self.redact_margin.unwrap_or(redact::MARGIN)))
    }

    /// The thresholds of a request: these options over the function's `defaults`. Labels are matched without case.
    ///
    /// # Errors
    /// `invalid_parameter` for a label the model does not know.
    pub fn thresholds(&self, defaults: &Thresholds, labels: &[String]) -> Result<Thresholds, Problem> {
        let classes = match &self.classes {
            None => defaults.classes.clone(),
            Some(wanted) => {
                let classes: Result<BTreeSet<usize>, _> = wanted.iter().map(|label| class_id(label, labels)).collect();
                // Each once: every candidate of a photo is looked up in them.
                Some(classes?.into_iter().collect())
            }
        };
        Ok(Thresholds {
            confidence: self.confidence.unwrap_or(defaults.confidence),
            iou: self.iou.unwrap_or(defaults.iou),
            max_detections: self.max_detections.unwrap_or(defaults.max_detections),
            class_agnostic: self.class_agnostic.unwrap_or(defaults.class_agnostic),
            multi_label: self.multi_label.unwrap_or(defaults.multi_label),
            classes,
        })
    }
}

fn class_id(wanted: &str, labels: &[String]) -> Result<usize, Problem> {
    labels.iter().position(|label| label.eq_ignore_ascii_case(wanted.trim())).ok_or_else(|| {
        let some = labels.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        invalid(format!(
            "classes: the model has no label {wanted:?}{}. Its labels: {some}{} (GET /model lists them all).",
            nearest(wanted, labels).map_or_else(String::new, |label| format!(" (did you mean {label:?}?)")),
            if labels.len() > 5 { ", …" } else { "" }
        ))
    })
}

/// The label that was probably meant.
fn nearest<'a>(wanted: &str, labels: &'a [String]) -> Option<&'a String> {
    let wanted = wanted.trim().to_lowercase();
    let alike = |label: &&String| strsim::jaro_winkler(&wanted, &label.to_lowercase());
    let best = labels.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    best.filter(|label| alike(label) > 0.85)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn parsed(query: &str) -> Result<Options, Problem> {
        Options::from_query(query, Unknown::Refused)
    }

    #[test]
    fn zero_is_a_value() {
        let options = parsed("confidence=0&iou=0&max_detections=0").unwrap();
        let thresholds = options.thresholds(&Thresholds::default(), &[]).unwrap();
        assert_eq!((thresholds.confidence, thresholds.iou, thresholds.max_detections), (0.0, 0.0, 0));
    }

    #[test]
    fn query_and_json_agree() {
        let query = parsed("confidence=0.5&classes=cat,%20dog&annotate=1&format=coco").unwrap();
        let json =
            serde_json::json!({"confidence": 0.5, "classes": ["cat", "dog"], "annotate": true, "format": "coco"});
        assert_eq!(query, Options::from_json(json.as_object().unwrap()).unwrap());
        assert_eq!(query, parsed(&query.to_query()).unwrap());
    }

    #[test]
    fn a_repeated_name_is_a_list_and_an_empty_one_no_filter() {
        let classes = |query| parsed(query).unwrap().classes;
        assert_eq!(classes("classes=cat&classes=dog"), Some(vec!["cat".to_owned(), "dog".to_owned()]));
        assert_eq!(classes("classes="), None);
        assert!(parsed("iou=0.1&iou=0.2").is_err());
    }

    #[test]
    fn a_value_left_empty_is_not_there() {
        for name in names::OPTIONS {
            for query in [format!("{name}="), name.to_owned(), format!("{name}=+%09"), format!("{name}=&{name}=")] {
                assert_eq!(parsed(&query).unwrap(), Options::default(), "{query}");
            }
        }
        assert_eq!(parsed("iou=&iou=0.2&iou=").unwrap().iou, Some(0.2));
        assert_eq!(parsed("classes=&classes=cat").unwrap().classes, Some(vec!["cat".to_owned()]));
    }

    #[test]
    fn wrong_values_name_the_option() {
        for (query, name) in [
            ("confidence=1.01", "confidence"),
            ("confidence=nan", "confidence"),
            ("iou=-0.1", "iou"),
            ("max_detections=-1", "max_detections"),
            ("max_detections=1e9", "max_detections"),
            ("annotate=perhaps", "annotate"),
            ("multi_label=2", "multi_label"),
            ("slice=31", "slice"),
            ("slice=-1", "slice"),
            ("slice=1e3", "slice"),
            ("slice_overlap=0.91", "slice_overlap"),
            ("max_slices=0", "max_slices"),
            ("max_slices=1025", "max_slices"),
            ("redact=black", "redact"),
            ("redact_margin=2", "redact_margin"),
            ("format=xml", "format"),
        ] {
            let problem = parsed(query).unwrap_err();
            assert_eq!(problem.code, Code::InvalidParameter, "{query}");
            assert!(problem.detail.starts_with(name), "{query}: {}", problem.detail);
        }
    }

    #[test]
    fn unknown_labels_are_refused_and_known_ones_match_without_case() {
        let labels = ["person".to_owned(), "cat".to_owned()];
        let twice = Some(vec!["CAT".to_owned(), "cat".to_owned()]);
        let options = Options { classes: twice, ..Options::default() };
        assert_eq!(options.thresholds(&Thresholds::default(), &labels).unwrap().classes, Some(vec![1]));
        let options = Options { classes: Some(vec!["unicorn".to_owned()]), ..Options::default() };
        let problem = options.thresholds(&Thresholds::default(), &labels).unwrap_err();
        assert!(problem.detail.contains("unicorn"), "{}", problem.detail);
    }
}
