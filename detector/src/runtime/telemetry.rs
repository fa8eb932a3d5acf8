//! What ONNX Runtime tells about its users.
//!
//! Since 2026 its published libraries for Linux keep an identifier of the machine in the user's cache folder and send the path
//! and digest of the program, the system and more to their makers (<https://github.com/microsoft/onnxruntime/pull/27379>).
//! The first of it goes out when an environment is created, before `with_telemetry(false)` can be said; only a variable in the
//! process's environment comes before that.
#![allow(unsafe_code, reason = "a process's environment cannot be changed otherwise")]

const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps ONNX Runtime from writing and sending anything about this machine. A program calls it first of all: once there are
/// other threads it does nothing. Who has set `ORT_DISABLE_TELEMETRY` gets what it says.
pub fn disable_telemetry() {
    if std::env::var_os(VARIABLE).is_none() && is_only_thread() {
        // SAFETY: it must not happen while another thread reads or changes the environment. There is none, and this one,
        // which alone could start one, is here.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}

fn is_only_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
