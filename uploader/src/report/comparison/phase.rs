//! The phases of a photo, from the file to the boxes, as a comparison tells them.

use super::Sample;
use super::statistics::median;
use crate::link::as_millis;

/// Who is responsible for a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Client,
    Network,
    Platform,
    Queue,
    Function,
}

/// A phase: its name, whose it is, what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) meaning: &'static str,
}

const fn phase(name: &'static str, family: Family, meaning: &'static str) -> Phase {
    Phase { name, family, meaning }
}

/// All phases, in the order in which they happen.
pub(crate) const PHASES: [Phase; 15] = [
    phase("encode", Family::Client, "reading the photo, shrinking it, base64"),
    phase("dns", Family::Network, "name to address"),
    phase("connect", Family::Network, "TCP handshake; with a proxy, until it has opened the way"),
    phase("tls", Family::Network, "TLS handshake"),
    phase("send", Family::Network, "until the photo's last byte has left this machine"),
    phase("bytes", Family::Network, "the photo's bytes that were still on their way"),
    phase("link", Family::Network, "one round trip of the link"),
    phase("overhead", Family::Platform, "the server, the emulator or Lambda around the function"),
    phase("queue", Family::Queue, "waiting for a free worker"),
    phase("decode", Family::Function, "bytes to pixels"),
    phase("preprocess", Family::Function, "pixels to tensor"),
    phase("inference", Family::Function, "the model's run"),
    phase("postprocess", Family::Function, "boxes and thresholds"),
    phase("receive", Family::Network, "the rest of the answer"),
    phase("other", Family::Client, "earlier tries, and the waits before them"),
];

/// The phases of one photo, in milliseconds.
pub(crate) type Split = [f64; PHASES.len()];

/// Less than this is shown as nothing.
pub(crate) const SEEN_MS: f64 = 0.05;

/// A sample's phases; together they are its whole time. `link_ms` is the link's round trip, `transfer_ms` what the link needs
/// for the bytes that were under way with it.
pub(crate) fn split(sample: &Sample, link_ms: f64, transfer_ms: f64) -> Option<Split> {
    let answer = sample.answer()?;
    let phases = &sample.record.phases;
    let [encode, queue, dns, connect, tls, send, wait, receive] =
        [phases.encode, phases.queue, phases.dns, phases.connect, phases.tls, phases.send, phases.wait, phases.receive]
            .map(as_millis);
    let stages = &answer.timings_ms;
    // A function's clock may count more than we waited, where it began before our last byte had left.
    let around = (wait - stages.total).max(0.0);
    let link = around.min(link_ms);
    let bytes = (transfer_ms - send - receive).clamp(0.0, around - link);
    let known = [
        encode,
        dns,
        connect,
        tls,
        send,
        bytes,
        link,
        around - link - bytes,
        queue + stages.queue,
        stages.decode,
        stages.preprocess,
        stages.inference,
        stages.postprocess,
        receive,
    ];
    let other = (as_millis(phases.total) - known.iter().sum::<f64>()).max(0.0);
    let mut all = [other; PHASES.len()];
    all[..known.len()].copy_from_slice(&known);
    Some(all)
}

/// The phases of the photo in the middle. Medians of phases do not add up, and a single photo's are chance: so it is the mean of
/// the middle half by round trip, which no outlier reaches, scaled to the median round trip. Encoding is a median of its own.
pub(crate) fn typical(splits: &[Split]) -> Split {
    let round_trip = |split: &Split| split[1..].iter().sum::<f64>();
    let mut sorted: Vec<&Split> = splits.iter().collect();
    sorted.sort_by(|a, b| round_trip(a).total_cmp(&round_trip(b)));
    let quarter = sorted.len() / 4;
    let middle = &sorted[quarter..sorted.len() - quarter];
    let mut typical = [0.0; PHASES.len()];
    for split in middle {
        typical.iter_mut().zip(*split).for_each(|(sum, ms)| *sum += ms / middle.len() as f64);
    }
    let whole = round_trip(&typical);
    if whole > 0.0 {
        let scale = median(splits.iter().map(round_trip)) / whole;
        typical.iter_mut().for_each(|ms| *ms *= scale);
    }
    typical[0] = median(splits.iter().map(|split| split[0]));
    typical
}

#[cfg(test)]
mod tests {
    use wire::Outcome;

    use super::super::tests::sample;
    use super::*;

    fn named(split: &Split, name: &str) -> f64 {
        split[PHASES.iter().position(|phase| phase.name == name).unwrap()]
    }

    #[test]
    fn the_wait_comes_apart_and_the_sum_is_the_whole() {
        let sample = sample(0, "a.jpg", 50.0);
        let split = split(&sample, 20.0, 15.0).unwrap();
        assert_eq!((named(&split, "link"), named(&split, "bytes")), (20.0, 15.0));
        assert!((named(&split, "overhead") - 5.0).abs() < 1e-6, "{split:?}");
        let whole = as_millis(sample.record.phases.total);
        assert!((split.iter().sum::<f64>() - whole).abs() < 0.01, "{split:?} is not {whole}");
    }

    #[test]
    fn waiting_for_a_worker_is_nobodys_network() {
        let mut sample = sample(0, "a.jpg", 50.0);
        if let Outcome::Answer(answer) = &mut sample.record.outcome {
            answer.timings_ms.queue = 15.0;
            answer.timings_ms.total += 15.0;
        }
        // And 7 ms at this end, before it was sent.
        let here = std::time::Duration::from_millis(7);
        sample.record.phases.queue = here;
        sample.record.phases.total += here;
        let split = split(&sample, 20.0, 0.0).unwrap();
        assert_eq!((named(&split, "queue"), named(&split, "link")), (22.0, 20.0));
        assert!((named(&split, "overhead") - 5.0).abs() < 1e-6 && named(&split, "other") < 1e-6, "{split:?}");
    }

    #[test]
    fn overhead_is_never_negative() {
        let split = split(&sample(0, "a.jpg", 3.0), 20.0, 9.0).unwrap();
        assert_eq!((named(&split, "link"), named(&split, "bytes"), named(&split, "overhead")), (0.0, 0.0, 0.0));
    }

    #[test]
    fn the_typical_photo_adds_up_to_the_medians_and_knows_no_outlier() {
        let samples: Vec<Sample> =
            (0..12).map(|n| sample(0, "a.jpg", if n == 5 { 900.0 } else { 50.0 + f64::from(n % 4) })).collect();
        let splits: Vec<Split> = samples.iter().map(|sample| split(sample, 20.0, 0.0).unwrap()).collect();
        let typical = typical(&splits);
        assert_eq!(named(&typical, "encode"), 2.0);
        let round_trip: f64 = typical[1..].iter().sum();
        let median = median(samples.iter().map(Sample::round_trip_ms));
        assert!((round_trip - median).abs() < 0.01, "{round_trip} is not {median}");
        assert!(named(&typical, "overhead") < 23.0, "{typical:?}");
        assert_eq!(super::typical(&[]).iter().sum::<f64>(), 0.0);
    }
}
