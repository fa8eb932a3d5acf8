//! `detect-bulk`: loads the model, then works through events until Lambda ends the environment.

use std::process::ExitCode;

fn main() -> ExitCode {
    detect_bulk::start()
}
