//! Some of the photos, drawn uniformly: those whose keys have the smallest digests with a seed. In whatever order a bucket is
//! listed, the same seed draws the same photos.

use std::collections::BinaryHeap;

use crate::bulk::stored::{Digest16, Stored, digest};

/// A sample being drawn.
#[derive(Debug)]
pub(crate) struct Sample {
    size: usize,
    seed: u64,
    /// The largest digest on top.
    drawn: BinaryHeap<Drawn>,
}

#[derive(Debug)]
struct Drawn(Digest16, Stored);

impl PartialEq for Drawn {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Drawn {}

impl PartialOrd for Drawn {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Drawn {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Sample {
    pub(crate) fn new(size: usize, seed: u64) -> Self {
        Self { size, seed, drawn: BinaryHeap::new() }
    }

    /// One more that may be drawn.
    pub(crate) fn offer(&mut self, photo: Stored) {
        let drawn = Drawn(digest(&[&self.seed.to_le_bytes(), photo.key.as_bytes()]), photo);
        if self.drawn.len() < self.size {
            self.drawn.push(drawn);
        } else if let Some(mut largest) = self.drawn.peek_mut()
            && drawn < *largest
        {
            *largest = drawn;
        }
    }

    /// What was drawn, by key.
    pub(crate) fn finish(self) -> Vec<Stored> {
        let mut photos: Vec<Stored> = self.drawn.into_iter().map(|Drawn(_, photo)| photo).collect();
        photos.sort_by(|a, b| a.key.cmp(&b.key));
        photos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(size: usize, seed: u64, order: impl Iterator<Item = u32>) -> Vec<String> {
        let mut sample = Sample::new(size, seed);
        order.for_each(|number| sample.offer(Stored { key: format!("{number}.jpg"), ..Stored::default() }));
        sample.finish().into_iter().map(|photo| photo.key).collect()
    }

    #[test]
    fn a_seed_draws_the_same_in_any_order() {
        let drawn = keys(10, 7, 0..1000);
        assert_eq!(drawn.len(), 10);
        assert_eq!(keys(10, 7, (0..1000).rev()), drawn);
        assert_ne!(keys(10, 8, 0..1000), drawn);
        assert_eq!(keys(10, 7, 0..5).len(), 5);
    }

    #[test]
    fn every_photo_is_as_likely() {
        let mut counts = [0_u32; 20];
        for seed in 0..2000 {
            for key in keys(5, seed, 0..20) {
                counts[key.trim_end_matches(".jpg").parse::<usize>().unwrap()] += 1;
            }
        }
        // 500 expected, with a standard deviation of 19.
        assert!(counts.iter().all(|count| (400..600).contains(count)), "{counts:?}");
    }
}
