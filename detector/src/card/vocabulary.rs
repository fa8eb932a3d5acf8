//! The words with which a card describes a table or a grid of candidates.

use serde::{Deserialize, Serialize};

/// The four numbers of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoxForm {
    /// Centre, width, height.
    #[default]
    Cxcywh,
    /// Two corners.
    Xyxy,
    /// Upper left corner, width, height.
    Xywh,
    /// Two corners, each with y first.
    Yxyx,
}

/// What boxes are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Pixels of the input.
    #[default]
    Input,
    /// 0 to 1 of the input.
    Unit,
    /// Pixels of the photo, whose size the graph is told as an input: the same as those of the input, since that is what it
    /// is told.
    Photo,
}

/// What makes a score of what a graph gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// The logistic function, of each score and of objectness.
    Sigmoid,
    /// Softmax over the classes and the background, which is the last column unless `background` says otherwise.
    Softmax,
}

/// Where the score of "nothing here" stands among those of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// Nowhere; with softmax, last.
    #[default]
    None,
    /// Before them.
    First,
    /// Behind them.
    Last,
}

/// What stands in the columns of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Column {
    /// The box: four columns, or four times the bins of a distribution.
    Box,
    /// Whether there is anything.
    Objectness,
    /// A score for each label, and for the background where there is one.
    Scores,
    /// One score, of the class that stands in `class`.
    Score,
    /// The class, by number.
    Class,
    /// The photo of the batch, by number.
    Batch,
    /// One column that is left alone.
    Skip,
}

/// How objectness and the class's own score become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Their product.
    #[default]
    Product,
    /// The square root of their product, as in YuNet.
    GeometricMean,
}

/// What a cell's numbers say of its box. `s` is the stride, `(x, y)` the cell, `(w, h)` its anchor, which is the stride
/// itself where the card has no anchors; `o` is the card's `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decode {
    /// Centre `(x + t) * s`, size `exp(t) * w`: YOLOX, YuNet.
    Exp,
    /// Centre `(x + sigmoid(t)) * s`, size `exp(t) * w`: YOLOv3, YOLOv4.
    Yolov3,
    /// Centre `(x - 0.5 + 2 sigmoid(t)) * s`, size `(2 sigmoid(t))^2 * w`: YOLOv5, YOLOv7.
    Yolov5,
    /// Centre `(x + o) * s + 0.1 t w`, size `exp(0.2 t) * w`: SSD, RetinaFace.
    Prior,
    /// From the point `(x + o) * s` the distances `t * s` to left, top, right and bottom: FCOS, SCRFD.
    Distances,
    /// The same, each distance the mean of a distribution over bins (generalized focal loss): NanoDet, PicoDet.
    Distribution,
}

/// The names of one output, or of one for each stride.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Names(pub Vec<String>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Names {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Names> for OneOrMany {
    fn from(names: Names) -> Self {
        match <[String; 1]>::try_from(names.0) {
            Ok([name]) => Self::One(name),
            Err(names) => Self::Many(names),
        }
    }
}

impl From<&str> for Names {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl Names {
    /// Whether the card names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The only one.
    #[must_use]
    pub fn one(&self) -> Option<&str> {
        match &self.0[..] {
            [name] => Some(name),
            _ => None,
        }
    }
}

/// The outputs of a head by name: `table` alone, or `boxes` with `scores`, `classes` or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadOutputs {
    /// Boxes and scores of each candidate, one after the other.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub table: Names,
    /// `[1, N, 4]`; `[1, N, 5]` where the score stands behind the box.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub boxes: Names,
    /// `[1, N, classes]`, or, with `classes`, the score of each box, `[1, N]`.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub scores: Names,
    /// Objectness, `[1, N, 1]`, of a grid.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub objectness: Names,
    /// Offsets of centres within their cells, `[1, 2, h, w]`, of a heat map.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub offsets: Names,
    /// The class of each box, by number, `[1, N]`.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub classes: Names,
    /// How many of the boxes count, `[1]`.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub count: Names,
}
