//! What follows from the numbers, in words.

mod offload;

use serde::Serialize;

use super::headline::{Speed, models};
use super::marked::{Marked, code};
use super::statistics::LEAST;
use super::table::{dollars, number};
use super::{Comparison, Measured, Pair, Waterfall};

/// So many names are told; the rest is in the JSON report.
const NAMES: usize = 5;

/// One answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about: `failures`, `models`, `speed`, `boxes`, `network`, `break_even`, `concurrency`, `cost`, `client`,
    /// `passed_over`, `ended_early`.
    pub(crate) topic: &'static str,
    pub(crate) text: Marked,
}

/// The verdict on a comparison.
pub(crate) fn verdict(comparison: &Comparison) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |topic, text: String| findings.push(Finding { topic, text: text.into() });
    for target in comparison.targets.iter().filter(|target| target.failed() > 0) {
        tell("failures", failures(target));
    }
    for pair in &comparison.pairs {
        if let Some(text) = models(comparison, pair) {
            tell("models", text);
        }
        tell("speed", speed(comparison, pair));
        tell("boxes", boxes(pair));
        if let Some(offload) = &pair.offload {
            tell("network", offload::network(comparison, offload));
            offload::break_even(offload).into_iter().for_each(|text| tell("break_even", text));
            tell("concurrency", offload::concurrency(comparison, offload));
        }
    }
    tell("cost", cost(comparison));
    for waterfall in &comparison.waterfalls {
        if let Some(text) = client(waterfall) {
            tell("client", text);
        }
    }
    findings
}

fn failures(target: &Measured) -> String {
    let codes: Vec<String> = target.failures.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let (name, codes) = (code(&target.name), codes.join(", "));
    format!("{name} failed with {} of {} photos ({codes}).", target.failed(), target.photos)
}

fn speed(comparison: &Comparison, pair: &Pair) -> String {
    let (first, second) = (code(&pair.first), code(&pair.second));
    let more = format!("at least {LEAST} pairs are needed (more photos, or --runs)");
    let Some(time) = &pair.time else {
        return format!(
            "{first} and {second} cannot be compared: fewer than two photos were answered by both without a cold start; {more}."
        );
    };
    let settings = &comparison.settings;
    let what = if settings.rate.is_some() { "round trip" } else { "per photo" };
    let at_once = settings.concurrency;
    let (first_ms, second_ms) = (number(time.first_ms), number(time.second_ms));
    if !time.is_carried() {
        return format!(
            "{first} and {second} took {first_ms} and {second_ms} ms {what}, but {} pairs are too few to compare them: {more}.",
            time.pairs
        );
    }
    let Some(Speed { faster, slower, times }) = Speed::of(pair) else {
        return format!(
            "No difference between {first} and {second} can be told: {first_ms} and {second_ms} ms {what}, {at_once} at \
             once; the difference is between {} and {} ms (medians, 95 % confidence, {} pairs).",
            number(time.ms.low),
            number(time.ms.high),
            time.pairs,
        );
    };
    let (less, more) = if faster == pair.first { (first_ms, second_ms) } else { (second_ms, first_ms) };
    format!(
        "{} is faster than {}: {less} ms {what} against {more}, {:.2} times (medians, 95 % confidence: {:.2} to {:.2}, {} \
         pairs), {at_once} at once.",
        code(&faster),
        code(&slower),
        times.value,
        times.low,
        times.high,
        time.pairs,
    )
}

fn boxes(pair: &Pair) -> String {
    let (first, second, boxes) = (code(&pair.first), code(&pair.second), &pair.boxes);
    let mut text = match (boxes.photos, boxes.different.len()) {
        (0, _) => return format!("No photo was answered by both {first} and {second}: boxes cannot be compared."),
        (1, 0) => format!("{first} and {second} found the same boxes in the one photo."),
        (photos, 0) => format!("{first} and {second} found the same boxes in all {photos} photos."),
        (photos, different) => {
            let names: Vec<&str> = boxes.different.iter().take(NAMES).map(|photo| photo.photo.as_str()).collect();
            let more = different.saturating_sub(NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let of = if photos == 1 { "the one photo".to_owned() } else { format!("{different} of {photos} photos") };
            format!("{first} and {second} found different boxes in {of}: {}{more}.", names.join(", "))
        }
    };
    if !pair.same_model {
        text += " They do not run the same model file.";
    }
    text
}

fn cost(comparison: &Comparison) -> String {
    let rates = &comparison.rates;
    let mut parts = Vec::new();
    for target in comparison.targets.iter().filter(|target| target.is_measured()) {
        let (cost, name) = (&target.cost, code(&target.name));
        let (url, bulk) = (dollars(cost.url), dollars(cost.bulk));
        parts.push(if target.kind == crate::target_kind::Kind::Url {
            format!("1000 photos cost {url} at {name} ({bulk} through S3 and SQS)")
        } else {
            format!("1000 photos at the speed of {name} would cost {url} in Lambda ({bulk} through S3 and SQS)")
        });
        if let (Some(machine), Some(from), Some(usd)) = (cost.machine, cost.machine_pays_from, rates.machine_per_hour) {
            let busy = format!("on a machine like this one, at ${usd} per hour, {}", dollars(machine));
            parts.push(if machine < cost.url {
                format!("{busy} if it is always busy; it is cheaper than Lambda from {from:.0} photos per hour on")
            } else {
                format!("{busy} at best, never less than Lambda")
            });
        }
    }
    if parts.is_empty() {
        return "No cost can be told: nothing was answered.".to_owned();
    }
    format!("{}. Prices of {}, {}, {}.", parts.join("; "), rates.list_of, rates.region, comparison.memories())
}

fn client(waterfall: &Waterfall) -> Option<String> {
    let (first, last) = (waterfall.steps.first()?, waterfall.steps.last()?);
    let gain = match waterfall.gain {
        Some(gain) => {
            format!("{:.1} times (95 % confidence: {:.1} to {:.1})", gain.value, gain.low, gain.high)
        }
        None => "no difference can be told".to_owned(),
    };
    let name = |step: &super::steps::Step| step.name.trim_start_matches("+ ").to_owned();
    let mut parts: Vec<String> = Vec::new();
    for step in waterfall.steps.iter().skip(1).filter(|step| step.told) {
        let (verb, ms) = if step.saves_ms >= 0.0 { ("saves", step.saves_ms) } else { ("adds", -step.saves_ms) };
        parts.push(format!("{}: {verb} {} ms", name(step), number(ms)));
    }
    let untold: Vec<String> = waterfall.steps.iter().skip(1).filter(|step| !step.told).map(name).collect();
    if !untold.is_empty() {
        parts.push(format!("no difference that can be told: {}", untold.join(", ")));
    }
    Some(format!(
        "With {}, a client like the student project's takes {} ms per photo, this one {}: {gain}. {}.",
        code(&waterfall.target),
        number(first.ms),
        number(last.ms),
        capitalised(&parts.join("; ")),
    ))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
