//! One photo's result, whichever way it came.

use std::borrow::Cow;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use wire::{Outcome, Source};

/// One photo's result.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The photo: its path as given, or where in S3 it is.
    pub photo: &'a Path,
    /// The answer, or why there is none.
    pub outcome: &'a Outcome,
    /// Where the time went, where the photo was posted.
    pub client_ms: Option<ClientMs>,
    /// How long the answer took, where that is known, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// The object that the photo is in S3, where it is one.
    pub source: Option<&'a Source>,
}

/// The client's phases and their milliseconds, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientMs(pub Vec<(Cow<'static, str>, f64)>);

impl Serialize for ClientMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for ClientMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Phases;

        impl<'de> Visitor<'de> for Phases {
            type Value = ClientMs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("phases and their milliseconds")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClientMs, A::Error> {
                let mut phases = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, f64>()? {
                    phases.push((name.into(), value));
                }
                Ok(ClientMs(phases))
            }
        }

        deserializer.deserialize_map(Phases)
    }
}
