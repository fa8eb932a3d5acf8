//! AWS: which account speaks, and how its services are reached.

mod account;
mod client;
mod credentials_error;
mod source;

pub(crate) use account::Account;
