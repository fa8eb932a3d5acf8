//! `detect-http`: the Lambda function where Lambda starts it, with `--listen` a server.

use std::process::ExitCode;

fn main() -> ExitCode {
    detect_http::start()
}
