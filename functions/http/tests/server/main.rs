//! The plain server from outside: a real process, real sockets, a fixture model.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod client;
mod encodings;
mod load;
mod process;
mod protocol;
mod start;
mod stop;
