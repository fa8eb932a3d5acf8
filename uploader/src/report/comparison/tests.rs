//! A comparison made by hand, for the tests of everything that reads one.

use std::time::Duration;

use wire::{Answer, FoundObject, ImageSize, ModelRef, Outcome, ThresholdsUsed, TimingsMs};

use super::measured::Origin;
use super::*;
use crate::link::{Phases, Traffic};
use crate::prices::Architecture;
use crate::record::Record;
use crate::report::tally::Tally;
use crate::target_kind::Kind;

pub(crate) fn answer(detections: Vec<FoundObject>) -> Answer {
    Answer {
        image: ImageSize { width: 640, height: 480 },
        detections,
        model: ModelRef { name: "yolox-nano".to_owned(), sha256: "c789161ed43c".to_owned(), note: None },
        thresholds: ThresholdsUsed { confidence: 0.25, iou: 0.45, max_detections: 100 },
        timings_ms: TimingsMs {
            queue: 0.0,
            decode: 1.0,
            preprocess: 1.0,
            inference: 7.0,
            postprocess: 1.0,
            total: 10.0,
            slices: 0,
        },
        cold_start: false,
        init_ms: 61.0,
        annotated: None,
        redacted: None,
    }
}

/// A photo that was answered after so many milliseconds; the function took ten of them.
pub(crate) fn sample(target: usize, photo: &str, ms: f64) -> Sample {
    let cat = FoundObject { label: "cat".to_owned(), class_id: 15, score: 0.9, bbox: [1.0, 2.0, 3.0, 4.0] };
    let time = Duration::from_secs_f64(ms / 1e3);
    let encode = Duration::from_millis(2);
    let phases = Phases { encode, wait: time, total: time + encode, ..Phases::default() };
    Sample {
        target,
        name: ["here", "there"][target].to_owned(),
        run: 1,
        turn: 0,
        place: 0,
        record: Record {
            photo: photo.into(),
            outcome: Outcome::Answer(Box::new(answer(vec![cat]))),
            phases,
            round_trip: time,
            tries: 1,
            photo_bytes: 10_000,
            traffic: Traffic { sent: 10_200, received: 500 },
        },
    }
}

/// `here` takes about 15 ms and `there` about 150; the last of twelve photos fails there.
pub(crate) fn comparison() -> Comparison {
    let (mut samples, mut turns) = (Vec::new(), Vec::new());
    for turn in 0..12_u32 {
        for (target, ms) in [(0, 15.0), (1, 150.0)] {
            let ms = ms + f64::from(turn % 4);
            let mut sample = Sample { turn: turn as usize, ..sample(target, &format!("<b>{turn}.jpg"), ms) };
            let fails = turn == 11 && target == 1;
            if fails {
                sample.record.outcome = Outcome::Error { error: crate::photo::item_error("timeout", "no answer") };
            }
            let wall = Duration::from_secs_f64(ms / 1e3);
            turns.push(Turn { target, turn: turn as usize, photos: 1, wall, clean: !fails });
            samples.push(sample);
        }
    }
    let rates = Rates::new(Architecture::X86_64, 1769, 0.0, Some(0.17));
    let origin = |(place, (name, kind, round_trip)): (usize, (&str, Kind, f64))| {
        let mut tally = Tally::begin();
        samples.iter().filter(|sample| sample.target == place).for_each(|sample| tally.add(&sample.record));
        tally.elapsed = turns.iter().filter(|turn: &&Turn| turn.target == place).map(|turn| turn.wall).sum();
        let pace = tally.throughput();
        let ladder = [1, 4].into_iter().filter_map(|at_once| Rung::new(at_once, &[pace * at_once as f64; 6])).collect();
        let link = Link { round_trip, ..Link::default() };
        Origin { name: name.to_owned(), title: format!("<{name}>"), kind, link, memory_mb: 1769, tally, ladder }
    };
    let origins =
        [("here", Kind::Local, 0.1), ("there", Kind::Url, 110.0)].into_iter().enumerate().map(origin).collect();
    let targets = measure(origins, &samples, &turns, &rates, false);
    let pairs = vec![Pair::new(&targets, (0, 1), &samples, &turns, 1, false)];
    let folders = ["here", "there"].map(|target| Folder {
        name: "SMALL".to_owned(),
        photos: 15,
        target: target.to_owned(),
        failed: 0,
        inference_s: 0.007,
        upload_s: 0.1,
        round_trip_s: 0.11,
        photos_per_second: 9.0,
    });
    let steps = [("like 2023", 705.0), ("+ kept connections", 241.0), ("+ concurrency", 35.0)];
    let steps =
        steps.map(|(name, ms)| StepTimes { name: name.to_owned(), ms: vec![Some(ms); 12], sent_bytes: 10_000.0 });
    let comparison = Comparison {
        environment: Environment::look(),
        settings: Settings { photos: 12, runs: 1, warmup: 0, concurrency: 1, rate: None, body: "binary", resize: None },
        targets,
        pairs,
        rates,
        folders: folders.to_vec(),
        waterfalls: vec![Waterfall::new("there".to_owned(), &steps)],
        summary: Vec::new(),
        verdict: Vec::new(),
        samples,
    };
    comparison.conclude()
}

/// The same, but of one photo more, in which `here` found a cat and `there` a dog.
pub(crate) fn differing(photo: &str) -> Comparison {
    let mut comparison = comparison();
    let dog = FoundObject { label: "dog".to_owned(), class_id: 16, score: 0.8, bbox: [10.0, 20.0, 300.0, 400.0] };
    let (first, mut second) = (sample(0, photo, 15.0), sample(1, photo, 150.0));
    second.record.outcome = Outcome::Answer(Box::new(answer(vec![dog])));
    if let (Some(a), Some(b)) = (first.answer(), second.answer()) {
        comparison.pairs[0].boxes.add(photo, a, b);
    }
    comparison.samples.extend([first, second]);
    comparison.conclude()
}

fn told(comparison: &Comparison, topic: &str) -> String {
    let found = comparison.verdict.iter().filter(|finding| finding.topic == topic);
    let told: Vec<String> = found.map(|finding| finding.text.to_string()).collect();
    assert!(!told.is_empty(), "nothing on {topic} in {:?}", comparison.verdict);
    told.join("\n")
}

#[test]
fn the_verdict_answers_every_question() {
    let comparison = comparison();
    let told = |topic| told(&comparison, topic);
    let speed = told("speed");
    assert!(speed.starts_with("here is faster than there:") && speed.contains("11 pairs"), "{speed}");
    assert_eq!(told("boxes"), "here and there found the same boxes in all 11 photos.");
    assert_eq!(told("failures"), "there failed with 1 of 12 photos (timeout 1).");
    let network = told("network");
    assert!(network.contains("of the round trip to there is network"), "{network}");
    let break_even = told("break_even");
    let bandwidth = "Bandwidth: at this latency there never beats here; even with infinite bandwidth it takes";
    assert!(break_even.starts_with(bandwidth), "{break_even}");
    assert!(break_even.contains("Batch size: there never finishes first, startup included, each at its best concurrency (4 at here, 4 at there)"), "{break_even}");
    let cost = told("cost");
    assert!(cost.contains("us-east-1") && cost.contains("$0.17 per hour"), "{cost}");
    let client = told("client");
    assert!(client.contains("705 ms per photo, this one 35.0: 20.1 times"), "{client}");
    assert!(client.contains("Kept connections: saves 464 ms"), "{client}");
}

#[test]
fn the_same_numbers_give_the_same_words() {
    assert_eq!(comparison().verdict, comparison().verdict);
}

#[test]
fn cold_starts_do_not_count() {
    let mut cold = sample(0, "a.jpg", 900.0);
    if let Outcome::Answer(answer) = &mut cold.record.outcome {
        answer.cold_start = true;
    }
    let mut comparison = comparison();
    comparison.samples.push(cold);
    assert_eq!(comparison.counted(0).count(), 12);
}
