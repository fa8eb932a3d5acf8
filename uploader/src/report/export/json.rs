//! Everything, each photo included.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

/// Writes a report as it is.
pub(super) fn all(report: &impl Serialize, to: &mut dyn Write) -> Result<()> {
    serde_json::to_writer_pretty(&mut *to, report)?;
    to.write_all(b"\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::super::comparison::tests::comparison;
    use super::super::{Format, written};

    #[test]
    fn everything_is_in_it() {
        let report: Value = serde_json::from_str(&written(Format::Json, &comparison())).unwrap();
        for part in
            ["environment", "settings", "targets", "pairs", "rates", "folders", "waterfalls", "summary", "verdict"]
        {
            assert!(!report[part].is_null(), "{part} is missing");
        }
        let sample = &report["samples"][0];
        assert_eq!((&sample["target"], &sample["run"]), (&Value::from("here"), &Value::from(1)));
        assert_eq!(sample["answer"]["detections"][0]["label"], "cat");
        assert_eq!(report["targets"][1]["phases_ms"].as_array().unwrap().len(), 15);
        assert_eq!(report["pairs"][0]["offload"]["far"], "there");
    }
}
