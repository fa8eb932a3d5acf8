//! Both functions in one program, as the image holds them: it is the one by whose name it is called.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let called = std::env::args_os().next();
    match called.as_deref().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str()) {
        Some("detect-http") => detect_http::start(),
        Some("detect-bulk") => detect_bulk::start(),
        name => {
            eprintln!(
                "functions: call it detect-http or detect-bulk, by a link; it is called {}",
                name.unwrap_or("nothing")
            );
            ExitCode::from(2)
        }
    }
}
