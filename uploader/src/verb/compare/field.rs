//! The targets of a comparison, opened.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::args::{Contender, Kind};
use crate::link::{Survey, Tls, as_millis, survey};
use crate::report::comparison::Link;
use crate::target::{self, CONNECT_WITHIN, Target};

/// A target that takes part.
pub(super) struct Runner {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) target: Arc<dyn Target>,
    pub(super) tls: Option<Tls>,
    pub(super) link: Link,
}

/// Opens all targets and measures how far away they are.
pub(super) async fn open(
    contenders: Vec<Contender>,
    concurrency: u16,
    most_at_once: u16,
    quiet: bool,
) -> Result<Vec<Runner>> {
    let mut opened: Vec<(Contender, Arc<dyn Target>, Option<Tls>, Survey)> = Vec::new();
    for contender in contenders {
        // A container takes one photo at a time: more of them than the comparison needs would only cost memory.
        let at_once = if contender.kind == Kind::Docker { concurrency } else { most_at_once };
        let target: Arc<dyn Target> =
            target::open(&contender.args, at_once, quiet).await.with_context(|| contender.name.clone())?.into();
        let tls = if target.endpoint().tls { Some(Tls::new()?) } else { None };
        let found = survey(target.endpoint(), tls.as_ref(), CONNECT_WITHIN).await;
        opened.push((contender, target, tls, found));
    }
    // What an empty request takes where there is no distance, to be taken off where there is some.
    let floor = opened
        .iter()
        .filter(|(contender, ..)| contender.kind != Kind::Url)
        .filter_map(|(.., found)| Some(as_millis(found.empty?) - as_millis(found.connect?)))
        .min_by(f64::total_cmp);
    let runner = |(contender, target, tls, found): (Contender, Arc<dyn Target>, Option<Tls>, Survey)| Runner {
        link: Link::new(&found, contender.kind, floor),
        name: contender.name,
        kind: contender.kind,
        target,
        tls,
    };
    Ok(opened.into_iter().map(runner).collect())
}
