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
    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// The place of a tab of `width` x `height` for the box `around` in a photo of `photo` pixels: above the box's left or
/// right corner, else inside at its top, else below, else inside at its bottom; where all of these would hide another
/// tab or leave the photo, the nearest free place up or down. `None` in a photo so full of tabs that there is none.
pub(super) fn place(photo: (i64, i64), around: &Rect, (width, height): (i64, i64), taken: &[Rect]) -> Option<Rect> {
    let lowest = (photo.1 - height).max(0);
    let lefts = [around.left, around.right - width].map(|left| left.min(photo.0 - width).max(0));
    let free = |top: i64| {
        lefts.into_iter().find_map(|left| {
            let tab = Rect { left, top, right: left + width, bottom: top + height };
            let fits = (0..=lowest).contains(&top) && !taken.iter().any(|other| other.overlaps(&tab));
            fits.then_some(tab)
        })
    };
    let above = around.top - height;
    let near = [above, around.top, around.bottom, around.bottom - height].into_iter().find_map(free);
    near.or_else(|| {
        let step = (height / 2).max(1);
        let start = around.top.clamp(0, lowest);
        (0..=photo.1 / step).find_map(|n| free(start + n * step).or_else(|| free(start - n * step)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: (i64, i64) = (60, 14);

    fn around(left: i64, top: i64) -> Rect {
        Rect { left, top, right: left + 100, bottom: top + 100 }
    }

    #[test]
    fn above_first_then_inside() {
        assert_eq!(place((400, 400), &around(50, 60), SIZE, &[]).unwrap().top, 46);
        assert_eq!(place((400, 400), &around(50, 5), SIZE, &[]).unwrap().top, 5);
    }

    #[test]
    fn a_box_at_the_right_edge_has_its_tab_inside() {
        let tab = place((400, 400), &around(380, 60), SIZE, &[]).unwrap();
        assert_eq!(tab.right, 400);
    }

    #[test]
    fn a_photo_smaller_than_a_tab_has_it_at_its_corner() {
        assert_eq!(place((20, 8), &around(3, 2), SIZE, &[]).map(|tab| (tab.left, tab.top)), Some((0, 0)));
    }

    proptest! {
        #[test]
        fn tabs_stay_inside_and_hide_no_other(boxes in prop::collection::vec((-20i64..420, -20i64..320), 1..60)) {
            let mut taken: Vec<Rect> = Vec::new();
            for (left, top) in boxes {
                let Some(tab) = place((400, 300), &around(left, top), SIZE, &taken) else { continue };
                prop_assert!(tab.left >= 0 && tab.top >= 0 && tab.right <= 400 && tab.bottom <= 300);
                prop_assert!(!taken.iter().any(|other| other.overlaps(&tab)));
                taken.push(tab);
            }
        }
    }
}
