//! Values of options, as they are written in JSON and in queries.

use detector::slices;
use serde_json::Value;

use super::{MAX_DETECTIONS_LIMIT, Redact};
use crate::{Code, Format, Problem};

/// What a whole number may be.
pub(super) struct Accepted {
    least: usize,
    most: usize,
    /// 0, too.
    zero: bool,
}

pub(super) const DETECTIONS: Accepted = Accepted { least: 0, most: MAX_DETECTIONS_LIMIT, zero: true };
pub(super) const SIDES: Accepted =
    Accepted { least: slices::MIN_SIDE as usize, most: slices::MAX_SIDE as usize, zero: true };
pub(super) const SLICES: Accepted = Accepted { least: 1, most: slices::MAX_SLICES, zero: false };

impl Accepted {
    pub(super) fn read(&self, name: &str, value: &Value) -> Result<usize, Problem> {
        let Self { least, most, zero } = *self;
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.and_then(|n| usize::try_from(n).ok());
        number.filter(|n| (least..=most).contains(n) || (zero && *n == 0)).ok_or_else(|| {
            let off = if zero && least > 0 { "0 (off) or " } else { "" };
            invalid(format!("{name} must be {off}a whole number from {least} to {most}, not {}.", shown(value)))
        })
    }
}

pub(super) fn invalid(detail: String) -> Problem {
    Problem::new(Code::InvalidParameter, detail)
}

/// The value as it is shown in an error: never more than a few words of what the caller sent.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { format!("{}…", text.chars().take(40).collect::<String>()) }
}

pub(super) fn as_fraction(name: &str, value: &Value, most: f32) -> Result<f32, Problem> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .map(|n: f64| n as f32)
        .filter(|n| (0.0..=most).contains(n))
        .ok_or_else(|| invalid(format!("{name} must be a number from 0 to {most}, not {}.", shown(value))))
}

pub(super) fn as_bool(name: &str, value: &Value) -> Result<bool, Problem> {
    let truth = match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => number.as_u64().filter(|n| *n <= 1).map(|n| n == 1),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    };
    truth.ok_or_else(|| invalid(format!("{name} must be true or false, not {}.", shown(value))))
}

pub(super) fn as_labels(value: &Value) -> Result<Vec<String>, Problem> {
    let labels = match value {
        Value::String(text) => Some(text.split(',').map(|label| label.trim().to_owned()).collect()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    let labels: Vec<String> =
        labels.ok_or_else(|| invalid(format!("classes must be a list of labels, not {}.", shown(value))))?;
    Ok(labels.into_iter().filter(|label| !label.is_empty()).collect())
}

pub(super) fn as_redact(value: &Value) -> Result<Redact, Problem> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid(format!("redact must be one of {}, not {}.", Redact::NAMES.join(", "), shown(value))))
}

pub(super) fn as_format(value: &Value) -> Result<Format, Problem> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid(format!("format must be one of {}, not {}.", Format::NAMES.join(", "), shown(value))))
}
