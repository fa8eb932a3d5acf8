//! The tables of a report, as text: the same on a terminal, in Markdown and in HTML.

use super::phase::Phase;
use super::statistics::Estimate;
use super::steps::Step;
use super::{Comparison, Measured, PHASES, Rung, SEEN_MS, Waterfall};
use crate::target_kind::Kind;

/// What a cell says where there is nothing.
const NONE: &str = "-";
/// What a waterfall is called, before its target.
const WATERFALL: &str = "What each step saves, at ";

/// A table. The first column names the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// What has to be known to read it.
    pub(crate) note: Option<String>,
}

/// What each step saves, where that was measured.
pub(crate) fn waterfall_tables(comparison: &Comparison) -> Vec<Table> {
    comparison.waterfalls.iter().map(waterfall).collect()
}

/// All other tables that there is something for.
pub(crate) fn tables(comparison: &Comparison) -> Vec<Table> {
    let mut tables = vec![targets(comparison), phases(comparison)];
    tables.extend(ladder(comparison));
    tables.push(cost(comparison));
    tables.extend(folders(comparison));
    tables
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

/// A digest as people tell it from others.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
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

fn targets(comparison: &Comparison) -> Table {
    let settings = &comparison.settings;
    let all = &comparison.targets;
    let mut rows = Rows { targets: all, rows: Vec::new() };
    let measured = |value: fn(&Measured) -> f64| {
        move |target: &Measured| if target.is_measured() { number(value(target)) } else { NONE.to_owned() }
    };
    let or_none = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), number);
    let interval = |of: Option<Estimate>| {
        of.map_or_else(|| NONE.to_owned(), |of| format!("{} to {}", number(of.low), number(of.high)))
    };
    rows.add("model", |t| {
        let names: Vec<String> =
            t.models.iter().map(|model| format!("{} {}", model.name, short(&model.sha256))).collect();
        if names.is_empty() { NONE.to_owned() } else { names.join(", ") }
    });
    rows.add("photos answered", |t| format!("{} of {}", t.answered, t.photos));
    if all.iter().any(|target| target.failed() > 0) {
        rows.add("failed", |t| {
            let codes: Vec<String> = t.failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
            if codes.is_empty() { "0".to_owned() } else { codes.join(", ") }
        });
    }
    if all.iter().any(|target| target.sent_again > 0) {
        rows.add("sent more than once", |t| t.sent_again.to_string());
    }
    // One after the other, that is the round trip.
    if settings.concurrency > 1 && all.iter().any(|target| target.per_photo_ms > 0.0) {
        rows.add("wall time per photo, ms", measured(|t| t.per_photo_ms));
        if all.iter().any(|target| target.per_photo_interval_ms.is_some()) {
            rows.add("95 % interval, ms", |t| interval(t.per_photo_interval_ms));
        }
    }
    rows.add("round trip, ms", measured(|t| t.round_trip_ms.p50));
    if all.iter().any(|target| target.round_trip_interval_ms.is_some()) {
        rows.add("95 % interval, ms", |t| interval(t.round_trip_interval_ms));
    }
    let most = all.iter().map(|target| target.round_trip_ms.count).max().unwrap_or(0);
    if most >= 10 {
        rows.add("round trip p90, ms", measured(|t| t.round_trip_ms.p90));
    }
    if most >= 100 {
        rows.add("round trip p99, ms", measured(|t| t.round_trip_ms.p99));
    }
    rows.add("round trip max, ms", measured(|t| t.round_trip_ms.max));
    rows.add("inference, ms", measured(|t| t.inference_ms));
    rows.add("upload, ms", measured(|t| t.upload_ms));
    rows.add("photos/s", measured(|t| t.photos_per_second));
    if all.iter().any(|target| target.kind == Kind::Url && target.link_ms.round_trip >= SEEN_MS) {
        rows.add("link round trip, ms", |t| number(t.link_ms.round_trip));
    }
    if all.iter().any(|target| target.cold.is_some()) {
        rows.add("cold starts", |t| t.cold.map_or_else(|| "0".to_owned(), |cold| cold.count.to_string()));
        rows.add("cold round trip, ms", |t| or_none(t.cold.map(|cold| cold.round_trip_ms)));
        rows.add("init, ms", |t| or_none(t.cold.map(|cold| cold.init_ms)));
    }
    rows.add("kB sent per photo", |t| number(t.sent_per_photo() / 1e3));
    rows.add("kB received per photo", |t| number(t.wire_bytes.received as f64 / t.photos.max(1) as f64 / 1e3));
    let clock = settings
        .rate
        .map_or_else(String::new, |rate| format!(" at {rate} photos/s, latency measured from the scheduled send time"));
    Table {
        title: "Side by side".to_owned(),
        header: header(comparison, ""),
        rows: rows.rows,
        note: Some(format!(
            "medians of {}, {}, {} at once{clock}; upload is network and platform, the round trip without the queue and the \
             function; cold starts do not count",
            counted(settings.photos, "photo"),
            counted(settings.runs as usize, "run"),
            settings.concurrency,
        )),
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn phases(comparison: &Comparison) -> Table {
    let header = header(comparison, "ms per photo");
    let mut rows = Rows { targets: &comparison.targets, rows: Vec::new() };
    let seen = |phase: &&Phase| comparison.targets.iter().any(|target| target.phase(phase.name) >= SEEN_MS);
    let mut notes = vec!["a typical photo: the middle half by round trip, scaled to the median".to_owned()];
    for phase in PHASES.iter().filter(seen) {
        rows.add(phase.name, |target| number(target.phase(phase.name)));
        if ["bytes", "link", "overhead", "queue", "other"].contains(&phase.name) {
            notes.push(format!("{}: {}", phase.name, phase.meaning));
        }
    }
    rows.add("all", |target| number(target.phases_ms.iter().map(|phase| phase.ms).sum()));
    Table { title: "Where the time went".to_owned(), header, rows: rows.rows, note: Some(notes.join("; ")) }
}

fn cost(comparison: &Comparison) -> Table {
    let rates = &comparison.rates;
    let header = header(comparison, "dollars per 1000 photos");
    let mut rows = Rows { targets: &comparison.targets, rows: Vec::new() };
    if comparison.targets.iter().any(|target| target.cost.memory_mb != rates.memory_mb) {
        rows.add("memory, MB", |t| t.cost.memory_mb.to_string());
    }
    // Who has answered nothing has cost nothing that can be told.
    let measured = |value: String, target: &Measured| if target.is_measured() { value } else { NONE.to_owned() };
    rows.add("billed ms per photo", |t| measured(number(t.cost.billed_ms), t));
    rows.add("Lambda, Function URL", |t| measured(dollars(t.cost.url), t));
    rows.add("Lambda, S3 and SQS", |t| measured(dollars(t.cost.bulk), t));
    if rates.machine_per_hour.is_some() {
        rows.add("this machine, always busy", |t| t.cost.machine.map_or_else(|| "-".to_owned(), dollars));
    }
    let machine = rates.machine_per_hour.map_or_else(String::new, |usd| format!("; this machine at ${usd} per hour"));
    Table {
        title: "Cost".to_owned(),
        header,
        rows: rows.rows,
        note: Some(format!(
            "list prices of {}, {}, {}, {}, with logs and starts, without free tier and data transfer; for targets on \
             this machine, what their speed would cost in Lambda{machine}",
            rates.list_of,
            rates.region,
            comparison.memories(),
            rates.architecture.name(),
        )),
    }
}

fn ladder(comparison: &Comparison) -> Option<Table> {
    let mut steps: Vec<usize> =
        comparison.targets.iter().flat_map(|target| &target.ladder).map(|rung| rung.at_once).collect();
    steps.sort_unstable();
    steps.dedup();
    let cell = |rung: &Rung| {
        let interval =
            rung.interval.map_or_else(String::new, |of| format!(" ({} to {})", number(of.low), number(of.high)));
        format!("{}{interval}", number(rung.photos_per_second))
    };
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|at_once| {
            let mut row = vec![at_once.to_string()];
            row.extend(comparison.targets.iter().map(|target| {
                let rung = target.ladder.iter().find(|rung| rung.at_once == *at_once);
                rung.map_or_else(|| NONE.to_owned(), cell)
            }));
            row
        })
        .collect();
    let note = "medians of rounds in turn, 95 % intervals".to_owned();
    let header = header(comparison, "photos/s by photos at once");
    (!rows.is_empty()).then(|| Table { title: "Concurrency".to_owned(), header, rows, note: Some(note) })
}

fn folders(comparison: &Comparison) -> Option<Table> {
    let failed = comparison.folders.iter().any(|folder| folder.failed > 0);
    let rows: Vec<Vec<String>> = comparison
        .folders
        .iter()
        .map(|folder| {
            let seconds = |value: f64| format!("{value:.4}");
            let mut row = vec![
                folder.name.clone(),
                folder.photos.to_string(),
                folder.target.clone(),
                seconds(folder.inference_s),
                seconds(folder.upload_s),
                seconds(folder.round_trip_s),
                number(folder.photos_per_second),
            ];
            row.extend(failed.then(|| folder.failed.to_string()));
            row
        })
        .collect();
    let mut header = vec!["folder", "photos", "target", "inference, s", "upload, s", "round trip, s", "photos/s"];
    header.extend(failed.then_some("failed"));
    (!rows.is_empty()).then(|| Table {
        title: "Small, medium and big folders".to_owned(),
        header: header.into_iter().map(str::to_owned).collect(),
        rows,
        note: Some(
            "medians per photo; the student project measured 0.207 s of inference and 0.2765 s of round trip on a \
             laptop, 0.185 s and 0.80 s on EC2"
                .to_owned(),
        ),
    })
}

fn waterfall(waterfall: &Waterfall) -> Table {
    let failed = waterfall.steps.iter().any(|step| step.failed > 0);
    let mut header = vec!["step", "ms per photo", "saves, ms", "95 % interval, ms", "kB sent per photo"];
    header.extend(failed.then_some("failed"));
    let row = |(place, step): (usize, &Step)| {
        let interval = step.saves_interval_ms.map(|of| format!("{} to {}", number(of.low), number(of.high)));
        let (saves, interval) = match place {
            0 => (String::new(), String::new()),
            _ => (number(step.saves_ms), interval.unwrap_or_else(|| NONE.to_owned())),
        };
        let mut row = vec![step.name.clone(), number(step.ms), saves, interval, number(step.sent_bytes / 1e3)];
        row.extend(failed.then(|| step.failed.to_string()));
        row
    };
    Table {
        title: format!("{WATERFALL}{}", waterfall.target),
        header: header.into_iter().map(str::to_owned).collect(),
        rows: waterfall.steps.iter().enumerate().map(row).collect(),
        note: Some("medians of wall time; each step keeps what those before it brought".to_owned()),
    }
}
