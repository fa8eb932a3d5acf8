//! The phases of a photo, from the file to the boxes, as a comparison tells them.

use super::Sample;
use crate::link::as_millis;

/// Who is responsible for a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Client,
    Network,
    Platform,
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
pub(crate) const PHASES: [Phase; 14] = [
    phase("encode", Family::Client, "reading the photo, shrinking it, base64"),
    phase("dns", Family::Network, "name to address"),
    phase("connect", Family::Network, "TCP handshake; with a proxy, until it has opened the way"),
    phase("tls", Family::Network, "TLS handshake"),
    phase("send", Family::Network, "until the photo's last byte has left"),
    phase("link", Family::Network, "the link's round trip, out of the wait for the answer"),
    phase("overhead", Family::Platform, "the rest of the wait: server, emulator or Lambda, bytes still on their way"),
    phase("queue", Family::Function, "waiting in the function until it has a place for the photo"),
    phase("decode", Family::Function, "bytes to pixels"),
    phase("preprocess", Family::Function, "pixels to tensor"),
    phase("inference", Family::Function, "the model's run"),
    phase("postprocess", Family::Function, "boxes and thresholds"),
    phase("receive", Family::Network, "the rest of the answer"),
    phase("other", Family::Client, "other tries, and being late with --rate"),
];

/// A sample's phases in milliseconds; together they are its whole time. `link_ms` is the link's round trip.
pub(crate) fn split(sample: &Sample, link_ms: f64) -> Option<[f64; PHASES.len()]> {
    let answer = sample.answer()?;
    let phases = &sample.record.phases;
    let [encode, dns, connect, tls, send, wait, receive] =
        [phases.encode, phases.dns, phases.connect, phases.tls, phases.send, phases.wait, phases.receive]
            .map(as_millis);
    let stages = &answer.timings_ms;
    // A function's clock may count more than we waited, where it began before our last byte had left.
    let overhead = (wait - stages.total).max(0.0);
    let link = overhead.min(link_ms);
    let known = [
        encode,
        dns,
        connect,
        tls,
        send,
        link,
        overhead - link,
        stages.queue,
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

#[cfg(test)]
mod tests {
    use wire::Outcome;

    use super::super::tests::sample;
    use super::*;

    fn named(split: &[f64; PHASES.len()], name: &str) -> f64 {
        split[PHASES.iter().position(|phase| phase.name == name).unwrap()]
    }

    #[test]
    fn the_wait_comes_apart_and_the_sum_is_the_whole() {
        let sample = sample(0, "a.jpg", 50.0);
        let split = split(&sample, 20.0).unwrap();
        assert_eq!(named(&split, "link"), 20.0);
        assert!((named(&split, "overhead") - 20.0).abs() < 1e-6, "{split:?}");
        let whole = as_millis(sample.record.phases.total);
        assert!((split.iter().sum::<f64>() - whole).abs() < 0.01, "{split:?} is not {whole}");
    }

    #[test]
    fn waiting_in_the_function_is_nobodys_network() {
        let mut sample = sample(0, "a.jpg", 50.0);
        if let Outcome::Answer(answer) = &mut sample.record.outcome {
            answer.timings_ms.queue = 15.0;
            answer.timings_ms.total += 15.0;
        }
        let split = split(&sample, 20.0).unwrap();
        assert_eq!((named(&split, "queue"), named(&split, "link")), (15.0, 20.0));
        assert!((named(&split, "overhead") - 5.0).abs() < 1e-6, "{split:?}");
    }

    #[test]
    fn overhead_is_never_negative() {
        let split = split(&sample(0, "a.jpg", 3.0), 20.0).unwrap();
        assert_eq!((named(&split, "link"), named(&split, "overhead")), (0.0, 0.0));
    }
}
