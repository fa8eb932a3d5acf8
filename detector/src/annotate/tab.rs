//! Where label tabs go. The page's `layout.js` follows the same rules.

/// A rectangle of whole pixels, right and bottom exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: i64,
    pub(super) top: i64,
    pub(super) right: i64,
    pub(super) bottom: i64,
}

impl Rect {
    pub(super) fn area(&self) -> i64 {
        (self.right - self.left).max(0) * (self.bottom - self.top).max(0)
    }

    /// The area that two rectangles have in common.
    fn shared(&self, other: &Self) -> i64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0) * height.max(0)
    }
}

/// The largest share of a box that a tab may cover; of a box that is smaller than the tab: nothing.
const BURIED: f32 = 0.3;

/// A photo with its boxes, and the tabs that are placed already.
#[derive(Debug)]
pub(super) struct Photo<'a> {
    pub(super) size: (i64, i64),
    pub(super) boxes: &'a [Rect],
    pub(super) taken: Vec<Rect>,
}

impl Photo<'_> {
    /// The place of a tab of a size for the box `around`: above the box's left or right corner, else inside at its top,
    /// else below, else inside at its bottom. `None` where each of these would leave the photo, hide another tab or
    /// bury a box.
    pub(super) fn near(&self, around: &Rect, size: (i64, i64)) -> Option<Rect> {
        let tops = [around.top - size.1, around.top, around.bottom, around.bottom - size.1];
        let spots = tops.into_iter().flat_map(|top| self.spots(around, size, top));
        spots.filter(|tab| self.is_free(tab)).find(|tab| !self.boxes.iter().any(|other| buries(tab, other)))
    }

    /// The nearest free place up or down, better beside the box than on it. `None` in a photo so full of tabs that there
    /// is none.
    pub(super) fn anywhere(&self, around: &Rect, size: (i64, i64)) -> Option<Rect> {
        let step = (size.1 / 2).max(1);
        let start = (around.top - size.1).clamp(0, (self.size.1 - size.1).max(0));
        let tops = (0..=self.size.1 / step).flat_map(|n| [start + n * step, start - n * step]);
        let free: Vec<Rect> =
            tops.flat_map(|top| self.spots(around, size, top)).filter(|tab| self.is_free(tab)).collect();
        free.iter().find(|tab| tab.shared(around) == 0).or(free.first()).copied()
    }

    /// A tab at a height, flush with the box's left and right side, moved into the photo.
    fn spots(&self, around: &Rect, (width, height): (i64, i64), top: i64) -> [Rect; 2] {
        [around.left, around.right - width].map(|left| {
            let left = left.min(self.size.0 - width).max(0);
            Rect { left, top, right: left + width, bottom: top + height }
        })
    }

    fn is_free(&self, tab: &Rect) -> bool {
        let lowest = (self.size.1 - (tab.bottom - tab.top)).max(0);
        (0..=lowest).contains(&tab.top) && !self.taken.iter().any(|other| other.shared(tab) > 0)
    }
}

/// True where a tab hides too much of a box.
fn buries(tab: &Rect, other: &Rect) -> bool {
    let covered = tab.shared(other);
    covered > 0 && (other.area() <= tab.area() || covered as f32 >= BURIED * other.area() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: (i64, i64) = (60, 14);

    fn around(left: i64, top: i64) -> Rect {
        Rect { left, top, right: left + 100, bottom: top + 100 }
    }

    fn empty(size: (i64, i64)) -> Photo<'static> {
        Photo { size, boxes: &[], taken: Vec::new() }
    }

    #[test]
    fn above_first_then_inside() {
        assert_eq!(empty((400, 400)).near(&around(50, 60), SIZE).unwrap().top, 46);
        assert_eq!(empty((400, 400)).near(&around(50, 5), SIZE).unwrap().top, 5);
    }

    #[test]
    fn a_box_at_the_right_edge_has_its_tab_inside() {
        let tab = empty((400, 400)).near(&around(380, 60), SIZE).unwrap();
        assert_eq!(tab.right, 400);
    }

    #[test]
    fn a_photo_smaller_than_a_tab_has_it_at_its_corner() {
        let tab = empty((20, 8)).anywhere(&around(3, 2), SIZE);
        assert_eq!(tab.map(|tab| (tab.left, tab.top)), Some((0, 0)));
    }

    #[test]
    fn small_boxes_are_not_buried() {
        let ball = |left, top| Rect { left, top, right: left + 12, bottom: top + 12 };
        let boxes = [ball(100, 100), ball(104, 86), ball(90, 86)];
        let tab = Photo { boxes: &boxes, ..empty((400, 400)) }.near(&boxes[0], SIZE).unwrap();
        assert_eq!(tab.top, 112, "below, as there are boxes above");
    }

    proptest! {
        #[test]
        fn tabs_stay_inside_and_hide_no_other(boxes in prop::collection::vec((-20i64..420, -20i64..320), 1..60)) {
            let boxes: Vec<Rect> = boxes.into_iter().map(|(left, top)| around(left, top)).collect();
            let mut photo = Photo { boxes: &boxes, ..empty((400, 300)) };
            for around in &boxes {
                let Some(tab) = photo.near(around, SIZE).or_else(|| photo.anywhere(around, SIZE)) else { continue };
                prop_assert!(tab.left >= 0 && tab.top >= 0 && tab.right <= 400 && tab.bottom <= 300);
                prop_assert!(!photo.taken.iter().any(|other| other.shared(&tab) > 0));
                photo.taken.push(tab);
            }
        }
    }
}
