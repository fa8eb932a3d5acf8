//! Where the tools and binaries of a local function are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

/// The emulator's binary.
#[derive(Debug)]
pub(crate) struct CargoLambda(PathBuf);

impl CargoLambda {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn command(&self) -> Command {
        Command::new(&self.0)
    }
}

/// `cargo-lambda`: on the PATH, or in the `.tools` that `make` sets up.
pub(crate) fn cargo_lambda() -> Result<CargoLambda> {
    on_path("cargo-lambda").or_else(|| in_tools("venv/bin/cargo-lambda")).map(CargoLambda).context(
        "cargo-lambda, the emulator, was not found on the PATH or in .tools; run `tools/setup emulator` or `pip install \
         cargo-lambda`, or use --local (`uploader local`), which needs no emulator",
    )
}

/// moto's server, S3 and SQS on this machine: on the PATH, or in the `.tools` that `tools/setup bulk` fills.
pub(crate) fn moto_server() -> Result<PathBuf> {
    on_path("moto_server").or_else(|| in_tools("moto/bin/moto_server")).context(
        "--bulk needs moto_server (local S3 and SQS), which was not found on the PATH or in .tools; run `tools/setup bulk` or \
         `pip install 'moto[server,s3,sqs]'`",
    )
}

/// A function's binary: where the user says with the option; beside this program, as it is built; or in `lib/spotter`, as
/// it is installed.
pub(crate) fn function(name: &str, given: Option<&Path>, option: &str) -> Result<PathBuf> {
    if let Some(given) = given {
        // The function starts in a folder of its own.
        return std::path::absolute(given)
            .ok()
            .filter(|path| path.is_file())
            .with_context(|| format!("{option} {}: no such file", given.display()));
    }
    let program = env::current_exe().context("cannot find this program's own path")?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    let places = ["", "lib/spotter", "../lib/spotter"].map(|below| folder.join(below).join(name));
    places.iter().find(|path| path.is_file()).cloned().with_context(|| {
        format!(
            "{name} was not found next to {} or in lib/spotter; run `make install` or, in a checkout, `cargo build \
             --release`, or use {option} PATH or --url URL",
            program.display()
        )
    })
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A file or folder under `.tools` in a folder above this program or above the current folder.
fn in_tools(path: &str) -> Option<PathBuf> {
    let starts = [env::current_exe().ok(), env::current_dir().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|folder| folder.join(".tools").join(path))
        .find(|found| found.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_function_says_how_to_get_it() {
        let error = function("no-such-function", None, "--function").unwrap_err().to_string();
        assert!(error.contains("cargo build --release"), "{error}");
        let error =
            function("detect-bulk", Some(Path::new("no/such/file")), "--bulk-function").unwrap_err().to_string();
        assert!(error.contains("--bulk-function no/such/file"), "{error}");
    }
}
