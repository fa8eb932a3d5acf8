//! The targets of a comparison, opened.

use std::sync::Arc;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;

use super::measurement::SendSettings;
use crate::args::TargetSpec;
use crate::link::{CONNECT_WITHIN, Connection, LinkMeasurement, Phases, RetryPolicy, Tls, as_millis};
use crate::report::comparison::Link;
use crate::target::{self, OpenOptions, Target, check};
use crate::target_kind::Kind;

/// A target of a comparison, opened.
pub(in crate::verb) struct OpenTarget {
    pub(in crate::verb) name: String,
    pub(in crate::verb) kind: Kind,
    pub(in crate::verb) target: Arc<dyn Target>,
    pub(in crate::verb) tls: Option<Tls>,
    pub(in crate::verb) link: Link,
    /// The memory, in MB, that its price is reckoned with.
    pub(in crate::verb) memory: u32,
}

/// What a function tells of its model.
pub(in crate::verb) struct Model {
    /// The longer side of its input.
    pub(in crate::verb) side: Option<u32>,
    pub(in crate::verb) labels: Option<Vec<String>>,
    /// Whether boxes have every label above the confidence where a request does not say.
    pub(in crate::verb) multi_label: Option<bool>,
}

impl OpenTarget {
    /// Its model, where the function tells of it.
    pub(in crate::verb) async fn model(&self) -> Option<Model> {
        let endpoint = self.target.endpoint();
        let base = endpoint.path.split('?').next()?.strip_suffix("/detect")?;
        let request =
            Request::get(format!("{base}/model")).header(HOST, endpoint.authority()).body(Full::default()).ok()?;
        let mut phases = Phases::default();
        let mut connection = Connection::open(endpoint, self.tls.as_ref(), CONNECT_WITHIN, &mut phases).await.ok()?;
        let asked = connection.exchange(request, &mut phases);
        let reply = tokio::time::timeout(CONNECT_WITHIN, asked).await.ok()?.ok()?;
        let model: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
        let sides = model["input_size"].as_array().map(|sides| sides.iter().filter_map(serde_json::Value::as_u64));
        let label = |label: &serde_json::Value| label.as_str().map(str::to_owned);
        let labels = model["labels"].as_array().map(|labels| labels.iter().filter_map(label).collect());
        Some(Model {
            side: sides.and_then(Iterator::max).and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0),
            labels,
            multi_label: model["options"]["multi_label"].as_bool(),
        })
    }
}

/// Opens all targets and measures how far away they are.
pub(in crate::verb) async fn open(
    specs: Vec<TargetSpec>,
    send_settings: &SendSettings,
    most_at_once: usize,
    quiet: bool,
) -> Result<Vec<OpenTarget>> {
    let (mut open_targets, mut link_measurements): (Vec<OpenTarget>, Vec<LinkMeasurement>) = (Vec::new(), Vec::new());
    let mut specs: Vec<(usize, TargetSpec)> = specs.into_iter().enumerate().collect();
    // Those behind URLs first: what is wrong with one is told before anything is started here.
    specs.sort_by_key(|(_, spec)| spec.kind != Kind::Url);
    let mut opened = Vec::new();
    for (position, TargetSpec { name, kind, place, memory }) in specs {
        // A container takes one photo at a time: more of them than the comparison needs would only cost memory.
        let at_once = if kind == Kind::Docker { send_settings.concurrency } else { most_at_once };
        let open_options = OpenOptions { at_once, timeout: send_settings.retry_policy.answer, quiet };
        let target: Arc<dyn Target> = target::open(&place, &open_options).await.with_context(|| name.clone())?.into();
        let tls = Tls::of(target.endpoint()).await?;
        let options = &send_settings.payload_options.options;
        if kind == Kind::Url || options.classes.is_some() {
            let retry_policy = RetryPolicy { retries: 0, ..send_settings.retry_policy };
            check::options(target.as_ref(), tls.as_ref(), options, retry_policy).await.with_context(|| name.clone())?;
        }
        opened.push((position, OpenTarget { name, kind, target, tls, link: Link::default(), memory }));
    }
    opened.sort_by_key(|(position, _)| *position);
    for (_, open_target) in opened {
        link_measurements
            .push(crate::link::measure(open_target.target.endpoint(), open_target.tls.as_ref(), CONNECT_WITHIN).await);
        open_targets.push(open_target);
    }
    // What an empty request takes where there is no distance, to be taken off where there is some.
    let floor = open_targets
        .iter()
        .zip(&link_measurements)
        .filter(|(open_target, _)| open_target.kind != Kind::Url)
        .filter_map(|(_, found)| Some(as_millis(found.empty?) - as_millis(found.connect?)))
        .min_by(f64::total_cmp);
    for (open_target, found) in open_targets.iter_mut().zip(&link_measurements) {
        open_target.link = Link::new(found, open_target.kind, floor);
    }
    Ok(open_targets)
}
