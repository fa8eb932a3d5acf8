//! The Function URL: photos in, boxes out.
//!
//! The way of a request: [`App::handle`] routes it → `intake` turns its body into photos and options → the detector →
//! `reply` gives the answer its shape. A caller's mistake is always a [`wire::Problem`], never an invocation error:
//! Lambda would turn that into a bare 502.

mod app;
mod intake;
mod page;
mod reply;
mod work;

pub use app::App;
