//! Which category of the truth a label of a model is.

use std::collections::HashMap;

use crate::Category;

/// What darknet's list of COCO's labels calls otherwise.
const SYNONYMS: [(&str, &str); 4] =
    [("aeroplane", "airplane"), ("motorbike", "motorcycle"), ("sofa", "couch"), ("tvmonitor", "tv")];

/// Categories by their names.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    exact: HashMap<String, usize>,
    plain: HashMap<String, usize>,
}

/// Without case, blanks, hyphens and underscores.
fn plain(label: &str) -> String {
    let plain: String = label.to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '-' && *c != '_').collect();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == plain);
    synonym.map_or(plain, |(_, usual)| (*usual).to_owned())
}

impl Labels {
    /// The names of categories; of several alike the first counts.
    #[must_use]
    pub fn of(categories: &[Category]) -> Self {
        let mut labels = Self::default();
        for (place, category) in categories.iter().enumerate() {
            labels.exact.entry(category.name.clone()).or_insert(place);
            labels.plain.entry(plain(&category.name)).or_insert(place);
        }
        labels
    }

    /// The category that a label means: of that name, or else of the same letters, whatever their case and the blanks,
    /// hyphens and underscores between.
    #[must_use]
    pub fn category(&self, label: &str) -> Option<usize> {
        self.exact.get(label).or_else(|| self.plain.get(&plain(label))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_same_whatever_their_case() {
        let names = ["Person", "dining table", "TV", "person", "airplane"];
        let categories: Vec<Category> =
            names.iter().enumerate().map(|(id, name)| Category { id: id as i64, name: (*name).to_owned() }).collect();
        let labels = Labels::of(&categories);
        for (label, place) in [
            ("person", Some(3)),
            ("PERSON", Some(0)),
            ("Dining_Table", Some(1)),
            ("diningtable", Some(1)),
            ("tvmonitor", Some(2)),
            ("aeroplane", Some(4)),
            ("table", None),
            ("", None),
        ] {
            assert_eq!(labels.category(label), place, "{label}");
        }
    }
}
