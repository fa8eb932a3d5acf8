//! Who speaks to AWS: the profile, its credentials, and the way to the services.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::time::timeout;

use super::{client, credentials_error, source};
use crate::link::{Proxies, Proxy, Trust};
use crate::profile::Profiles;

/// Off AWS, the last places of the chain are addresses that never answer.
const LONGEST_SEARCH: Duration = Duration::from_secs(15);

/// Who speaks to AWS in this run.
#[derive(Debug)]
pub(crate) struct Account {
    profiles: Profiles,
    /// Whether the command line has named the profile. Then it goes before the environment's keys, as in the AWS command.
    first: bool,
    http: SharedHttpClient,
    proxies: Proxies,
    trust: Trust,
}

impl Account {
    /// Sees which profile is meant, and whom connections trust. Nothing is sent.
    ///
    /// # Errors
    /// When there is no such profile, or a file that is named cannot be used.
    pub(crate) async fn open(profile: Option<&str>) -> Result<Self> {
        let trust = Trust::find(profile).await?;
        let profiles = Profiles::load(profile).await?;
        profiles.check()?;
        let proxies = Proxies::from_env();
        let http = client::client(proxies.clone(), &trust);
        Ok(Self { profiles, first: profile.is_some(), http, proxies, trust })
    }

    /// A configuration for services in a region, to be completed.
    pub(crate) fn loader(&self, region: Option<Region>) -> ConfigLoader {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(self.http.clone());
        if let Some(name) = &self.profiles.asked {
            loader = loader.profile_name(name);
            if self.first {
                loader = loader.credentials_provider(without_environment(&self.providers(region.clone()), name));
            }
        }
        loader.region(region)
    }

    /// Where the profile tells its region.
    pub(crate) fn region_of_profile(&self) -> ProfileFileRegionProvider {
        let builder = ProfileFileRegionProvider::builder();
        match &self.profiles.asked {
            Some(name) => builder.profile_name(name).build(),
            None => builder.build(),
        }
    }

    /// Where an instance of EC2 tells its region.
    pub(crate) fn region_of_instance(&self) -> ImdsRegionProvider {
        ImdsRegionProvider::builder().configure(&self.providers(None)).build()
    }

    fn providers(&self, region: Option<Region>) -> ProviderConfig {
        ProviderConfig::without_region().with_region(region).with_http_client(self.http.clone())
    }

    /// The credentials that a configuration leads to.
    ///
    /// # Errors
    /// When there are none: what is wrong with them, and what to do.
    pub(crate) async fn credentials(&self, config: &SdkConfig) -> Result<(SharedCredentialsProvider, Credentials)> {
        let provider = config.credentials_provider().context("no AWS credentials configured")?;
        let found = self.provide(&provider).await?;
        Ok((provider, found))
    }

    /// The credentials that are there now.
    ///
    /// # Errors
    /// As [`Account::credentials`].
    pub(crate) async fn provide(&self, provider: &SharedCredentialsProvider) -> Result<Credentials> {
        let found = timeout(LONGEST_SEARCH, provider.provide_credentials())
            .await
            .map_err(|_| credentials_error::no_answer())?;
        found.map_err(|error| credentials_error::explained(&error, &self.profiles))
    }

    /// Where credentials were found, for the summary.
    pub(crate) fn source(&self, credentials: &Credentials) -> String {
        source::of(credentials, &self.profiles)
    }

    /// How the services are reached, for the summary.
    pub(crate) fn means(&self) -> Vec<(&'static str, String)> {
        let through = |(tls, proxy): (bool, &Arc<Proxy>)| {
            ("proxy", format!("{}, for {}", proxy.place(), if tls { "https" } else { "http" }))
        };
        let mut means: Vec<_> = self.proxies.usable().map(through).collect();
        means.push(("certificates", self.trust.from().to_owned()));
        means
    }
}

/// Everywhere but in the environment, in the order of the AWS command.
fn without_environment(config: &ProviderConfig, profile: &str) -> CredentialsProviderChain {
    let of_profile = ProfileFileCredentialsProvider::builder().configure(config).profile_name(profile).build();
    CredentialsProviderChain::first_try("Profile", of_profile)
        .or_else("WebIdentityToken", WebIdentityTokenCredentialsProvider::builder().configure(config).build())
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(config).build())
        .or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().configure(config).build())
}
