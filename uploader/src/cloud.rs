//! AWS: which account speaks, and how its services are reached.

mod account;
mod client;
mod profile;
mod source;
mod trouble;

pub(crate) use account::Account;
pub(crate) use profile::ca_bundle;
