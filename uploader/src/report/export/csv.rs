//! One row per photo and target.

use std::io::Write;

use anyhow::Result;
use wire::Outcome;

use super::{Comparison, Exporter};
use crate::link::as_millis;
use crate::report::tally::{CLIENT, SERVER};

pub(super) struct Csv;

impl Exporter for Csv {
    fn export(&self, comparison: &Comparison, to: &mut dyn Write) -> Result<()> {
        let mut table = csv::Writer::from_writer(to);
        let mut header: Vec<String> = ["photo", "target", "run", "turn", "cold_start", "error", "detections", "tries"]
            .into_iter()
            .chain(["photo_bytes", "sent_bytes", "received_bytes", "round_trip_ms"])
            .map(str::to_owned)
            .collect();
        header.extend(CLIENT.iter().map(|(name, _)| format!("client_{name}_ms")));
        header.extend(SERVER.iter().map(|(name, _)| format!("server_{name}_ms")));
        header.extend(["server_total_ms", "client_queue_ms"].map(str::to_owned));
        table.write_record(&header)?;
        for sample in &comparison.samples {
            let record = &sample.record;
            let (cold, error, detections) = match &record.outcome {
                Outcome::Answer(answer) => (answer.cold_start.to_string(), "", answer.detections.len().to_string()),
                Outcome::Error { error } => (String::new(), error.code.as_str(), String::new()),
            };
            let mut row = vec![
                sample.photo(),
                sample.name.clone(),
                sample.run.to_string(),
                sample.turn.to_string(),
                cold,
                error.to_owned(),
                detections,
                record.tries.to_string(),
                record.photo_bytes.to_string(),
                record.traffic.sent.to_string(),
                record.traffic.received.to_string(),
                as_millis(record.round_trip).to_string(),
            ];
            row.extend(CLIENT.iter().map(|(_, phase)| as_millis(phase(&record.phases)).to_string()));
            let answer = sample.answer();
            let stage = |value: Option<f64>| value.map_or_else(String::new, |ms| ms.to_string());
            row.extend(SERVER.iter().map(|(_, of)| stage(answer.map(of))));
            row.push(stage(answer.map(|answer| answer.timings_ms.total)));
            row.push(as_millis(record.phases.queue).to_string());
            table.write_record(&row)?;
        }
        table.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::comparison::tests::comparison;
    use super::super::written;
    use super::*;

    #[test]
    fn a_row_per_photo_and_target() {
        let comparison = comparison();
        let text = written(&Csv, &comparison);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), comparison.samples.len());
        let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
        assert_eq!(&rows[0][column("target")], "here");
        assert_eq!(&rows[0][column("server_inference_ms")], "7");
        assert_eq!(&rows.last().unwrap()[column("error")], "timeout");
    }
}
