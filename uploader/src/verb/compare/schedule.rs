//! What a comparison does, pass by pass: turned once from the arguments into a list, so that all of it can be foretold.

use super::measurement::SendSettings;
use super::open_target::OpenTarget;
use super::pass_progress::PassProgress;
use super::passes;
use crate::args::MeasurementArgs;
use crate::photo::Found;
use crate::report::comparison::{Folder, Rung, Waterfall};

/// So many photos at once end the waterfall, where the comparison itself sends one after the other.
const WATERFALL_CONCURRENCY: usize = 4;
/// More photos at once than this are not done any sooner each, as a first guess.
const GAINS_UP_TO: usize = 4;

/// The numbers of all passes.
pub(super) struct Schedule {
    pub(super) warm_up: usize,
    pub(super) main: usize,
    /// Photos at once, and the pass.
    ladder: Vec<(usize, usize)>,
    /// Name and photos, and the pass.
    folders: Vec<((String, usize), usize)>,
    /// A pass for each target that has one.
    waterfalls: Vec<usize>,
}

impl Schedule {
    /// `photos` are all and those that can be sent.
    pub(super) fn new(
        progress: &PassProgress,
        measurement: &MeasurementArgs,
        send_settings: &SendSettings,
        photos: (usize, usize),
        open_targets: &[OpenTarget],
    ) -> Self {
        let (all, good) = photos;
        let weight = |at_once: usize| 1.0 / at_once.clamp(1, GAINS_UP_TO) as f64;
        let (at_once, runs) = (send_settings.concurrency, measurement.runs as usize);
        let warmed = if good > 0 { measurement.warmup as usize * at_once * open_targets.len() } else { 0 };
        let warm_up = progress.add("warm-up", warmed, weight(at_once));
        let name = match (send_settings.rate, at_once) {
            (Some(rate), _) => format!("at {rate} photos/s"),
            (None, 1) => "sequential".to_owned(),
            (None, at_once) => format!("{at_once} at once"),
        };
        let main = progress.add(name, all * runs * open_targets.len(), weight(at_once));
        let mut schedule = Self { warm_up, main, ladder: Vec::new(), folders: Vec::new(), waterfalls: Vec::new() };
        if good == 0 {
            return schedule;
        }
        for at_once in measurement.ladder.iter().copied().map(usize::from).filter(|at_once| *at_once > 0) {
            let bears =
                |open_target: &&OpenTarget| open_target.target.most_at_once().is_none_or(|most| at_once <= most);
            let photos = passes::of_rung(at_once) * open_targets.iter().filter(bears).count();
            let pass = progress.add(format!("concurrency {at_once}"), photos, weight(at_once));
            schedule.ladder.push((at_once, pass));
        }
        for (place, size) in measurement.sizes.iter().map(|size| *size as usize).enumerate() {
            let name = Folder::name(place, measurement.sizes.len(), size);
            let pass = progress.add(format!("folder {name}"), size * open_targets.len(), weight(at_once));
            schedule.folders.push(((name, size), pass));
        }
        if measurement.like_2023 {
            let falling = passes::falling(open_targets);
            let add = |open_target: &OpenTarget| {
                progress.add(format!("steps at {}", open_target.name), good * passes::STEPS * runs, 1.0)
            };
            schedule.waterfalls = falling.map(add).collect();
        }
        schedule
    }

    /// Everything beside the comparison itself: for each target its ladder, then folders and waterfalls.
    pub(super) async fn beside(
        &self,
        progress: &PassProgress,
        measurement: &MeasurementArgs,
        send_settings: &SendSettings,
        good: &[Found],
        open_targets: &[OpenTarget],
    ) -> (Vec<Vec<Rung>>, Vec<Folder>, Vec<Waterfall>) {
        let mut ladders = vec![Vec::new(); open_targets.len()];
        for (at_once, pass) in &self.ladder {
            progress.begin(*pass);
            let rungs = passes::ladder(open_targets, send_settings, good, *at_once, progress).await;
            ladders.iter_mut().zip(rungs).for_each(|(ladder, rung)| ladder.extend(rung));
        }
        let mut folders = Vec::new();
        for (folder, pass) in &self.folders {
            progress.begin(*pass);
            folders.extend(passes::folder(open_targets, send_settings, good, folder.clone(), progress).await);
        }
        let mut waterfalls = Vec::new();
        let plan = (measurement.runs, send_settings.concurrency_or(WATERFALL_CONCURRENCY));
        for (open_target, pass) in passes::falling(open_targets).zip(&self.waterfalls) {
            progress.begin(*pass);
            waterfalls.push(passes::waterfall(open_target, send_settings, good, plan, progress).await);
        }
        (ladders, folders, waterfalls)
    }
}
