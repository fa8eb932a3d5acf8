//! The program is the function by whose name it is called.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

fn called(name: &str) -> Output {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("names-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join(name);
    let _ = std::fs::remove_file(&link);
    symlink(env!("CARGO_BIN_EXE_functions"), &link).unwrap();
    Command::new(&link)
        .arg("--version")
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .env_remove("RESULTS_URI")
        .output()
        .unwrap()
}

#[test]
fn it_is_what_it_is_called() {
    let output = called("detect-http");
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("detect-http "));
    let output = called("detect-bulk");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("detect-bulk: RESULTS_URI"), "{said}");
    let output = called("something-else");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && said.contains("something-else") && said.contains("detect-bulk"),
        "{said}"
    );
}
