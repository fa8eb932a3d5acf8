//! Large photos in overlapping slices: what is small in the photo is large enough in a slice.
//!
//! The windows are those of slicing-aided hyper inference (Akyon et al., 2022, <https://arxiv.org/abs/2202.06934>). The
//! photo as a whole is always looked at, too, since what is larger than a slice is cut in every one.

use crate::nms::Candidate;
use crate::{BBox, Thresholds};

/// The largest side of a slice, in pixels.
pub const MAX_SIDE: u32 = 32_768;
/// The smallest side of a slice, in pixels; 0 is no slicing.
pub const MIN_SIDE: u32 = 32;
/// The largest share of a slice's side that may lie in its neighbour.
pub const MAX_OVERLAP: f32 = 0.9;
/// The largest bound on the number of slices of a photo.
pub const MAX_SLICES: usize = 1024;

/// A box that ends so near, in pixels of the photo, to the edge of its slice is one of an object that goes on beyond.
const CUT: f32 = 3.0;
/// A part of an object is dropped for a box that holds this share of it.
const HELD: f32 = 0.5;
/// Boxes that are merged at most, the best of them: bounds the time of a photo with everything in it.
const MOST_MERGED: usize = 20_000;

/// How photos are sliced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slicing {
    /// Side of a slice in pixels of the photo; 0 looks at the photo as a whole only.
    pub side: u32,
    /// Share of a slice's side that lies in its neighbour, 0..=0.9.
    pub overlap: f32,
    /// At most this many slices per photo.
    pub max_slices: usize,
}

impl Default for Slicing {
    fn default() -> Self {
        Self { side: 0, overlap: 0.2, max_slices: 64 }
    }
}

/// A photo would have more slices than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "The photo of {width}x{height} pixels needs {slices} slices of {side} pixels; the limit is {max}. Use a larger slice, \
     a smaller overlap, or a higher max_slices."
)]
pub struct TooManySlices {
    /// Width of the photo in pixels.
    pub width: u32,
    /// Height of the photo in pixels.
    pub height: u32,
    /// Side of a slice in pixels.
    pub side: u32,
    /// How many there would be.
    pub slices: u64,
    /// How many there may be.
    pub max: usize,
}

/// A slice: its place in the photo, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Slicing {
    /// The slices of a photo, row by row; none where one would hold all of it.
    ///
    /// # Errors
    /// [`TooManySlices`], before there is a list.
    pub(crate) fn windows(&self, (width, height): (u32, u32)) -> Result<Vec<Window>, TooManySlices> {
        let side = self.side;
        if side == 0 || (width <= side && height <= side) {
            return Ok(Vec::new());
        }
        let (columns, rows) = (self.along(width), self.along(height));
        let slices = columns * rows;
        if slices > self.max_slices as u64 {
            return Err(TooManySlices { width, height, side, slices, max: self.max_slices });
        }
        let start = |index: u64, length: u32| -> u32 {
            let last = u64::from(length.saturating_sub(side));
            (index * self.step()).min(last) as u32
        };
        let window = |row, column| Window {
            x: start(column, width),
            y: start(row, height),
            width: side.min(width),
            height: side.min(height),
        };
        Ok((0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| window(r, c)).collect())
    }

    /// How many slices lie along a side of the photo. The last is moved back, so that all have the same size.
    fn along(&self, length: u32) -> u64 {
        u64::from(length.saturating_sub(self.side)).div_ceil(self.step()) + 1
    }

    /// From the start of a slice to that of the next, in pixels.
    fn step(&self) -> u64 {
        let shared = (f64::from(self.side) * f64::from(self.overlap)).floor() as u64;
        u64::from(self.side).saturating_sub(shared).max(1)
    }
}

impl Window {
    /// Whether a box, in pixels of the photo, ends at an edge of this slice beyond which the photo goes on.
    pub(crate) fn cuts(&self, bbox: &BBox, (width, height): (u32, u32)) -> bool {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        (self.x > 0 && bbox.x1 < self.x as f32 + CUT)
            || (self.y > 0 && bbox.y1 < self.y as f32 + CUT)
            || (right < width && bbox.x2 > right as f32 - CUT)
            || (bottom < height && bbox.y2 > bottom as f32 - CUT)
    }
}

/// What a slice, or the whole photo, found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// In pixels of the photo.
    pub(crate) candidate: Candidate,
    /// Whether it is only a part of an object, cut by its slice.
    pub(crate) cut: bool,
}

/// Drops what several slices found of the same object: whole boxes first, then cut ones, the best of each first. A box is
/// dropped for a better one of its class whose IoU with it exceeds `thresholds.iou`; a cut one also for one that holds
/// most of it.
pub(crate) fn merge(mut parts: Vec<Part>, thresholds: &Thresholds) -> Vec<Candidate> {
    parts.sort_by(|a, b| a.cut.cmp(&b.cut).then(b.candidate.score.total_cmp(&a.candidate.score)));
    parts.truncate(MOST_MERGED);
    let mut kept: Vec<Candidate> = Vec::new();
    for Part { candidate, cut } in parts {
        let same = |better: &&Candidate| thresholds.class_agnostic || better.class_id == candidate.class_id;
        let covers = |better: &Candidate| {
            better.bbox.iou(&candidate.bbox) > thresholds.iou || (cut && candidate.bbox.inside(&better.bbox) > HELD)
        };
        if !kept.iter().filter(same).any(covers) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_of_one_size_cover_the_photo_and_overlap(
            width in 1u32..3000, height in 1u32..3000, side in MIN_SIDE..1500, overlap in 0.0f32..MAX_OVERLAP,
        ) {
            let slicing = Slicing { side, overlap, max_slices: usize::MAX };
            let windows = slicing.windows((width, height)).unwrap();
            prop_assert_eq!(windows.is_empty(), width <= side && height <= side);
            let shared = (f64::from(side) * f64::from(overlap)).floor() as u32;
            for axis in [
                windows.iter().map(|w| (w.x, w.width, width)).collect::<Vec<_>>(),
                windows.iter().map(|w| (w.y, w.height, height)).collect(),
            ] {
                let mut spans = axis;
                spans.sort_unstable();
                spans.dedup();
                let Some((&first, &last)) = spans.first().zip(spans.last()) else { continue };
                prop_assert!(first.0 == 0 && last.0 + last.1 == last.2);
                prop_assert!(spans.iter().all(|(_, length, whole)| *length == side.min(*whole)));
                prop_assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 >= pair[1].0 + shared));
            }
            let one_less = Slicing { max_slices: windows.len().saturating_sub(1), ..slicing };
            let refused = one_less.windows((width, height));
            prop_assert!(windows.is_empty() || refused.unwrap_err().slices == windows.len() as u64);
        }
    }

    fn part(class_id: usize, score: f32, bbox: [f32; 4], cut: bool) -> Part {
        let [x1, y1, x2, y2] = bbox;
        Part { candidate: Candidate { class_id, score, bbox: BBox::new(x1, y1, x2, y2) }, cut }
    }

    #[test]
    fn a_part_gives_way_to_the_whole_although_it_scores_more() {
        let whole = part(0, 0.6, [0.0, 0.0, 300.0, 300.0], false);
        let parts = vec![
            part(0, 0.9, [0.0, 0.0, 100.0, 250.0], true),
            whole,
            part(1, 0.5, [0.0, 0.0, 100.0, 250.0], true),
            part(0, 0.4, [10.0, 10.0, 60.0, 60.0], false),
        ];
        let kept = merge(parts.clone(), &Thresholds::default());
        assert_eq!(kept, [whole.candidate, parts[3].candidate, parts[2].candidate]);
        let agnostic = Thresholds { class_agnostic: true, ..Thresholds::default() };
        assert_eq!(merge(parts, &agnostic).len(), 2);
    }

    #[test]
    fn the_photo_s_own_edge_cuts_nothing() {
        let window = Window { x: 0, y: 100, width: 200, height: 200 };
        let cuts = |bbox: [f32; 4]| window.cuts(&BBox::new(bbox[0], bbox[1], bbox[2], bbox[3]), (400, 300));
        assert!(!cuts([0.0, 150.0, 50.0, 300.0]), "left and lower edge of the photo");
        assert!(cuts([10.0, 101.0, 50.0, 150.0]) && cuts([150.0, 150.0, 200.0, 200.0]));
    }
}
