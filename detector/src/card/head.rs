//! What a card says of a graph's outputs: the kind of head, and, for a table, how to read it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the graph gives. All but `kind` are for [`HeadKind::Table`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadCard {
    /// Which head reads the outputs.
    pub kind: HeadKind,
    /// What the four numbers of a box are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub boxes: BoxForm,
    /// In what they are counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Unit,
    /// Whether a column of objectness stands before the classes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub objectness: bool,
    /// What is still to be done to scores.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// Whether candidates are columns, not rows: `[1, 4 + classes, N]`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transposed: bool,
    /// Columns after the classes that are left alone: masks, keypoints, landmarks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extra: usize,
    /// The number of the first label where the graph names classes by number, 0 or 1. From 1, COCO's labels have the
    /// numbers of COCO's categories, 1 to 90.
    #[serde(default, skip_serializing_if = "is_default")]
    pub first_class: u8,
    /// Whether boxes of the same object still overlap. `false`: the graph has done its own suppression.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub nms: bool,
    /// Which outputs hold what; absent where the graph has only one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs: TableOutputs,
}

/// The outputs of a table by name: `table` alone, or `boxes` with `scores`, `classes` or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableOutputs {
    /// Boxes and scores of each candidate, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// `[1, N, 4]`; `[1, N, 5]` where the score stands behind the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boxes: Option<String>,
    /// `[1, N, classes]`, or, with `classes`, the score of each box, `[1, N]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<String>,
    /// The class of each box, by number, `[1, N]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
    /// How many of the boxes count, `[1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
}

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
    /// Softmax over the classes and one more, the last, which is the background.
    Softmax,
}

/// The heads. Each has a file of its name under `head/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKind {
    /// YOLOX raw grid.
    Yolox,
    /// Ultralytics v8/v9/11 exports.
    Yolo,
    /// YOLOv10 and YOLO26 end-to-end exports.
    YoloE2e,
    /// RT-DETR, D-FINE, RF-DETR.
    Detr,
    /// TensorFlow Object Detection API exports.
    Ssd,
    /// NanoDet (GFL).
    Nanodet,
    /// FastestDet.
    Fastestdet,
    /// Candidates in rows or columns, in one output or several, as the card describes them.
    Table,
}

impl HeadCard {
    /// A head that needs no description.
    #[must_use]
    pub fn of(kind: HeadKind) -> Self {
        Self {
            kind,
            boxes: BoxForm::default(),
            unit: Unit::default(),
            objectness: false,
            activation: Activation::default(),
            transposed: false,
            extra: 0,
            first_class: 0,
            nms: true,
            outputs: TableOutputs::default(),
        }
    }

    /// What its types cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.kind != HeadKind::Table {
            return if *self == Self::of(self.kind) {
                Ok(())
            } else {
                Err(format!(
                    "head.kind = {:?} says all of a head; what else there is describes \"table\"",
                    self.kind.to_string()
                ))
            };
        }
        let TableOutputs { table, boxes, scores, classes, count } = &self.outputs;
        let apart = [boxes, scores, classes, count].into_iter().any(Option::is_some);
        if table.is_some() && apart {
            return Err("head.outputs names a table, or boxes with scores or classes, not both".to_owned());
        }
        if apart && (boxes.is_none() || scores.is_none() && classes.is_none()) {
            return Err("head.outputs needs boxes, and scores, classes or both".to_owned());
        }
        if self.activation == Activation::Softmax && self.objectness {
            return Err("head.activation = \"softmax\" has its own background: leave objectness out".to_owned());
        }
        if self.first_class > 1 {
            return Err("head.first_class must be 0 or 1".to_owned());
        }
        if self.first_class == 1 && classes.is_none() {
            return Err("head.first_class is for outputs that name classes by number (head.outputs.classes)".to_owned());
        }
        Ok(())
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}
