//! What follows from the numbers, in words.

use serde::Serialize;

use super::break_even::Threshold;
use super::pair::Offload;
use super::sheet::{dollars, number};
use super::{Comparison, Measured, Pair, Waterfall};

/// So many names are told; the rest is in the JSON report.
const NAMES: usize = 5;

/// One answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about: `speed`, `boxes`, `network`, `break_even`, `concurrency`, `cost`, `client`, `failures`,
    /// `passed_over`, `ended_early`.
    pub(crate) topic: &'static str,
    pub(crate) text: String,
}

/// The verdict on a comparison.
pub(crate) fn verdict(comparison: &Comparison) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |topic, text: String| findings.push(Finding { topic, text });
    for target in comparison.targets.iter().filter(|target| target.failed() > 0) {
        tell("failures", failures(target));
    }
    for pair in &comparison.pairs {
        tell("speed", speed(comparison, pair));
        tell("boxes", boxes(comparison, pair));
        if let Some(offload) = &pair.offload {
            tell("network", network(offload));
            tell("break_even", link(offload));
            tell("break_even", distance(offload));
            tell("break_even", photos(offload));
            tell("concurrency", concurrency(comparison, offload));
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
    format!("{} failed with {} of {} photos ({}).", target.name, target.failed(), target.photos, codes.join(", "))
}

fn speed(comparison: &Comparison, pair: &Pair) -> String {
    let (first, second) = (&pair.first, &pair.second);
    let Some(time) = &pair.time else {
        return format!(
            "{first} and {second} cannot be compared: it takes two photos or more that both answer, cold starts apart."
        );
    };
    let settings = &comparison.settings;
    let what = if settings.rate.is_some() { "round trip" } else { "per photo" };
    let of = |name: &str| {
        let target = comparison.targets.iter().find(|target| target.name == *name);
        target.map_or(0.0, |t| if settings.rate.is_some() { t.round_trip_ms.mean } else { t.per_photo_ms })
    };
    let at_once = settings.concurrency;
    if !time.is_told() {
        return format!(
            "No difference between {first} and {second} can be told: {} and {} ms {what}, {at_once} at once; the \
             difference is between {} and {} ms (95 % confidence, {} pairs).",
            number(of(first)),
            number(of(second)),
            number(time.ms.low),
            number(time.ms.high),
            time.pairs,
        );
    }
    let ratio = time.ratio;
    let (winner, loser, factor, low, high) = if time.ms.value > 0.0 {
        (first, second, ratio.value, ratio.low, ratio.high)
    } else {
        (second, first, 1.0 / ratio.value, 1.0 / ratio.high, 1.0 / ratio.low)
    };
    format!(
        "{winner} is faster than {loser}: {} ms {what} against {}, {factor:.2} times (95 % confidence: {low:.2} to \
         {high:.2}, {} pairs), {at_once} at once.",
        number(of(winner)),
        number(of(loser)),
        time.pairs,
    )
}

fn boxes(comparison: &Comparison, pair: &Pair) -> String {
    let (first, second, boxes) = (&pair.first, &pair.second, &pair.boxes);
    let models = |name: &str| {
        let target = comparison.targets.iter().find(|target| target.name == *name);
        target.map_or_else(String::new, |target| {
            target.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(" and ")
        })
    };
    let mut text = match (boxes.photos, boxes.different.len()) {
        (0, _) => return format!("No photo was answered by both {first} and {second}: boxes cannot be compared."),
        (photos, 0) => format!("{first} and {second} found the same boxes in all {photos} photos."),
        (photos, different) => {
            let names: Vec<&str> = boxes.different.iter().take(NAMES).map(|photo| photo.photo.as_str()).collect();
            let more = different.saturating_sub(NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!(
                "{first} and {second} found different boxes in {different} of {photos} photos: {}{more}.",
                names.join(", ")
            )
        }
    };
    if !pair.same_model {
        text += &format!(" They do not run the same model file: {} and {}.", models(first), models(second));
    }
    text
}

fn network(offload: &Offload) -> String {
    let way = &offload.way_ms;
    let rate =
        offload.mbit.map_or_else(String::new, |mbit| format!(" ({} Mbit/s as these photos felt it)", number(mbit)));
    format!(
        "{:.0} % of the round trip to {} is network: of {} ms, {} are the link's round trip, {} the bytes{rate}; {} are \
         the platform, {} the function.",
        offload.network_share * 100.0,
        offload.far,
        number(offload.far_ms),
        number(way.round_trip),
        number(way.transfer),
        number(way.platform),
        number(way.function),
    )
}

fn link(offload: &Offload) -> String {
    let (near, far) = (&offload.near, &offload.far);
    let now = offload.mbit.map_or_else(String::new, |mbit| format!(" (it was {})", number(mbit)));
    match &offload.link_mbit {
        Threshold::From { value } => {
            format!("Link: a photo is back sooner from {far} than from {near} from {} Mbit/s on{now}.", number(*value))
        }
        Threshold::UpTo { .. } | Threshold::Always => {
            format!("Link: a photo is back sooner from {far} than from {near} at any rate.")
        }
        Threshold::Never { because } => {
            format!("Link: at this distance a photo is never back sooner from {far} than from {near}: {because}.")
        }
    }
}

fn distance(offload: &Offload) -> String {
    let (near, far) = (&offload.near, &offload.far);
    let now = number(offload.way_ms.round_trip);
    match &offload.round_trip_ms {
        Threshold::UpTo { value } => format!(
            "Distance: over this link, a photo is back sooner from {far} than from {near} up to a round trip of {} ms (it was {now}).",
            number(*value)
        ),
        Threshold::From { .. } | Threshold::Always => {
            format!("Distance: a photo is back sooner from {far} than from {near} at any.")
        }
        Threshold::Never { because } => {
            format!("Distance: over this link, a photo is never back sooner from {far} than from {near}: {because}.")
        }
    }
}

fn photos(offload: &Offload) -> String {
    let (near, far) = (&offload.near, &offload.far);
    let each = format!(
        "start included, each at its best ({} at once at {near}, {} at {far})",
        offload.near_at_once, offload.far_at_once
    );
    match &offload.photos {
        Threshold::From { value } => format!("Number: {far} is done before {near} from {value:.0} photos on, {each}."),
        Threshold::UpTo { value } => format!("Number: {far} is done before {near} up to {value:.0} photos, {each}."),
        Threshold::Always => format!("Number: {far} is done before {near} with any number of photos, {each}."),
        Threshold::Never { because } => {
            format!("Number: {far} is not done before {near} with any number of photos, {each}: {because}.")
        }
    }
}

fn concurrency(comparison: &Comparison, offload: &Offload) -> String {
    let (near, far) = (&offload.near, &offload.far);
    let find = |name: &str| comparison.targets.iter().find(|target| target.name == *name);
    let pace = |name: &str| find(name).map_or((0.0, 0), |target| target.best_pace(comparison.settings.concurrency));
    let ((near_best, near_at), (far_best, far_at)) = (pace(near), pace(far));
    let one = find(far).and_then(|target| target.ladder.iter().find(|rung| rung.at_once == 1));
    let alone = one.map_or_else(String::new, |rung| format!(", {} with one", number(rung.photos_per_second)));
    let how = if offload.at_once.measured { "measured" } else { "reckoned, not measured" };
    let overtakes = match &offload.at_once.threshold {
        Threshold::From { value } => {
            format!("{far} does more per second than {near} from {value:.0} at once on ({how})")
        }
        Threshold::Never { because } => {
            format!("however many at once, {far} does not overtake {near}: {because} ({how})")
        }
        Threshold::UpTo { .. } | Threshold::Always => format!("{far} does more per second than {near} ({how})"),
    };
    format!(
        "{far} does {} photos/s with {far_at} at once{alone}; {near} does {} with {near_at}: {overtakes}.",
        number(far_best),
        number(near_best),
    )
}

fn cost(comparison: &Comparison) -> String {
    let rates = &comparison.rates;
    let mut parts = Vec::new();
    for target in comparison.targets.iter().filter(|target| target.is_measured()) {
        let cost = &target.cost;
        let would = if target.kind == crate::args::Kind::Url { "cost" } else { "would cost, in Lambda at its speed," };
        parts.push(format!(
            "1000 photos {would} {} at {} ({} through S3 and SQS)",
            dollars(cost.url),
            target.name,
            dollars(cost.bulk)
        ));
        if let (Some(machine), Some(from), Some(usd)) = (cost.machine, cost.machine_pays_from, rates.machine_per_hour) {
            let busy = format!("a machine like this one, at ${usd} per hour, does them for {}", dollars(machine));
            parts.push(if machine < cost.url {
                format!("{busy} if it never idles, and is cheaper than Lambda from {from:.0} photos per hour on")
            } else {
                format!("{busy} at best, and is never cheaper than Lambda")
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
    let saved: Vec<String> = waterfall
        .steps
        .iter()
        .skip(1)
        .map(|step| {
            let name = step.name.trim_start_matches("+ ");
            let (verb, ms) = if step.saves_ms >= 0.0 { ("saves", step.saves_ms) } else { ("adds", -step.saves_ms) };
            format!("{name}: {verb} {} ms", number(ms))
        })
        .collect();
    Some(format!(
        "At {}, a client like the student project's takes {} ms per photo, this one {}: {:.1} times. {}.",
        waterfall.target,
        number(first.ms),
        number(last.ms),
        waterfall.gain()?,
        capitalised(&saved.join(", ")),
    ))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
