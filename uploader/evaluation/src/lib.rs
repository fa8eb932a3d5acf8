//! How well detections fit a ground truth.
//!
//! ```text
//! Truth::read (COCO, YOLO, VOC) -> pair photos with images, labels with categories -> evaluate -> Evaluation
//! ```
//!
//! COCO's figures are those of pycocotools, by `hotcoco`. Precision, recall and F1 over the score, and the worst photos, come of
//! its matches at an IoU of 0.50.

mod curve;
mod error;
mod evaluation;
mod figures;
mod labels;
mod matches;
mod pairing;
mod results;
mod truth;
mod worst;

pub use curve::{Operating, Point};
pub use error::EvaluationError;
pub use evaluation::{ClassResult, Detection, Evaluation, evaluate};
pub use figures::Figures;
pub use labels::Labels;
pub use pairing::{Named, Pairing, pair};
pub use results::{Boxes, ResultsError, Row, read_results};
pub use truth::{Category, Image, Object, Truth, TruthError};
pub use worst::Worst;
