//! Clients of other services, answered as their own service would: how their requests are told and read, and how they hear
//! of errors. One file per service.

pub(crate) mod rekognition;
pub(crate) mod roboflow;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use wire::{Format, Problem};

/// Whose client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompatibleApi {
    /// Amazon Rekognition's: an AWS SDK.
    Rekognition,
    /// Roboflow's inference server's: `inference-sdk`.
    Roboflow,
}

impl CompatibleApi {
    /// Whose client sends a request with this head, if it is none of this service's own.
    pub(crate) fn of(head: &Parts, path: &str) -> Option<Self> {
        if head.method == Method::POST && path.is_empty() && rekognition::is_call(&head.headers) {
            return Some(Self::Rekognition);
        }
        roboflow::PATHS.contains(&path).then_some(Self::Roboflow)
    }

    /// The shape of its answers.
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Rekognition => Format::Rekognition,
            Self::Roboflow => Format::Roboflow,
        }
    }

    /// How it hears of a problem; `allowed` are the methods a 405 names.
    pub(crate) fn problem(self, problem: &Problem, allowed: &'static str) -> Response<Bytes> {
        match self {
            Self::Rekognition => rekognition::fault(problem),
            Self::Roboflow => roboflow::fault(problem, allowed),
        }
    }
}
