//! The shapes an answer can take. `spotter` is [`crate::Answer`] itself; the others are made from it.

pub mod coco;
pub mod rekognition;
pub mod roboflow;
pub mod seed;
