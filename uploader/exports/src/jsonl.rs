//! One JSON object per photo: its path, the answer or the error, and the client's phases or the object in S3.

use std::borrow::Cow;
use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use wire::{Outcome, Source};

use crate::{ClientMs, Entry, Exporter};

#[derive(Serialize)]
struct Line<'a> {
    photo: Cow<'a, str>,
    #[serde(flatten)]
    outcome: &'a Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ms: Option<&'a ClientMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Source>,
    /// From the end of the upload; a posted photo's phases say more.
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_to_result_ms: Option<f64>,
}

/// The lines.
pub struct JsonLines {
    to: Box<dyn Write>,
}

impl JsonLines {
    /// Writes to `to`.
    #[must_use]
    pub fn new(to: Box<dyn Write>) -> Self {
        Self { to }
    }
}

impl Exporter for JsonLines {
    fn photo(&mut self, entry: &Entry<'_>) -> Result<()> {
        let line = Line {
            photo: entry.photo.to_string_lossy(),
            outcome: entry.outcome,
            client_ms: entry.client_ms.as_ref(),
            source: entry.source,
            upload_to_result_ms: entry.round_trip_ms.filter(|_| entry.client_ms.is_none()),
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.to.write_all(&text)?;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.to.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{records, written};

    #[test]
    fn lines_hold_the_answers_members_or_the_error() {
        let text = written(|to| Box::new(JsonLines::new(to)), &records());
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["photo"], "in/0042.jpg");
        assert_eq!(lines[0]["detections"][0]["box"], serde_json::json!([12.5, 30.0, 200.0, 470.25]));
        assert_eq!(lines[0]["client_ms"]["wait"], 1.5);
        assert_eq!(lines[2]["error"]["code"], "undecodable_image");
        let members: Vec<&String> = lines[2].as_object().unwrap().keys().collect();
        assert_eq!(members, ["client_ms", "error", "photo"]);
        assert!(text.contains(r#""client_ms":{"wait":1.5,"total":2.0}"#), "in the order in which they happen: {text}");
    }

    #[test]
    fn a_line_reads_back_as_an_answer() {
        let text = written(|to| Box::new(JsonLines::new(to)), &records());
        let answer: wire::Answer = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(answer.detections.len(), 2);
    }
}
