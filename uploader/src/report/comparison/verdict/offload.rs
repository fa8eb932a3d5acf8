//! Whether it pays to send photos away, in words.

use super::super::Comparison;
use super::super::break_even::Threshold;
use super::super::marked::code;
use super::super::pair::{Offload, UNTOLD};
use super::super::phase::SEEN_MS;
use super::super::table::number;

pub(super) fn network(comparison: &Comparison, offload: &Offload) -> String {
    let parts = &offload.way_ms;
    let rate = offload.mbit.map_or_else(String::new, |mbit| format!(" ({} Mbit/s effective)", number(mbit)));
    let queue = comparison.target(&offload.far).map_or(0.0, |target| target.phase("queue"));
    let waiting = if queue >= SEEN_MS { format!(" ({} of it in the queue)", number(queue)) } else { String::new() };
    let other = if parts.other >= SEEN_MS {
        format!(", {} new connections and earlier tries", number(parts.other))
    } else {
        String::new()
    };
    format!(
        "{:.0} % of the round trip to {} is network: of {} ms, {} are the link's round trip, {} the bytes{rate}, {} the \
         platform, {} the function{waiting}{other}.",
        offload.network_share * 100.0,
        code(&offload.far),
        number(offload.far_ms),
        number(parts.round_trip),
        number(parts.transfer),
        number(parts.platform),
        number(parts.function),
    )
}

/// From which bandwidth, latency and batch size on the far target wins; one sentence where none of it can be told.
pub(super) fn break_even(offload: &Offload) -> Vec<String> {
    let untold = |threshold: &Threshold| matches!(threshold, Threshold::Unknown { because } if because == UNTOLD);
    let thresholds = [&offload.link_mbit, &offload.round_trip_ms, &offload.photos];
    if thresholds.iter().all(|threshold| untold(threshold)) {
        let (near, far) = (code(&offload.near), code(&offload.far));
        return vec![format!("Break-even: none is given, since no difference between {near} and {far} can be told.")];
    }
    vec![bandwidth(offload), latency(offload), batch_size(offload)]
}

fn bandwidth(offload: &Offload) -> String {
    let (near, far) = (code(&offload.near), code(&offload.far));
    let now = offload.mbit.map_or_else(String::new, |mbit| format!(" (measured: {})", number(mbit)));
    match &offload.link_mbit {
        Threshold::From { value } => {
            format!("Bandwidth: at this latency {far} beats {near} from {} Mbit/s on{now}.", number(*value))
        }
        Threshold::UpTo { .. } | Threshold::Always => format!("Bandwidth: {far} beats {near} at any."),
        Threshold::Never { because } => format!("Bandwidth: at this latency {far} never beats {near}; {because}."),
        Threshold::Unknown { because } => format!("Bandwidth: no break-even can be told: {because}."),
    }
}

fn latency(offload: &Offload) -> String {
    let (near, far) = (code(&offload.near), code(&offload.far));
    let now = number(offload.way_ms.round_trip);
    match &offload.round_trip_ms {
        Threshold::UpTo { value } => format!(
            "Latency: at this bandwidth {far} beats {near} up to a round trip of {} ms (measured: {now}).",
            number(*value)
        ),
        Threshold::From { .. } | Threshold::Always => format!("Latency: {far} beats {near} at any."),
        Threshold::Never { because } => format!("Latency: at this bandwidth {far} never beats {near}; {because}."),
        Threshold::Unknown { because } => format!("Latency: no break-even can be told: {because}."),
    }
}

fn batch_size(offload: &Offload) -> String {
    let (near, far) = (code(&offload.near), code(&offload.far));
    let each = format!(
        "startup included, each at its best concurrency ({} at {near}, {} at {far})",
        offload.near_at_once, offload.far_at_once
    );
    match &offload.photos {
        Threshold::From { value } => format!("Batch size: {far} finishes first from {value:.0} photos on, {each}."),
        Threshold::UpTo { value } => format!("Batch size: {far} finishes first up to {value:.0} photos, {each}."),
        Threshold::Always => format!("Batch size: {far} always finishes first, {each}."),
        Threshold::Never { because } => format!("Batch size: {far} never finishes first, {each}: {because}."),
        Threshold::Unknown { because } => format!("Batch size: who finishes first cannot be told, {each}: {because}."),
    }
}

pub(super) fn concurrency(comparison: &Comparison, offload: &Offload) -> String {
    let (near, far) = (code(&offload.near), code(&offload.far));
    let pace = |name: &str| {
        let target = comparison.target(name);
        target.map_or((0.0, 0, None), |target| target.best_pace(comparison.settings.concurrency))
    };
    let ((near_best, near_at, _), (far_best, far_at, _)) = (pace(&offload.near), pace(&offload.far));
    let one = comparison.target(&offload.far).and_then(|target| target.ladder.iter().find(|rung| rung.at_once == 1));
    let alone = one.filter(|_| far_at != 1);
    let alone = alone.map_or_else(String::new, |rung| format!(" ({} with 1)", number(rung.photos_per_second)));
    let how = if offload.at_once.measured { "measured" } else { "estimated" };
    let overtakes = match &offload.at_once.threshold {
        Threshold::From { value } => format!("{far} does more from {value:.0} at once on ({how})"),
        Threshold::Never { because } => format!("{far} never overtakes {near}; {because} ({how})"),
        Threshold::Unknown { because } => because.clone(),
        Threshold::UpTo { .. } | Threshold::Always => format!("{far} does more ({how})"),
    };
    format!(
        "Concurrency: {far} does {} photos/s with {far_at} at once{alone}, {near} {} with {near_at}: {overtakes}.",
        number(far_best),
        number(near_best),
    )
}
