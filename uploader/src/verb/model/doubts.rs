//! What looks wrong in what a model finds.

use detector::{Detection, Findings};

/// Share of a photo above which a box covers it.
const COVERS: f32 = 0.9;

/// The photos' findings at a low threshold, and what of them looks as if the card or the graph were wrong.
///
/// `shown`: the threshold at which boxes are shown; `most`: how many boxes a photo can have; `labels`: how many there are.
pub(super) fn doubts(findings: &[Findings], shown: f32, most: usize, labels: usize) -> Vec<String> {
    let all: Vec<(&Findings, &Detection)> =
        findings.iter().flat_map(|photo| photo.detections.iter().map(move |found| (photo, found))).collect();
    let highest = all.iter().map(|(_, found)| found.score).fold(0.0, f32::max);
    if all.is_empty() {
        return vec![
            "nothing found in any photo, not even with low scores; check input.color, scale, mean and std, and the head"
                .to_owned(),
        ];
    }
    if highest < shown {
        return vec![format!(
            "no score reaches {shown}; the highest is {highest:.3}. Check input.color, scale, mean and std, and \
             head.activation"
        )];
    }
    let strong: Vec<&(&Findings, &Detection)> = all.iter().filter(|(_, found)| found.score >= shown).collect();
    let share = |is: &dyn Fn(&Findings, &Detection) -> bool| {
        let count = strong.iter().filter(|(photo, found)| is(photo, found)).count();
        count as f32 / strong.len() as f32
    };
    let full =
        findings.iter().filter(|photo| photo.detections.iter().filter(|d| d.score >= shown).count() >= most).count();
    let covers =
        |photo: &Findings, found: &Detection| found.bbox.area() > COVERS * photo.width as f32 * photo.height as f32;
    let is_speck = |_: &Findings, found: &Detection| found.bbox.width() < 3.0 || found.bbox.height() < 3.0;
    let first = strong.first().map_or(0, |(_, found)| found.class_id);
    let mut doubts = Vec::new();
    let mut doubt = |is_wrong: bool, text: String| {
        if is_wrong {
            doubts.push(text);
        }
    };
    let covering = share(&covers);
    doubt(
        strong.len() > 1 && covering > 0.8,
        format!("{:.0} % of the boxes cover the whole photo; check head.boxes and head.unit", covering * 100.0),
    );
    let specks = share(&is_speck);
    doubt(
        specks > 0.5,
        format!("{:.0} % of the boxes are under 3 pixels wide or high; check head.unit and head.boxes", specks * 100.0),
    );
    doubt(
        full > 0,
        format!(
            "{full} of {} photos have the maximum of {most} boxes; check head.activation and head.nms",
            findings.len()
        ),
    );
    doubt(
        labels > 1 && strong.len() >= 10 && strong.iter().all(|(_, found)| found.class_id == first),
        format!("all {} boxes are of one class; check head.background, head.activation and head.columns", strong.len()),
    );
    let is_certain = strong.len() >= 10 && strong.iter().all(|(_, found)| found.score > 0.995);
    doubt(is_certain, "all scores are 1; check head.activation".to_owned());
    doubts
}

#[cfg(test)]
mod tests {
    use detector::{BBox, Timings};

    use super::*;

    fn photo(boxes: &[(usize, f32, [f32; 4])]) -> Findings {
        let detections = boxes
            .iter()
            .map(|(class_id, score, [x1, y1, x2, y2])| Detection {
                class_id: *class_id,
                score: *score,
                bbox: BBox::new(*x1, *y1, *x2, *y2),
            })
            .collect();
        Findings { width: 100, height: 100, detections, timings: Timings::default(), slices: 0 }
    }

    #[test]
    fn what_looks_wrong_is_told_and_nothing_else() {
        let right = photo(&[(0, 0.9, [10.0, 10.0, 50.0, 60.0]), (1, 0.4, [0.0, 0.0, 99.0, 99.0])]);
        assert_eq!(doubts(&[right], 0.25, 100, 2), Vec::<String>::new());
        for (findings, word) in [
            (photo(&[]), "nothing found"),
            (photo(&[(0, 0.1, [0.0, 0.0, 9.0, 9.0])]), "no score reaches"),
            (photo(&[(0, 0.9, [0.0, 0.0, 100.0, 100.0]), (1, 0.9, [0.0, 0.0, 100.0, 99.0])]), "whole photo"),
            (photo(&[(0, 0.9, [5.0, 5.0, 6.0, 6.0])]), "under 3 pixels"),
            (photo(&[(0, 0.9, [5.0, 5.0, 16.0, 16.0]); 100]), "maximum of"),
            (photo(&[(0, 0.9, [5.0, 5.0, 16.0, 16.0]); 20]), "one class"),
            (photo(&[(0, 0.999, [5.0, 5.0, 16.0, 16.0]); 20]), "all scores are 1"),
        ] {
            let doubts = doubts(&[findings], 0.25, 100, 2);
            assert!(doubts.iter().any(|doubt| doubt.contains(word)), "{word}: {doubts:?}");
        }
    }
}
