//! What a report begins with: for each pair how much faster, whether the boxes are the same, and what it costs.

use serde::Serialize;

use super::marked::{Marked, code};
use super::statistics::{Difference, Estimate};
use super::table::{dollars, number, short};
use super::{Comparison, Pair};

/// The three numbers of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Headline {
    pub(crate) first: String,
    pub(crate) second: String,
    /// `None` where no difference can be told.
    pub(crate) speed: Option<Speed>,
    /// Photos that both answered, and those with the same boxes.
    pub(crate) photos: usize,
    pub(crate) same_boxes: usize,
    /// Dollars for 1000 photos in Lambda, through a Function URL.
    pub(crate) first_cost: Option<f64>,
    pub(crate) second_cost: Option<f64>,
    /// What has to be known before the numbers.
    #[serde(skip)]
    pub(crate) note: Option<Marked>,
    /// Each number as it is shown, and what it is.
    #[serde(skip)]
    pub(crate) figures: [(String, Marked); 3],
}

/// Who is faster, and how many times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Speed {
    pub(crate) faster: String,
    pub(crate) slower: String,
    pub(crate) times: Estimate,
}

impl Speed {
    /// `None` where no difference can be told.
    pub(super) fn of(pair: &Pair) -> Option<Self> {
        let time = pair.time.filter(Difference::is_told)?;
        let (faster, slower, times) = if time.ms.value > 0.0 {
            (&pair.first, &pair.second, time.ratio)
        } else {
            (&pair.second, &pair.first, time.ratio.inverse_of(1.0))
        };
        Some(Self { faster: faster.clone(), slower: slower.clone(), times })
    }
}

/// The headline of each pair.
pub(crate) fn headlines(comparison: &Comparison) -> Vec<Headline> {
    comparison.pairs.iter().map(|pair| headline(comparison, pair)).collect()
}

fn headline(comparison: &Comparison, pair: &Pair) -> Headline {
    let cost = |name: &str| comparison.target(name).filter(|target| target.is_measured()).map(|target| target.cost.url);
    let (photos, different) = (pair.boxes.photos, pair.boxes.different.len());
    let (first_cost, second_cost) = (cost(&pair.first), cost(&pair.second));
    let speed = Speed::of(pair);
    let figures = [
        speed_figure(pair, speed.as_ref()),
        boxes_figure(pair, photos, photos - different),
        cost_figure(comparison, pair, first_cost.zip(second_cost)),
    ];
    Headline {
        first: pair.first.clone(),
        second: pair.second.clone(),
        speed,
        photos,
        same_boxes: photos - different,
        first_cost,
        second_cost,
        note: models(comparison, pair).map(Marked::from),
        figures,
    }
}

fn speed_figure(pair: &Pair, speed: Option<&Speed>) -> (String, Marked) {
    let names = format!("{} and {}", code(&pair.first), code(&pair.second));
    match (speed, &pair.time) {
        (Some(Speed { faster, slower, times }), Some(time)) => (
            format!("{:.2} ×", times.value),
            format!(
                "{} is faster than {}: {} and {} ms, 95 % interval {:.2} to {:.2}",
                code(faster),
                code(slower),
                number(time.first_ms.min(time.second_ms)),
                number(time.first_ms.max(time.second_ms)),
                times.low,
                times.high
            )
            .into(),
        ),
        (_, Some(time)) if time.is_carried() => {
            let ms = format!("{} and {} ms", number(time.first_ms), number(time.second_ms));
            ("no difference".to_owned(), format!("can be told between {names}: {ms}").into())
        }
        _ => ("–".to_owned(), format!("too few photos to compare the speed of {names}").into()),
    }
}

fn boxes_figure(pair: &Pair, photos: usize, same: usize) -> (String, Marked) {
    let models = if pair.same_model { "" } else { "; the models differ" };
    let of = if photos == 1 { "photo has" } else { "photos have" };
    (format!("{same} of {photos}"), format!("{of} the same boxes{models}").into())
}

fn cost_figure(comparison: &Comparison, pair: &Pair, costs: Option<(f64, f64)>) -> (String, Marked) {
    let Some((first, second)) = costs else {
        return ("–".to_owned(), "no cost: not both have answered".to_owned().into());
    };
    let here = |name: &str| comparison.target(name).is_some_and(|target| target.kind != crate::target_kind::Kind::Url);
    let what =
        |name: &str| if here(name) { format!("at the speed of {}", code(name)) } else { format!("at {}", code(name)) };
    let label = format!("per 1000 photos in Lambda {}; {} {}", what(&pair.second), dollars(first), what(&pair.first));
    (dollars(second), label.into())
}

/// Before anything else: whoever compares two models compares the models.
pub(super) fn models(comparison: &Comparison, pair: &Pair) -> Option<String> {
    let of = |name: &str| {
        let target = comparison.target(name).filter(|target| target.is_measured())?;
        let models: Vec<String> =
            target.models.iter().map(|model| format!("{} ({})", model.name, short(&model.sha256))).collect();
        Some(models.join(" and "))
    };
    let (first, second) = (of(&pair.first)?, of(&pair.second)?);
    (!pair.same_model).then(|| {
        format!(
            "{} and {} run different models, {first} and {second}: their times and boxes compare the models, too.",
            code(&pair.first),
            code(&pair.second)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::statistics::difference;
    use super::super::tests::{comparison, differing};
    use super::*;

    fn figures(comparison: &Comparison) -> Vec<String> {
        let figures = &headlines(comparison)[0].figures;
        figures.iter().map(|(value, what)| format!("{value} {what}")).collect()
    }

    #[test]
    fn three_numbers_speed_boxes_cost() {
        let [speed, boxes, cost] = figures(&comparison()).try_into().unwrap();
        assert!(speed.contains(" × here is faster than there: ") && speed.contains("95 % interval"), "{speed}");
        assert_eq!(boxes, "11 of 11 photos have the same boxes");
        assert!(cost.starts_with('$') && cost.contains("per 1000 photos in Lambda at there; $"), "{cost}");
        assert_eq!(figures(&differing("x.jpg"))[1], "11 of 12 photos have the same boxes");
    }

    #[test]
    fn what_is_not_told_is_no_number() {
        let mut comparison = comparison();
        let pairs = [(10.0, 12.0), (12.0, 10.0)].repeat(6);
        comparison.pairs[0].time = difference(&pairs);
        let headline = &headlines(&comparison)[0];
        assert!(headline.speed.is_none() && headline.figures[0].0 == "no difference", "{headline:?}");
        for time in [difference(&pairs[..4]), None] {
            comparison.pairs[0].time = time;
            let headline = &headlines(&comparison)[0];
            assert!(headline.speed.is_none() && headline.figures[0].0 == "–", "{headline:?}");
        }
    }

    #[test]
    fn that_models_differ_is_said_before_the_numbers() {
        let mut comparison = comparison();
        assert_eq!(headlines(&comparison)[0].note, None);
        comparison.targets[1].models[0].sha256 = "0123456789ab".to_owned();
        comparison.pairs[0].same_model = false;
        let note = headlines(&comparison)[0].note.as_ref().unwrap().to_string();
        assert!(note.starts_with("here and there run different models, yolox-nano (c789161e) and"), "{note}");
    }
}
