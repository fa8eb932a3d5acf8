//! What a detector finds: boxes, scores, and the thresholds they passed.

use std::time::Duration;

/// An axis-aligned box, `x1,y1` top-left and `x2,y2` bottom-right (xyxy), in pixels of the upright photo.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct BBox {
    /// Left edge.
    pub x1: f32,
    /// Top edge.
    pub y1: f32,
    /// Right edge, never left of `x1` in a detection.
    pub x2: f32,
    /// Bottom edge, never above `y1` in a detection.
    pub y2: f32,
}

impl BBox {
    /// A box from its corners.
    #[must_use]
    pub fn new(x1: f32, y1: f32, x2: f32, y2: f32) -> Self {
        Self { x1, y1, x2, y2 }
    }

    /// A box from its centre and its width and height.
    #[must_use]
    pub fn from_center(cx: f32, cy: f32, width: f32, height: f32) -> Self {
        Self::new(cx - width / 2.0, cy - height / 2.0, cx + width / 2.0, cy + height / 2.0)
    }

    /// Width, 0 for an inverted box.
    #[must_use]
    pub fn width(&self) -> f32 {
        (self.x2 - self.x1).max(0.0)
    }

    /// Height, 0 for an inverted box.
    #[must_use]
    pub fn height(&self) -> f32 {
        (self.y2 - self.y1).max(0.0)
    }

    /// Area in square pixels, 0 for an inverted box.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// Intersection over union (Jaccard index) with another box, 0..=1; 0 when both are empty.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let intersection = self.shared(other);
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }

    /// The share of this box's area that lies inside another, 0..=1; 0 where this one is empty.
    #[must_use]
    pub fn inside(&self, other: &Self) -> f32 {
        let area = self.area();
        if area > 0.0 { self.shared(other) / area } else { 0.0 }
    }

    /// The area that two boxes share.
    fn shared(&self, other: &Self) -> f32 {
        let width = (self.x2.min(other.x2) - self.x1.max(other.x1)).max(0.0);
        let height = (self.y2.min(other.y2) - self.y1.max(other.y1)).max(0.0);
        width * height
    }

    /// The box moved by `dx`, `dy`.
    #[must_use]
    pub fn shifted(&self, dx: f32, dy: f32) -> Self {
        Self::new(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)
    }

    /// The part of the box that lies inside a photo of `width` x `height` pixels.
    #[must_use]
    pub fn clamped(&self, width: f32, height: f32) -> Self {
        Self::new(
            self.x1.clamp(0.0, width),
            self.y1.clamp(0.0, height),
            self.x2.clamp(0.0, width),
            self.y2.clamp(0.0, height),
        )
    }

    /// True when every coordinate is a finite number.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        [self.x1, self.y1, self.x2, self.y2].iter().all(|v| v.is_finite())
    }
}

/// One object found in a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Index into the model's labels.
    pub class_id: usize,
    /// Confidence, 0..=1.
    pub score: f32,
    /// Where, in pixels of the upright photo, clamped to it.
    pub bbox: BBox,
}

/// With [`Thresholds::multi_label`], so many pairs of box and class at most, the best, go on to NMS: without a least score, 8400
/// candidates of 80 classes are 672,000 pairs. The number is the one that Ultralytics's evaluation uses.
pub const MULTI_LABEL_CANDIDATES: usize = 30_000;

/// Which candidates become detections.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Least score, 0..=1. 0 keeps everything.
    pub confidence: f32,
    /// Boxes of one class that overlap a better one by more than this IoU are dropped, 0..=1.
    pub iou: f32,
    /// At most this many detections, the best first.
    pub max_detections: usize,
    /// Suppress across classes instead of within each.
    pub class_agnostic: bool,
    /// A candidate counts once for every class that reaches `confidence`, not only for its best one. Of such pairs of box
    /// and class the best [`MULTI_LABEL_CANDIDATES`] of each look at the photo go on to NMS.
    pub multi_label: bool,
    /// Only these class ids; `None` keeps all.
    pub classes: Option<Vec<usize>>,
}

impl Thresholds {
    /// Whether detections of a class are wanted.
    pub(crate) fn takes(&self, class_id: usize) -> bool {
        self.classes.as_ref().is_none_or(|classes| classes.contains(&class_id))
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            confidence: 0.25,
            iou: 0.45,
            max_detections: 100,
            class_agnostic: false,
            multi_label: false,
            classes: None,
        }
    }
}

/// How long each stage of a photo took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// Bytes to upright RGB pixels.
    pub decode: Duration,
    /// Pixels to the input tensor.
    pub preprocess: Duration,
    /// ONNX Runtime's run.
    pub inference: Duration,
    /// Model head, thresholds and NMS.
    pub postprocess: Duration,
    /// From the first byte looked at to the last detection.
    pub total: Duration,
}

/// What was found in one photo.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// Width of the upright photo in pixels.
    pub width: u32,
    /// Height of the upright photo in pixels.
    pub height: u32,
    /// The detections, best score first.
    pub detections: Vec<Detection>,
    /// Where the time went.
    pub timings: Timings,
    /// How many slices were looked at beside the whole photo.
    pub slices: usize,
}
