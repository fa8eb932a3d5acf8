//! ONNX Runtime: finding its shared library, and one environment for the process.

mod cpu_lists;
mod telemetry;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::ModelError;

pub use telemetry::disable_telemetry;

const LIBRARY: &str = "libonnxruntime.so";

/// Where the shared library is: `ORT_DYLIB_PATH`; beside the executable, or in a `lib` or `lib/spotter` folder above it;
/// `.tools/lib` in a folder above it or above the current folder, where the project's set-up puts it.
///
/// # Errors
/// [`ModelError::Runtime`] with the places that were looked at.
pub fn find_runtime() -> Result<PathBuf, ModelError> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let executable = std::env::current_exe().ok();
    let current = std::env::current_dir().ok();
    let above_executable = executable.iter().flat_map(|path| path.ancestors().skip(1));
    let above_current = current.iter().flat_map(|path| path.ancestors());
    above_executable
        .chain(above_current)
        .flat_map(|folder| ["", "lib", "lib/spotter", ".tools/lib"].map(|sub| folder.join(sub).join(LIBRARY)))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            ModelError::Runtime(format!(
                "{LIBRARY} not found. Set ORT_DYLIB_PATH, or run `make setup`, which downloads it to .tools/lib"
            ))
        })
}

/// The process's environment, made on first use and kept: ONNX Runtime allows one, and sessions need it.
///
/// # Errors
/// [`ModelError::Runtime`] where the library is missing, does not fit, or would crash.
pub fn environment() -> Result<Environment, ModelError> {
    static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = slot.as_ref() {
        return Ok(environment.clone());
    }
    let path = find_runtime()?;
    cpu_lists::check(&path)?;
    let failed = |e: &dyn std::fmt::Display| ModelError::Runtime(e.to_string());
    let environment = ort::init_from(&path).map_err(|e| failed(&e))?;
    let environment = environment.with_name("spotter").with_telemetry(false).build().map_err(|e| failed(&e))?;
    *slot = Some(environment.clone());
    Ok(environment)
}
