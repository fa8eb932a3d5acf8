//! Options of a request, and the problems that a request may have.

use wire::{Options, Problem, Unknown};

/// The options of a query.
pub(crate) fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for unknown in [Unknown::Refused, Unknown::Ignored] {
        match Options::from_query(text, unknown) {
            Ok(options) => {
                sound(&options);
                let query = options.to_query();
                match Options::from_query(&query, Unknown::Refused) {
                    Ok(again) => assert_eq!(again, options, "{text:?} is {query:?}"),
                    Err(problem) => panic!("{query:?} of {text:?} is refused: {}", problem.detail),
                }
            }
            Err(problem) => told(&problem),
        }
    }
}

/// Options are what their documentation says.
pub(crate) fn sound(options: &Options) {
    let fraction = |value: Option<f32>| value.is_none_or(|value| (0.0..=1.0).contains(&value));
    assert!(fraction(options.confidence) && fraction(options.iou) && fraction(options.redact_margin), "{options:?}");
    assert!(options.slice.is_none_or(|side| side == 0 || (32..=32_768).contains(&side)), "{options:?}");
    assert!(options.slice_overlap.is_none_or(|overlap| (0.0..=0.9).contains(&overlap)), "{options:?}");
    assert!(options.max_slices.is_none_or(|most| (1..=1024).contains(&most)), "{options:?}");
}

/// A problem is the sender's, is told in words, and does not give their whole body back.
pub(crate) fn told(problem: &Problem) {
    assert!((400..500).contains(&problem.code.status()), "{problem:?}");
    assert!((1..2000).contains(&problem.detail.len()), "{} bytes of detail", problem.detail.len());
}
