//! The names of options, and which of them was meant where somebody wrote another.

use crate::{Code, Problem};

/// Every option of a request.
pub(crate) const OPTIONS: [&str; 13] = [
    "confidence",
    "iou",
    "max_detections",
    "classes",
    "class_agnostic",
    "multi_label",
    "format",
    "annotate",
    "slice",
    "slice_overlap",
    "max_slices",
    "redact",
    "redact_margin",
];

/// What other detectors call the same.
const ELSEWHERE: [(&str, &str); 18] = [
    ("threshold", "confidence"),
    ("confthreshold", "confidence"),
    ("confidencethreshold", "confidence"),
    ("scorethreshold", "confidence"),
    ("minconfidence", "confidence"),
    ("minscore", "confidence"),
    ("iouthreshold", "iou"),
    ("nmsthreshold", "iou"),
    ("overlap", "iou"),
    ("maxdet", "max_detections"),
    ("maxresults", "max_detections"),
    ("topk", "max_detections"),
    ("agnostic", "class_agnostic"),
    ("agnosticnms", "class_agnostic"),
    ("slicesize", "slice"),
    ("tile", "slice"),
    ("blur", "redact"),
    ("anonymize", "redact"),
];

/// So many names that are no option's are looked at for slips: no caller has more of them, and each takes a while.
pub(crate) const MOST: usize = 100;

/// So many letters of an option's name, from its beginning, mean that option.
const ABBREVIATION: usize = 4;

/// What to do with a name that is none of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is refused: where nothing but options has a place.
    Refused,
    /// It is ignored, unless it looks like an option's name misspelt: where callers may keep data of their own.
    Ignored,
}

/// Refuses a name that is no option's.
///
/// # Errors
/// `invalid_parameter`, with the option that was probably meant.
pub(crate) fn check(name: &str, unknown: Unknown) -> Result<(), Problem> {
    if OPTIONS.contains(&name) {
        return Ok(());
    }
    let shown: String = name.chars().take(40).collect();
    match meant(name) {
        Some(option) => Err(refused(format!("Unknown option {shown:?}: did you mean {option}?"))),
        None if unknown == Unknown::Ignored || is_anybodys(name) => Ok(()),
        None => Err(refused(format!("Unknown option {shown:?}. The options are {}.", OPTIONS.join(", ")))),
    }
}

/// The option that was probably meant: by another spelling, another tool's name, its beginning, or a slip or two.
pub(crate) fn meant(name: &str) -> Option<&'static str> {
    if name.len() > 40 {
        return None;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
    let name = plain(name);
    if let Some((_, option)) = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == name) {
        return Some(option);
    }
    OPTIONS.into_iter().find(|option| {
        let option = plain(option);
        let slips = match option.len() {
            ..4 => 0,
            4..8 => 1,
            _ => 2,
        };
        (name.len() >= ABBREVIATION && option.starts_with(&name))
            // A body may hold a million names: most are told apart by their lengths.
            || (name.len().abs_diff(option.len()) <= slips && strsim::damerau_levenshtein(&name, &option) <= slips)
    })
}

/// What is put into queries on the way, and is meant for nobody here: signatures, campaigns, marks against caches.
fn is_anybodys(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("x-amz-") || name.starts_with("utm_") || ["_", "fbclid", "gclid"].contains(&name.as_str())
}

fn refused(detail: String) -> Problem {
    Problem::new(Code::InvalidParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_lead_to_the_option_that_was_meant() {
        for (name, option) in [
            ("conf", "confidence"),
            ("confidense", "confidence"),
            ("Confidence", "confidence"),
            ("threshold", "confidence"),
            ("iou_threshold", "iou"),
            ("max-detections", "max_detections"),
            ("maxDetections", "max_detections"),
            ("max_det", "max_detections"),
            ("class", "classes"),
            ("annotated", "annotate"),
        ] {
            assert_eq!(meant(name), Some(option), "{name}");
        }
        for name in ["timestamp", "id", "name", "user", "filename", "image_id", "class_id", "source", "you", ""] {
            assert_eq!(meant(name), None, "{name}");
        }
    }

    #[test]
    fn only_a_query_has_no_place_for_other_names() {
        assert!(check("id", Unknown::Ignored).is_ok() && check("conf", Unknown::Ignored).is_err());
        assert!(check("id", Unknown::Refused).is_err());
        for name in ["X-Amz-Signature", "utm_source", "_", "confidence"] {
            assert!(check(name, Unknown::Refused).is_ok(), "{name}");
        }
    }
}
