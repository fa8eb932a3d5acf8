//! The classes of a dataset: one per label, with a number of its own.

use std::collections::{BTreeMap, HashMap};

use detector::labels::coco80;

/// A larger number is not kept: some readers make a list as long.
const LARGEST: usize = 65_535;

/// Labels and their numbers, as they come. A label keeps the number that is asked for first, unless another label has it (a
/// dataset may have photos from two models); then it gets the one after the largest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Categories {
    by_label: HashMap<String, usize>,
    by_id: BTreeMap<usize, String>,
    /// Class ids of the models that are not those of COCO's 80 labels.
    others: bool,
}

impl Categories {
    /// The number of a label, `wanted` where that can be. `class_id` is the model's.
    pub(crate) fn id(&mut self, label: &str, class_id: usize, wanted: usize) -> usize {
        if let Some(&id) = self.by_label.get(label) {
            return id;
        }
        let free = wanted <= LARGEST && !self.by_id.contains_key(&wanted);
        let next = || self.by_id.last_key_value().map_or(1, |(largest, _)| largest + 1);
        let id = if free { wanted } else { next() };
        self.others |= !free || coco80().get(class_id).is_none_or(|coco| coco != label);
        self.by_label.insert(label.to_owned(), id);
        self.by_id.insert(id, label.to_owned());
        id
    }

    /// All that came, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.by_id.iter().map(|(id, label)| (*id, label.as_str()))
    }

    /// A name for each number from 0 to the largest that came, where the numbers are class ids: between those of COCO's labels
    /// are COCO's, between others `class_7`.
    pub(crate) fn without_gaps(&self) -> Vec<String> {
        let coco = if self.others { Vec::new() } else { coco80() };
        let name = |id: usize| match self.by_id.get(&id) {
            Some(label) => label.clone(),
            None => coco.get(id).cloned().unwrap_or_else(|| self.placeholder(id)),
        };
        let largest = self.by_id.last_key_value().map(|(largest, _)| *largest);
        largest.map_or_else(Vec::new, |largest| (0..=largest).map(name).collect())
    }

    fn placeholder(&self, id: usize) -> String {
        let mut name = format!("class_{id}");
        while self.by_label.contains_key(&name) {
            name.push('_');
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(seen: &[(&str, usize)]) -> Vec<String> {
        let mut categories = Categories::default();
        for (label, class_id) in seen {
            categories.id(label, *class_id, *class_id);
        }
        categories.without_gaps()
    }

    #[test]
    fn gaps_are_cocos_where_all_others_are() {
        assert_eq!(names(&[("car", 2), ("person", 0)]), ["person", "bicycle", "car"]);
        assert_eq!(names(&[("car", 2), ("unicorn", 0)]), ["unicorn", "class_1", "car"]);
        assert_eq!(names(&[("class_1", 2)]), ["class_0", "class_1_", "class_1"]);
        assert!(names(&[]).is_empty());
    }

    #[test]
    fn two_models_share_labels_and_no_numbers() {
        let mut categories = Categories::default();
        let mut id = |label: &str, class_id| categories.id(label, class_id, class_id);
        assert_eq!((id("person", 0), id("red", 0), id("green", 1), id("person", 7)), (0, 1, 2, 0));
        assert_eq!(id("endless", usize::MAX), 3);
        assert_eq!(categories.iter().last(), Some((3, "endless")));
    }
}
