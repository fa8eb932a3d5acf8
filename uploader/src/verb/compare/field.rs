//! The targets of a comparison, opened.

use std::sync::Arc;

use anyhow::{Context, Result};

use super::course::Manner;
use crate::args::{Contender, Kind};
use crate::link::{Patience, Survey, Tls, as_millis, survey};
use crate::report::comparison::Link;
use crate::target::{self, CONNECT_WITHIN, Target, Wishes, check};

/// A target that takes part.
pub(super) struct Runner {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) target: Arc<dyn Target>,
    pub(super) tls: Option<Tls>,
    pub(super) link: Link,
    /// The memory, in MB, that its price is reckoned with.
    pub(super) memory: u32,
}

/// Opens all targets and measures how far away they are.
pub(super) async fn open(
    contenders: Vec<Contender>,
    manner: &Manner,
    most_at_once: usize,
    quiet: bool,
) -> Result<Vec<Runner>> {
    let (mut runners, mut surveys): (Vec<Runner>, Vec<Survey>) = (Vec::new(), Vec::new());
    let mut contenders: Vec<(usize, Contender)> = contenders.into_iter().enumerate().collect();
    // Those behind URLs first: what is wrong with one is told before anything is started here.
    contenders.sort_by_key(|(_, contender)| contender.kind != Kind::Url);
    let mut opened = Vec::new();
    for (position, Contender { name, kind, place, memory }) in contenders {
        // A container takes one photo at a time: more of them than the comparison needs would only cost memory.
        let at_once = if kind == Kind::Docker { manner.concurrency } else { most_at_once };
        let wishes = Wishes { at_once, timeout: manner.patience.answer, quiet };
        let target: Arc<dyn Target> = target::open(&place, &wishes).await.with_context(|| name.clone())?.into();
        let tls = Tls::of(target.endpoint()).await?;
        let options = &manner.recipe.options;
        if kind == Kind::Url || options.classes.is_some() {
            let patience = Patience { retries: 0, ..manner.patience };
            check::options(target.as_ref(), tls.as_ref(), options, patience).await.with_context(|| name.clone())?;
        }
        opened.push((position, Runner { name, kind, target, tls, link: Link::default(), memory }));
    }
    opened.sort_by_key(|(position, _)| *position);
    for (_, runner) in opened {
        surveys.push(survey(runner.target.endpoint(), runner.tls.as_ref(), CONNECT_WITHIN).await);
        runners.push(runner);
    }
    // What an empty request takes where there is no distance, to be taken off where there is some.
    let floor = runners
        .iter()
        .zip(&surveys)
        .filter(|(runner, _)| runner.kind != Kind::Url)
        .filter_map(|(_, found)| Some(as_millis(found.empty?) - as_millis(found.connect?)))
        .min_by(f64::total_cmp);
    for (runner, found) in runners.iter_mut().zip(&surveys) {
        runner.link = Link::new(found, runner.kind, floor);
    }
    Ok(runners)
}
