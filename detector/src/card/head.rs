//! What a card says of a graph's outputs: the kind of head, and, for a table or a grid, how to read it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::vocabulary::{Activation, Background, BoxForm, Column, Combine, Decode, HeadOutputs, Unit};

/// What the graph gives. All but `kind` are for [`HeadKind::Table`] and [`HeadKind::Grid`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadCard {
    /// Which head reads the outputs.
    pub kind: HeadKind,
    /// What the four numbers of a table's box are.
    #[serde(default, skip_serializing_if = "is_default")]
    pub boxes: BoxForm,
    /// In what they are counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: Unit,
    /// Whether a column of objectness stands before the classes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub objectness: bool,
    /// How objectness and score become one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub combine: Combine,
    /// What is still to be done to scores.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// Whether and where the background has a column among the classes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub background: Background,
    /// Whether candidates are columns, not rows: `[1, 4 + classes, N]`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transposed: bool,
    /// Columns after the classes that are left alone: masks, keypoints, landmarks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extra: usize,
    /// What stands in the columns, where it is not box, objectness, scores and extra.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The number of the first label where the graph names classes by number, 0 or 1. From 1, COCO's labels have the
    /// numbers of COCO's categories, 1 to 90.
    #[serde(default, skip_serializing_if = "is_default")]
    pub first_class: u8,
    /// Of a grid: what a cell's numbers say of its box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode: Option<Decode>,
    /// Of a grid: pixels between its cells, level by level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strides: Vec<u32>,
    /// Of a grid: width and height in pixels of each cell's anchors, level by level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Vec<[f32; 2]>>,
    /// Of a grid without anchors: how many candidates each cell has.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub per_cell: usize,
    /// Of a grid: where in its cell its point lies, 0 to 1.
    #[serde(default = "half", skip_serializing_if = "is_half")]
    pub offset: f32,
    /// Whether boxes of the same object still overlap. `false`: the graph has done its own suppression.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub nms: bool,
    /// Which outputs hold what; absent where the graph has only one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs: HeadOutputs,
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
    /// RT-DETR, D-FINE, RF-DETR; with `activation = "softmax"`, DETR.
    Detr,
    /// TensorFlow Object Detection API exports.
    Ssd,
    /// NanoDet (GFL).
    Nanodet,
    /// FastestDet.
    Fastestdet,
    /// Candidates in rows or columns, in one output or several, as the card describes them.
    Table,
    /// Candidates that lie on grids of strides, with or without anchors, as the card describes them.
    Grid,
    /// CenterNet: a map of centres, a map of sizes, and perhaps one of offsets.
    Heatmap,
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
            combine: Combine::default(),
            activation: Activation::default(),
            background: Background::default(),
            transposed: false,
            extra: 0,
            columns: Vec::new(),
            first_class: 0,
            decode: None,
            strides: Vec::new(),
            anchors: Vec::new(),
            per_cell: one(),
            offset: half(),
            nms: true,
            outputs: HeadOutputs::default(),
        }
    }

    /// Where the background's column is.
    pub(crate) fn background(&self) -> Background {
        match (self.activation, self.background) {
            (Activation::Softmax, Background::None) => Background::Last,
            (_, background) => background,
        }
    }

    /// What stands in the columns of a table.
    pub(crate) fn columns(&self) -> Vec<Column> {
        if !self.columns.is_empty() {
            return self.columns.clone();
        }
        let objectness = self.objectness.then_some(Column::Objectness);
        let described = [Some(Column::Box), objectness, Some(Column::Scores)];
        described.into_iter().flatten().chain(std::iter::repeat_n(Column::Skip, self.extra)).collect()
    }

    /// What its types cannot say.
    pub(super) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut refuse = |is_wrong: bool, reason: &str| {
            if is_wrong {
                wrong.push(reason.to_owned());
            }
        };
        let grid_fields = Self {
            decode: self.decode,
            strides: self.strides.clone(),
            anchors: self.anchors.clone(),
            per_cell: self.per_cell,
            offset: self.offset,
            ..Self::of(self.kind)
        };
        match self.kind {
            HeadKind::Table => {
                let reason = "head.decode, strides, anchors, per_cell and offset describe kind = \"grid\"";
                refuse(grid_fields != Self::of(self.kind), reason);
                self.check_table(&mut refuse);
            }
            HeadKind::Grid => self.check_grid(&mut refuse),
            HeadKind::Heatmap => {
                let described = Self {
                    activation: self.activation,
                    strides: self.strides.clone(),
                    nms: self.nms,
                    outputs: self.outputs.clone(),
                    ..Self::of(self.kind)
                };
                let fields = "head.kind = \"heatmap\" has activation, strides, nms and outputs";
                refuse(*self != described || self.activation == Activation::Softmax, fields);
                let HeadOutputs { boxes, scores, .. } = &self.outputs;
                let needs = "head.outputs of a heat map needs scores, boxes (sizes), and perhaps offsets";
                refuse(boxes.one().is_none() || scores.one().is_none(), needs);
                let stride = self.strides.len() != 1 || self.strides.iter().any(|stride| !(1..=64).contains(stride));
                refuse(stride, "head.strides of a heat map is one stride, from 1 to 64 pixels");
            }
            kind => {
                let activation = if kind == HeadKind::Detr { self.activation } else { Activation::None };
                let reason = format!(
                    "head.kind = \"{kind}\" says all of a head; what else there is describes \"table\" or \"grid\""
                );
                refuse(*self != Self { activation, ..Self::of(kind) }, &reason);
            }
        }
        wrong
    }

    fn check_table(&self, refuse: &mut impl FnMut(bool, &str)) {
        let HeadOutputs { table, boxes, scores, objectness, offsets, classes, count } = &self.outputs;
        let all = [table, boxes, scores, objectness, classes, count];
        refuse(all.iter().any(|names| names.0.len() > 1), "head.outputs of a table has one name for each");
        let others = !objectness.is_empty() || !offsets.is_empty();
        refuse(others, "head.outputs.objectness is for kind = \"grid\", offsets for kind = \"heatmap\"");
        let apart = [boxes, scores, classes, count].into_iter().any(|names| !names.is_empty());
        let both = "head.outputs names a table, or boxes with scores or classes, not both";
        refuse(!table.is_empty() && apart, both);
        let needs = "head.outputs needs boxes, and scores, classes or both";
        refuse(apart && (boxes.is_empty() || scores.is_empty() && classes.is_empty()), needs);
        let softmax = "head.activation = \"softmax\" has its own background: leave objectness out";
        refuse(self.activation == Activation::Softmax && self.objectness, softmax);
        refuse(self.first_class > 1, "head.first_class must be 0 or 1");
        let by_number = !classes.is_empty() || self.columns.contains(&Column::Class);
        let numbered = "head.first_class is for outputs that name classes by number (head.outputs.classes, or \"class\" in \
                        head.columns)";
        refuse(self.first_class == 1 && !by_number, numbered);
        self.check_columns(refuse);
        let given = self.columns.iter().filter(|column| matches!(column, Column::Score | Column::Class)).count();
        let alone = "head.columns needs \"scores\", or \"score\" and \"class\"";
        let scored = self.columns.contains(&Column::Scores);
        let fits = if scored { given == 0 } else { given == 2 };
        refuse(!self.columns.is_empty() && !fits, alone);
    }

    fn check_columns(&self, refuse: &mut impl FnMut(bool, &str)) {
        let repeated = |column: &&Column| {
            **column != Column::Skip && self.columns.iter().filter(|other| other == column).count() > 1
        };
        refuse(self.columns.iter().any(|column| repeated(&column)), "head.columns names a column twice");
        let columns = "head.columns says it all: leave head.objectness and head.extra out";
        refuse(!self.columns.is_empty() && (self.objectness || self.extra > 0), columns);
        let missing = !self.columns.is_empty() && !self.columns.contains(&Column::Box);
        refuse(missing, "head.columns needs \"box\"");
    }

    fn check_grid(&self, refuse: &mut impl FnMut(bool, &str)) {
        refuse(self.decode.is_none(), "head.decode is missing: a grid is read by it");
        refuse(self.strides.is_empty(), "head.strides is missing: [8, 16, 32], for example");
        let strides = "head.strides must be from 1 to 1024 pixels";
        refuse(self.strides.iter().any(|stride| !(1..=1024).contains(stride)), strides);
        let levels = self.strides.len();
        let level = "head.anchors has the anchors of each stride, as many lists as head.strides";
        refuse(!self.anchors.is_empty() && self.anchors.len() != levels, level);
        let is_wrong = |side: &f32| !side.is_finite() || *side <= 0.0;
        let sides = self.anchors.iter().any(|level| level.is_empty() || level.iter().flatten().any(is_wrong));
        refuse(sides, "head.anchors has [width, height] in pixels, above 0");
        let wants = matches!(self.decode, Some(Decode::Yolov3 | Decode::Yolov5 | Decode::Prior));
        refuse(wants && self.anchors.is_empty(), "head.decode needs head.anchors");
        refuse(!(1..=64).contains(&self.per_cell), "head.per_cell must be from 1 to 64");
        refuse(
            self.per_cell > 1 && !self.anchors.is_empty(),
            "head.anchors says how many each cell has: leave per_cell out",
        );
        refuse(!(0.0..=1.0).contains(&self.offset), "head.offset must be from 0 to 1");
        let HeadOutputs { table, boxes, scores, objectness, offsets, classes, count } = &self.outputs;
        let others = !classes.is_empty() || !count.is_empty() || !offsets.is_empty();
        refuse(others, "head.outputs.classes and count are for kind = \"table\", offsets for kind = \"heatmap\"");
        let apart = !boxes.is_empty() || !scores.is_empty() || !objectness.is_empty();
        refuse(!table.is_empty() && apart, "head.outputs names a table, or boxes and scores, not both");
        refuse(apart && (boxes.is_empty() || scores.is_empty()), "head.outputs needs boxes and scores");
        let lengths = [table, boxes, scores, objectness].map(|names| names.0.len());
        let each = "head.outputs has one name for each stride, or one for all";
        refuse(lengths.iter().any(|length| *length > 1 && *length != levels), each);
        let table_fields = self.boxes != BoxForm::default() || self.unit != Unit::default() || self.first_class > 0;
        refuse(table_fields, "head.boxes, unit and first_class describe kind = \"table\"");
        self.check_columns(refuse);
        let rows = [Column::Score, Column::Class, Column::Batch];
        let by_number = self.columns.iter().any(|column| rows.contains(column));
        refuse(by_number, "head.columns of a grid has \"box\", \"objectness\", \"scores\" and \"skip\"");
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

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(value: &usize) -> bool {
    *value == one()
}

fn half() -> f32 {
    0.5
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_half(value: &f32) -> bool {
    value.to_bits() == half().to_bits()
}
