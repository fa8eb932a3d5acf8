//! What a function's answer to a batch means, with `ReportBatchItemFailures`: a message is deleted unless it, or the
//! whole batch, failed.

use std::collections::HashSet;

use serde_json::Value;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All but these are done; these come again.
    Done(HashSet<String>),
    /// All come again, and why.
    Failed(String),
}

impl Verdict {
    /// Reads an answer to messages with these ids, the way Lambda documents it: nothing, `null` and no failures are
    /// success; a failure that names no message of the batch fails all of it.
    pub(super) fn read(answer: &[u8], ids: &HashSet<&str>) -> Self {
        if answer.trim_ascii().is_empty() {
            return Self::Done(HashSet::new());
        }
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
            return Self::Failed("its response is not JSON".to_owned());
        };
        let failures = match (&answer, answer.get("batchItemFailures")) {
            (Value::Null, _) | (Value::Object(_), None | Some(Value::Null)) => return Self::Done(HashSet::new()),
            (Value::Object(_), Some(Value::Array(failures))) => failures,
            _ => return Self::Failed("its response has no list batchItemFailures".to_owned()),
        };
        let mut failed = HashSet::new();
        for failure in failures {
            match failure.get("itemIdentifier").and_then(Value::as_str).filter(|id| ids.contains(id)) {
                Some(id) => failed.insert(id.to_owned()),
                None => {
                    return Self::Failed(format!("its response names a message that is not in the batch: {failure}"));
                }
            };
        }
        Self::Done(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Verdict {
        Verdict::read(answer.as_bytes(), &HashSet::from(["a", "b"]))
    }

    #[test]
    fn nothing_to_complain_of_is_success() {
        for answer in ["", "null", " {}\n", r#"{"batchItemFailures": null}"#, r#"{"batchItemFailures": []}"#] {
            assert_eq!(read(answer), Verdict::Done(HashSet::new()), "{answer}");
        }
    }

    #[test]
    fn failures_come_again_alone() {
        let answer = r#"{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}"#;
        assert_eq!(read(answer), Verdict::Done(HashSet::from(["b".to_owned()])));
    }

    #[test]
    fn what_cannot_be_understood_fails_the_batch() {
        for answer in [
            "{",
            "7",
            r#"{"batchItemFailures": "a"}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"id": "b"}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "somebody else's"}]}"#,
        ] {
            assert!(matches!(read(answer), Verdict::Failed(_)), "{answer}");
        }
    }
}
