//! The tables of a report, as text: the same on a terminal, in Markdown and in HTML.

use super::{Comparison, Measured, PHASES};

/// A table. The first column names the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What has to be known to read it.
    pub(crate) note: Option<String>,
}

/// All tables that there is something for.
pub(crate) fn sheets(comparison: &Comparison) -> Vec<Sheet> {
    let mut sheets = vec![targets(comparison), phases(comparison), cost(comparison)];
    sheets.extend(ladder(comparison));
    sheets.extend(folders(comparison));
    sheets.extend(waterfalls(comparison));
    sheets
}

/// A number for people: as many digits as say something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        v if v >= 0.001 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

pub(crate) fn dollars(value: f64) -> String {
    if value >= 0.1 { format!("${value:.2}") } else { format!("${value:.5}") }
}

struct Rows<'a> {
    targets: &'a [Measured],
    rows: Vec<Vec<String>>,
}

impl Rows<'_> {
    fn add(&mut self, name: &str, value: impl Fn(&Measured) -> String) {
        let mut row = vec![name.to_owned()];
        row.extend(self.targets.iter().map(value));
        self.rows.push(row);
    }
}

fn header(comparison: &Comparison, corner: &str) -> Vec<String> {
    let names = comparison.targets.iter().map(|target| target.name.clone());
    std::iter::once(corner.to_owned()).chain(names).collect()
}

fn targets(comparison: &Comparison) -> Sheet {
    let settings = &comparison.settings;
    let header = header(comparison, "");
    let mut rows = Rows { targets: &comparison.targets, rows: Vec::new() };
    let measured = |value: fn(&Measured) -> f64| {
        move |target: &Measured| if target.is_measured() { number(value(target)) } else { "-".to_owned() }
    };
    let or_none = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
    rows.add("model", |t| {
        let names: Vec<String> = t
            .models
            .iter()
            .map(|model| format!("{} {}", model.name, model.sha256.get(..8).unwrap_or(&model.sha256)))
            .collect();
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    });
    rows.add("photos answered", |t| format!("{} of {}", t.answered, t.photos));
    if comparison.targets.iter().any(|target| target.failed() > 0) {
        rows.add("failed", |t| {
            let codes: Vec<String> = t.failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
            if codes.is_empty() { "0".to_owned() } else { codes.join(", ") }
        });
    }
    if comparison.targets.iter().any(|target| target.sent_again > 0) {
        rows.add("sent more than once", |t| t.sent_again.to_string());
    }
    rows.add("ms per photo", measured(|t| t.per_photo_ms));
    rows.add("photos/s", measured(|t| t.photos_per_second));
    rows.add("round trip mean, ms", measured(|t| t.round_trip_ms.mean));
    rows.add("round trip p50, ms", measured(|t| t.round_trip_ms.p50));
    rows.add("round trip p90, ms", measured(|t| t.round_trip_ms.p90));
    rows.add("round trip p99, ms", measured(|t| t.round_trip_ms.p99));
    rows.add("round trip max, ms", measured(|t| t.round_trip_ms.max));
    rows.add("inference, ms", measured(|t| t.inference_ms));
    rows.add("upload, ms", measured(|t| t.upload_ms));
    rows.add("link round trip, ms", |t| number(t.link_ms.round_trip));
    rows.add("cold starts", |t| t.cold.map_or_else(|| "0".to_owned(), |cold| cold.count.to_string()));
    if comparison.targets.iter().any(|target| target.cold.is_some()) {
        rows.add("cold round trip, ms", |t| or_none(t.cold.map(|cold| cold.round_trip_ms)));
        rows.add("init, ms", |t| or_none(t.cold.map(|cold| cold.init_ms)));
    }
    rows.add("kB sent per photo", |t| number(t.sent_per_photo() / 1e3));
    rows.add("kB received per photo", |t| number(t.wire_bytes.received as f64 / t.photos.max(1) as f64 / 1e3));
    let clock = settings.rate.map_or_else(String::new, |rate| {
        format!(" at {rate} photos/s, latency counted from when each should have left")
    });
    Sheet {
        title: "Side by side".to_owned(),
        header,
        rows: rows.rows,
        note: Some(format!(
            "{} photos, {} run{}, {} at once{clock}; upload is the round trip less the function's own time; cold starts \
             are not in the averages",
            settings.photos,
            settings.runs,
            if settings.runs == 1 { "" } else { "s" },
            settings.concurrency,
        )),
    }
}

fn phases(comparison: &Comparison) -> Sheet {
    let header = header(comparison, "ms per photo");
    let mut rows = Rows { targets: &comparison.targets, rows: Vec::new() };
    for phase in &PHASES {
        if comparison.targets.iter().any(|target| target.phase(phase.name) > 0.0) {
            rows.add(phase.name, |target| number(target.phase(phase.name)));
        }
    }
    let note = PHASES.iter().filter(|phase| ["link", "overhead"].contains(&phase.name));
    let note: Vec<String> = note.map(|phase| format!("{}: {}", phase.name, phase.meaning)).collect();
    Sheet { title: "Where the time went".to_owned(), header, rows: rows.rows, note: Some(note.join("; ")) }
}

fn cost(comparison: &Comparison) -> Sheet {
    let rates = &comparison.rates;
    let header = header(comparison, "dollars per 1000 photos");
    let mut rows = Rows { targets: &comparison.targets, rows: Vec::new() };
    if comparison.targets.iter().any(|target| target.cost.memory_mb != rates.memory_mb) {
        rows.add("memory, MB", |t| t.cost.memory_mb.to_string());
    }
    rows.add("billed ms per photo", |t| number(t.cost.billed_ms));
    rows.add("Lambda, Function URL", |t| dollars(t.cost.url));
    rows.add("Lambda, S3 and SQS", |t| dollars(t.cost.bulk));
    if rates.machine_per_hour.is_some() {
        rows.add("this machine, always busy", |t| t.cost.machine.map_or_else(|| "-".to_owned(), dollars));
    }
    let machine = rates.machine_per_hour.map_or_else(String::new, |usd| format!("; this machine at ${usd} per hour"));
    Sheet {
        title: "Cost".to_owned(),
        header,
        rows: rows.rows,
        note: Some(format!(
            "list prices of {}, {}, {}, {}, without cold starts, free tier and data transfer; for targets on this \
             machine, what their speed would cost in Lambda{machine}",
            rates.list_of,
            rates.region,
            comparison.memories(),
            rates.architecture.name(),
        )),
    }
}

fn ladder(comparison: &Comparison) -> Option<Sheet> {
    let mut steps: Vec<usize> =
        comparison.targets.iter().flat_map(|target| &target.ladder).map(|rung| rung.at_once).collect();
    steps.sort_unstable();
    steps.dedup();
    let header = header(comparison, "photos/s with so many at once");
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|at_once| {
            let mut row = vec![at_once.to_string()];
            row.extend(comparison.targets.iter().map(|target| {
                let rung = target.ladder.iter().find(|rung| rung.at_once == *at_once);
                rung.map_or_else(|| "-".to_owned(), |rung| number(rung.photos_per_second))
            }));
            row
        })
        .collect();
    (!rows.is_empty()).then(|| Sheet { title: "What concurrency buys".to_owned(), header, rows, note: None })
}

fn folders(comparison: &Comparison) -> Option<Sheet> {
    let rows: Vec<Vec<String>> = comparison
        .folders
        .iter()
        .map(|folder| {
            let seconds = |value: f64| format!("{value:.4}");
            vec![
                folder.name.clone(),
                folder.photos.to_string(),
                folder.target.clone(),
                seconds(folder.inference_s),
                seconds(folder.upload_s),
                seconds(folder.round_trip_s),
                number(folder.photos_per_second),
                folder.failed.to_string(),
            ]
        })
        .collect();
    let header = ["folder", "photos", "target", "inference, s", "upload, s", "round trip, s", "photos/s", "failed"];
    (!rows.is_empty()).then(|| Sheet {
        title: "Small, medium and big folders".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
        note: Some(
            "averages per photo; the student project measured 0.207 s of inference and 0.2765 s of round trip on a \
             laptop, 0.185 s and 0.80 s on EC2"
                .to_owned(),
        ),
    })
}

fn waterfalls(comparison: &Comparison) -> Vec<Sheet> {
    let header = ["step", "ms per photo", "saves, ms", "kB sent per photo", "failed"];
    comparison
        .waterfalls
        .iter()
        .map(|waterfall| Sheet {
            title: format!("From the student project's client to this one, at {}", waterfall.target),
            header: header.map(str::to_owned).to_vec(),
            rows: waterfall
                .steps
                .iter()
                .enumerate()
                .map(|(place, step)| {
                    let saves = if place == 0 { String::new() } else { number(step.saves_ms) };
                    vec![
                        step.name.clone(),
                        number(step.ms),
                        saves,
                        number(step.sent_bytes / 1e3),
                        step.failed.to_string(),
                    ]
                })
                .collect(),
            note: Some("wall time; each step keeps what those before it brought".to_owned()),
        })
        .collect()
}
