//! What a request brings: photos and options, in whatever form they came.

use bytes::Bytes;
use wire::rekognition::Wanted;
use wire::{Options, Problem};

/// The photos of a request and what is asked of them.
#[derive(Debug)]
pub(crate) struct RequestContent {
    /// Each photo's bytes, or why it has none.
    pub(crate) photos: Vec<Result<Bytes, Problem>>,
    /// The answer is a list, also for one photo.
    pub(crate) many: bool,
    /// The body was a photo itself: an annotated answer is one too.
    pub(crate) raw: bool,
    /// Options of the body, then of the query.
    pub(crate) options: Options,
    /// Which labels of Rekognition's answer are wanted.
    pub(crate) wanted: Option<Wanted>,
}
