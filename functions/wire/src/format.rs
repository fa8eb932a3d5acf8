//! The names of the shapes that an answer can take.

use serde::{Deserialize, Serialize};

/// Shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// This project's own.
    #[default]
    Spotter,
    /// The student project's: `bounding_boxes` as ymin, xmin, ymax, xmax from 0 to 1.
    Seed,
    /// COCO results: `category_id`, `bbox` as x, y, width, height.
    Coco,
    /// Amazon Rekognition's `DetectLabels`.
    Rekognition,
    /// Roboflow's inference server: `predictions` with their centres.
    Roboflow,
}

impl Format {
    /// The names, as they are written in options.
    pub const NAMES: [&str; 5] = ["spotter", "seed", "coco", "rekognition", "roboflow"];
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "spotter" => Ok(Self::Spotter),
            "seed" => Ok(Self::Seed),
            "coco" => Ok(Self::Coco),
            "rekognition" => Ok(Self::Rekognition),
            "roboflow" => Ok(Self::Roboflow),
            other => Err(format!("unknown format {other:?}; the formats are {}", Self::NAMES.join(", "))),
        }
    }
}
