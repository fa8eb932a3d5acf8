//! Files that somebody else may have written: cards, graphs, results.

use detector::Card;
use exports::{Content, Lines};
use wire::{Line, LineOutcome};

/// A model card: what was read is written, and read again.
pub(crate) fn card(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Card::parse("card", text) {
        Ok(card) => match card.to_toml().map(|toml| Card::parse("again", &toml)) {
            Ok(Ok(again)) => assert_eq!(again, card),
            Ok(Err(error)) | Err(error) => panic!("a card that cannot be written: {error}"),
        },
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A graph, prepared as far as no runtime is needed.
pub(crate) fn onnx(bytes: &[u8]) {
    prepare::fuzzing::rewrites(bytes);
}

/// A result, as detect-bulk writes it, and lines of results, as `convert` reads them.
pub(crate) fn line(bytes: &[u8]) {
    if let Ok(line) = serde_json::from_slice::<Line>(bytes) {
        if let LineOutcome::Answer(answer) = &line.outcome {
            let numbers = answer.detections.iter().flat_map(|found| found.bbox.iter().chain([&found.score]));
            assert!(numbers.copied().all(f64::is_finite), "a box of no size");
        }
        let text = serde_json::to_vec(&line).unwrap_or_default();
        match serde_json::from_slice::<Line>(&text) {
            Ok(again) => assert_eq!(again.identity(), line.identity()),
            Err(error) => panic!("a line that cannot be written: {error}"),
        }
    }
    let mut lines = Lines::new(bytes, "lines");
    while let Ok(Some(content)) = lines.next_line() {
        match content {
            Content::Found(found) => {
                let _ = found.entry();
            }
            Content::Broken(reason) => assert!(!reason.is_empty()),
        }
    }
}
