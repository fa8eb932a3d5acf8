//! The profiles of the AWS configuration.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use aws_config::profile::{Profile, ProfileSet, load};
use aws_types::os_shim_internal::{Env, Fs};

/// Nobody has so many source profiles behind one another.
const LONGEST_CHAIN: usize = 16;

/// The profiles of the user's files, one of them chosen.
#[derive(Debug)]
pub(crate) struct Profiles {
    all: ProfileSet,
    /// Its name, where somebody has asked for one.
    pub(crate) asked: Option<String>,
}

/// What somebody has to do now and then, so that a profile has credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Session {
    /// `aws sso login`.
    Sso(String),
    /// `aws login`.
    Login(String),
}

impl Profiles {
    /// Reads the files, with a profile of the command line or of the environment.
    pub(crate) async fn load(name: Option<&str>) -> Result<Self> {
        let asked = asked(name);
        let chosen = asked.clone().map(Into::into);
        let all = load(&Fs::real(), &Env::real(), &Default::default(), chosen).await;
        Ok(Self { all: all.context("cannot read the AWS configuration")?, asked })
    }

    /// Refuses a profile that somebody has asked for and nobody has written.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(asked) = self.asked.as_deref().filter(|name| self.all.get_profile(name).is_none()) else {
            return Ok(());
        };
        let mut names: Vec<&str> = self.all.profiles().collect();
        names.sort_unstable();
        if names.is_empty() {
            bail!("AWS profile {asked:?} not found: no profiles in ~/.aws/config and ~/.aws/credentials");
        }
        bail!("AWS profile {asked:?} not found; available: {}", names.join(", "));
    }

    /// The name of the profile in use.
    pub(crate) fn name(&self) -> &str {
        self.all.selected_profile()
    }

    /// Whether the profile in use is written anywhere.
    pub(crate) fn is_there(&self) -> bool {
        self.all.get_profile(self.name()).is_some()
    }

    /// Whether the profile in use assumes a role.
    pub(crate) fn assumes_a_role(&self) -> bool {
        self.all.get_profile(self.name()).is_some_and(|profile| profile.get("role_arn").is_some())
    }

    /// The session on which the profile in use depends, its own or that of the profile below it.
    pub(crate) fn session(&self) -> Option<Session> {
        let next = |profile: &&Profile| {
            // A role that is assumed takes what its source has; a profile may be its own source.
            profile
                .get("source_profile")
                .filter(|source| *source != profile.name())
                .and_then(|source| self.all.get_profile(source))
        };
        let first = self.all.get_profile(self.name());
        std::iter::successors(first, next).take(LONGEST_CHAIN).find_map(|profile| {
            let name = profile.name().to_owned();
            if profile.get("sso_session").or(profile.get("sso_start_url")).is_some() {
                Some(Session::Sso(name))
            } else {
                profile.get("login_session").map(|_| Session::Login(name))
            }
        })
    }
}

/// The profile of the command line, else of the environment.
fn asked(name: Option<&str>) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    name.map(str::to_owned).or_else(|| variable("AWS_PROFILE")).or_else(|| variable("AWS_DEFAULT_PROFILE"))
}

/// `ca_bundle` of the profile in use, and what to call it. Files that cannot be read are told where they are needed.
pub(crate) async fn ca_bundle(name: Option<&str>) -> Option<(String, PathBuf)> {
    let profiles = Profiles::load(name).await.ok()?;
    let path = profiles.all.get_profile(profiles.name())?.get("ca_bundle").filter(|path| !path.is_empty())?;
    let path = match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    };
    Some((format!("ca_bundle of AWS profile {}", profiles.name()), path))
}
