//! Photos in, boxes out: behind a Function URL under Lambda, over plain HTTP anywhere else.
//!
//! The way of a request: [`lambda`] or [`server`] takes it to [`App::handle`], which decides whether it may come in and
//! where it goes → `declared` and `coding` read what its head says of the body → `body` reads that whole, within bounds →
//! `queue` gives it a session → `body` takes its codings off → `request_reader` turns it into photos and options → `work` has the
//! `engine` look at them → `reply` gives the answer its shape. A caller's mistake is always a [`wire::Problem`], never an
//! invocation error: Lambda would turn that into a bare 502.

mod about;
mod app;
mod arguments;
mod body;
mod coding;
mod compatible_api;
mod declared;
mod engine;
#[doc(hidden)]
pub mod fuzzing;
pub mod lambda;
mod page;
mod paths;
mod platform;
mod program;
mod queue;
mod reply;
mod request_content;
mod request_log;
mod request_reader;
pub mod server;
mod token;
mod work;

pub use app::{App, AppOptions};
pub use arguments::{Arguments, addresses};
pub use platform::Platform;
pub use program::start;
pub use token::Token;
