//! The targets of a comparison: which, what they are called, and what each has of its own.
//!
//! `[NAME=]PLACE[,KEY=VALUE]…`; for the function on this machine, which has no place to name, `NAME=[,KEY=VALUE]…`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;

use super::FunctionArgs;
use super::target::{Place, UrlArgs, cpus};
use crate::target_kind::Kind;

/// The targets. In a report they come in this order: local, emulator, images, URLs; all are compared with the first.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Targets (two or more; settings per target: NAME=…,KEY=VALUE,…)")]
pub(crate) struct TargetSpecArgs {
    /// The function on this machine, as an HTTP server (repeatable). KEY: model, sessions, threads, function.
    #[arg(long, value_name = "NAME=,…", num_args = 0..=1, default_missing_value = "")]
    pub(crate) local: Vec<String>,

    /// The function on this machine, in the cargo-lambda emulator (repeatable). KEY: model, memory, workers, function.
    #[arg(long, value_name = "NAME=,…", num_args = 0..=1, default_missing_value = "")]
    pub(crate) emulator: Vec<String>,

    /// A container image on this machine (repeatable). KEY: model, memory, cpus.
    #[arg(long, value_name = "[NAME=]IMAGE")]
    pub(crate) docker: Vec<Named>,

    /// CPUs per container [default: as in Lambda, one per 1769 MB of memory].
    #[arg(long, value_name = "N", requires = "docker", value_parser = cpus)]
    pub(crate) cpus: Option<f64>,

    /// URL of a function, as for `detect` (repeatable). KEY: memory, for the price.
    #[arg(long, value_name = "[NAME=]URL")]
    pub(crate) url: Vec<Named>,

    /// Sign requests (SigV4) for this region [default: that of *.lambda-url.REGION.on.aws].
    #[arg(long, value_name = "REGION", requires = "url", conflicts_with = "no_sign")]
    pub(crate) sign: Option<String>,

    /// Never sign requests.
    #[arg(long, requires = "url")]
    pub(crate) no_sign: bool,

    #[command(flatten)]
    pub(crate) function: FunctionArgs,
}

impl Kind {
    /// The option that names such a target.
    fn option(self) -> &'static str {
        match self {
            Self::Local => "--local",
            Self::Emulator => "--emulator",
            Self::Docker => "--docker",
            Self::Url => "--url",
        }
    }

    /// The settings that such a target may have of its own.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Local => &["model", "sessions", "threads", "function"],
            Self::Emulator => &["model", "memory", "workers", "function"],
            Self::Docker => &["model", "memory", "cpus"],
            Self::Url => &["memory"],
        }
    }
}

/// One target of a comparison, not yet opened.
#[derive(Debug)]
pub(crate) struct TargetSpec {
    /// Short, and like no other.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// The memory, in MB, that its price is reckoned with.
    pub(crate) memory: u32,
}

/// A target as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    written: String,
    name: Option<String>,
    place: String,
    settings: Vec<(String, String)>,
}

impl TargetSpecArgs {
    /// The targets, named. A bare `--local` or `--emulator` may stand before a photo, which is then taken for its value:
    /// such values are put before `paths`.
    pub(crate) fn specs(&self, paths: &mut Vec<PathBuf>) -> Result<Vec<TargetSpec>> {
        let specs = self.named(paths)?;
        if specs.len() < 2 {
            bail!(
                "a comparison needs two or more targets, for example --local --url URL, or --local a= --local b=,model=…"
            );
        }
        Ok(specs)
    }

    /// The targets, or the function on this machine where there are none: once for each of several `--model`.
    pub(crate) fn one_or_more(&self, paths: &mut Vec<PathBuf>) -> Result<Vec<TargetSpec>> {
        let models = &self.function.model;
        let is_bare = |value: &String| value.is_empty() || !Named::is_here(value);
        if models.len() < 2 {
            let mut specs = self.named(paths)?;
            if specs.is_empty() {
                self.add(&mut specs, Kind::Local, &Named::bare())?;
            }
            return Ok(specs);
        }
        if ![self.emulator.len(), self.docker.len(), self.url.len()].iter().all(|count| *count == 0)
            || !self.local.iter().all(is_bare)
        {
            bail!(
                "several --model are run by the function on this machine only; for other targets give each its own, as in \
                 --local NAME=,model=…"
            );
        }
        let mut specs = Vec::new();
        let short = |model: &str| {
            let path = Path::new(model);
            let name = if path.extension().is_some() { path.file_stem() } else { path.file_name() };
            name.map_or_else(|| model.to_owned(), |name| name.to_string_lossy().into_owned())
        };
        for model in models {
            let alike = models.iter().filter(|other| short(other) == short(model)).count();
            let name = if alike == 1 { short(model) } else { model.clone() };
            let settings = vec![("model".to_owned(), model.clone())];
            let named = Named { name: Some(name), written: model.clone(), settings, ..Named::bare() };
            self.add(&mut specs, Kind::Local, &named)?;
        }
        paths.splice(0..0, self.local.iter().filter(|value| !value.is_empty()).map(PathBuf::from));
        Ok(specs)
    }

    /// Whether any target is named.
    pub(crate) fn names_any(&self) -> bool {
        [self.local.len(), self.emulator.len(), self.docker.len(), self.url.len()].iter().any(|count| *count > 0)
            || !self.function.model.is_empty()
    }

    fn named(&self, paths: &mut Vec<PathBuf>) -> Result<Vec<TargetSpec>> {
        let mut specs: Vec<TargetSpec> = Vec::new();
        let mut strays = Vec::new();
        for (kind, values) in [(Kind::Local, &self.local), (Kind::Emulator, &self.emulator)] {
            for value in values {
                let named = if value.is_empty() {
                    Named::bare()
                } else if Named::is_here(value) {
                    value.parse().map_err(anyhow::Error::msg)?
                } else if value.contains('=') && !Path::new(value).exists() {
                    bail!("{} {value}: expected NAME=,KEY=VALUE,…", kind.option());
                } else {
                    strays.push(PathBuf::from(value));
                    Named::bare()
                };
                self.add(&mut specs, kind, &named)?;
            }
        }
        for (kind, targets) in [(Kind::Docker, &self.docker), (Kind::Url, &self.url)] {
            for named in targets {
                self.add(&mut specs, kind, named)?;
            }
        }
        if !specs.is_empty()
            && specs.iter().all(|spec| spec.kind != Kind::Local)
            && (self.function.sessions.is_some() || self.function.threads.is_some())
        {
            bail!("--sessions and --threads apply only to --local, which is not among the targets");
        }
        paths.splice(0..0, strays);
        Ok(specs)
    }

    fn add(&self, specs: &mut Vec<TargetSpec>, kind: Kind, named: &Named) -> Result<()> {
        let (name, written) = (named.name(kind), &named.written);
        if specs.iter().any(|other| other.name == name) {
            bail!("two targets are called {name:?}; name them, as in --url here=URL or --local fast=");
        }
        let (mut function, mut own_cpus) = (self.function.clone(), self.cpus);
        for (key, value) in &named.settings {
            set(kind, key, value, &mut function, &mut own_cpus)
                .map_err(|why| anyhow::anyhow!("{} {written}: {why}", kind.option()))?;
        }
        let place = match kind {
            Kind::Local => Place::Local(function.server()),
            Kind::Emulator => Place::Emulator(function.emulated()),
            Kind::Docker => Place::Docker(function.container(named.place.clone(), own_cpus)),
            Kind::Url => Place::Url(UrlArgs {
                url: named.place.clone(),
                sign: self.sign.clone(),
                no_sign: self.no_sign,
                connect_to: None,
            }),
        };
        specs.push(TargetSpec { name, kind, place, memory: function.memory() });
        Ok(())
    }
}

/// Applies one setting of a target to what holds for all.
fn set(
    kind: Kind,
    key: &str,
    value: &str,
    function: &mut FunctionArgs,
    own_cpus: &mut Option<f64>,
) -> Result<(), String> {
    if !kind.keys().contains(&key) {
        return Err(format!("unknown setting {key:?}; known settings: {}", kind.keys().join(", ")));
    }
    let number = |least: u32, most: u32, what: &str| {
        let number = value.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("{key} must be {what} from {least} to {most}, not {value:?}"))
    };
    let small = |most: u16| number(1, most.into(), "a number").map(|number| u16::try_from(number).ok());
    match key {
        "memory" => function.memory = Some(number(128, 10_240, "MB")?),
        "sessions" => function.sessions = small(256)?,
        "threads" => function.threads = small(256)?,
        "workers" => function.workers = small(64)?,
        "cpus" => *own_cpus = Some(cpus(value).map_err(|why| format!("cpus {why}, not {value:?}"))?),
        _ if value.is_empty() => return Err(format!("{key} has no value; expected {key}=VALUE")),
        "model" => function.model = vec![value.to_owned()],
        _ => function.function = Some(PathBuf::from(value)),
    }
    Ok(())
}

impl Named {
    fn bare() -> Self {
        Self { written: String::new(), name: None, place: String::new(), settings: Vec::new() }
    }

    /// Whether this is how the function on this machine is named: `NAME=`, or `NAME=,…`.
    fn is_here(text: &str) -> bool {
        text.split_once('=')
            .is_some_and(|(name, rest)| !name.contains(['/', ',']) && (rest.is_empty() || rest.starts_with(',')))
    }

    /// The given name; else the host of a URL, or the image, or the kind.
    fn name(&self, kind: Kind) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        match kind {
            Kind::Local | Kind::Emulator => kind.option().trim_start_matches('-').to_owned(),
            Kind::Docker => self.place.clone(),
            Kind::Url => {
                let host = self.place.split_once("://").map_or(self.place.as_str(), |(_, rest)| rest);
                host.split(['/', '?']).next().unwrap_or(host).to_owned()
            }
        }
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, settings) = match settings_begin(text) {
            Some(comma) => (&text[..comma], &text[comma + 1..]),
            None => (text, ""),
        };
        let (name, place) = match head.split_once('=') {
            // A `=` further on belongs to the URL's query.
            Some((name, place)) if !name.contains(['/', ':', '?']) => (Some(name.trim().to_owned()), place),
            _ => (None, head),
        };
        if name.as_deref() == Some("") || (name.is_none() && place.is_empty()) {
            return Err(format!("{text}: expected [NAME=]WHERE[,KEY=VALUE]…"));
        }
        let mut pairs = Vec::new();
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=').ok_or_else(|| format!("{setting}: expected KEY=VALUE"))?;
            pairs.push((key.trim().to_owned(), value.to_owned()));
        }
        Ok(Self { written: text.to_owned(), name, place: place.to_owned(), settings: pairs })
    }
}

/// The comma before the first setting. In a URL's query a comma may be anything, so there only what is known counts.
fn settings_begin(text: &str) -> Option<usize> {
    text.match_indices(',').map(|(comma, _)| comma).find(|comma| {
        let Some((key, _)) = text[comma + 1..].split(',').next().and_then(|setting| setting.split_once('=')) else {
            return false;
        };
        let in_query = text[..*comma].contains('?');
        if in_query { Kind::Url.keys().contains(&key) } else { key.chars().all(|c| c.is_ascii_alphabetic()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_names() {
        let name = |text: &str, kind| text.parse::<Named>().unwrap().name(kind);
        assert_eq!(name("there=http://h:1/x", Kind::Url), "there");
        assert_eq!(name("http://h:1/x?a=b", Kind::Url), "h:1");
        assert_eq!(name("spotter:latest", Kind::Docker), "spotter:latest");
        assert_eq!(name("fast=", Kind::Local), "fast");
        assert_eq!(Named::bare().name(Kind::Emulator), "emulator");
        assert!("=http://h".parse::<Named>().is_err());
    }

    #[test]
    fn settings_are_told_from_places() {
        let parsed = |text: &str| text.parse::<Named>().unwrap();
        let here = parsed("good=,model=yolox-s,threads=2");
        assert_eq!((here.name.as_deref(), here.place.as_str()), (Some("good"), ""));
        assert_eq!(here.settings, [("model".into(), "yolox-s".into()), ("threads".into(), "2".into())]);
        let image = parsed("small=registry:5000/spotter:1,memory=1024");
        assert_eq!((image.place.as_str(), image.settings.len()), ("registry:5000/spotter:1", 1));
        assert_eq!(parsed("http://h/?classes=a,b=c,d").place, "http://h/?classes=a,b=c,d");
        assert_eq!(parsed("http://h/?classes=a,memory=512").settings, [("memory".into(), "512".into())]);
    }

    #[test]
    fn only_names_are_no_paths() {
        for here in ["a=", "a=,model=x"] {
            assert!(Named::is_here(here), "{here}");
        }
        for path in ["photos", "a=b.jpg", "x/y=", "photos/"] {
            assert!(!Named::is_here(path), "{path}");
        }
    }
}
