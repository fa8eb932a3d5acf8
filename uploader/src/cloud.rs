//! AWS: which account speaks, and how its services are reached.

mod account;
mod client;
mod credentials_error;
mod profile;
mod source;

pub(crate) use account::Account;
pub(crate) use profile::ca_bundle;
