//! Rows for spreadsheets and scripts.

use std::io::Write;

use anyhow::Result;
#[cfg(feature = "evaluate")]
use evaluation::Operating;
use wire::Outcome;

use super::Comparison;
#[cfg(feature = "evaluate")]
use super::EvaluationReport;
use crate::link::as_millis;
use crate::report::tally::{CLIENT, SERVER};

/// A row per photo and target.
pub(super) fn samples(comparison: &Comparison, to: &mut dyn Write) -> Result<()> {
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

/// A row per target for all classes together, and one per class.
#[cfg(feature = "evaluate")]
pub(super) fn classes(report: &EvaluationReport, to: &mut dyn Write) -> Result<()> {
    let mut table = csv::Writer::from_writer(to);
    table.write_record([
        "target",
        "class",
        "photos",
        "objects",
        "detections",
        "ap",
        "ap50",
        "ap75",
        "ap_small",
        "ap_medium",
        "ap_large",
        "ar1",
        "ar10",
        "ar100",
        "ar_small",
        "ar_medium",
        "ar_large",
        "confidence",
        "precision",
        "recall",
        "f1",
        "true_positives",
        "false_negatives",
        "false_positives",
        "ms_per_photo",
        "dollars_per_1000",
    ])?;
    let cell = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let best = |best: Option<Operating>| {
        let Some(best) = best else { return vec![String::new(); 7] };
        let shares = [best.confidence, best.precision, best.recall, best.f1].map(|share| share.to_string());
        let counts = [best.true_positives, best.false_negatives, best.false_positives].map(|count| count.to_string());
        [shares.as_slice(), counts.as_slice()].concat()
    };
    for target in &report.targets {
        let (evaluation, figures) = (&target.evaluation, &target.evaluation.figures);
        let photos = evaluation.photos.to_string();
        let mut row = vec![target.name.clone(), "all".to_owned(), photos.clone()];
        row.extend([evaluation.objects, evaluation.detections].map(|count| count.to_string()));
        row.extend(
            [figures.ap, figures.ap50, figures.ap75, figures.ap_small, figures.ap_medium, figures.ap_large].map(cell),
        );
        row.extend(
            [figures.ar1, figures.ar10, figures.ar100, figures.ar_small, figures.ar_medium, figures.ar_large].map(cell),
        );
        row.extend(best(evaluation.best));
        row.extend([target.ms_per_photo, target.dollars_per_1000].map(cell));
        table.write_record(&row)?;
        for class in &evaluation.classes {
            let mut row = vec![target.name.clone(), class.label.clone(), photos.clone()];
            row.extend([class.objects, class.detections].map(|count| count.to_string()));
            row.extend([class.ap, class.ap50].map(cell));
            row.extend(vec![String::new(); 10]);
            row.extend(best(class.best));
            row.extend([String::new(), String::new()]);
            table.write_record(&row)?;
        }
    }
    table.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::comparison::tests::comparison;
    use super::super::{Format, written};

    #[test]
    fn a_row_per_photo_and_target() {
        let comparison = comparison();
        let text = written(Format::Csv, &comparison);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), comparison.samples.len());
        let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
        assert_eq!(&rows[0][column("target")], "here");
        assert_eq!(&rows[0][column("server_inference_ms")], "7");
        assert_eq!(&rows.last().unwrap()[column("error")], "timeout");
    }
    #[cfg(feature = "evaluate")]
    #[test]
    fn a_row_per_target_and_class() {
        let report = crate::report::evaluation::tests::report();
        let text = written(Format::Csv, &report);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
        let names: Vec<(&str, &str)> = rows.iter().map(|row| (&row[0], &row[1])).collect();
        assert_eq!(names, [("weak", "all"), ("weak", "cat"), ("good", "all"), ("good", "cat")]);
        assert_eq!((&rows[2][column("ap")], &rows[2][column("false_negatives")]), ("1", "0"));
    }
}
