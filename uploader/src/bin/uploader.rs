//! The `uploader` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    uploader::main()
}
