//! What fuzzing calls with any bytes. Each target ends without a panic whatever they are, and panics where a property that
//! it knows of does not hold.

mod bulk;
mod options;
mod photos;
mod requests;
mod stored;
mod uploads;

/// A target: what it is called, and what is called.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("card", stored::card),
    ("coding", requests::coding),
    ("decode", photos::decode),
    ("event", bulk::event),
    ("inventory", uploads::inventory),
    ("journal", uploads::journal),
    ("json", requests::json),
    ("key", uploads::key),
    ("queue_journal", uploads::queue_journal),
    ("line", stored::line),
    ("list", uploads::list),
    ("multipart", requests::multipart),
    ("onnx", stored::onnx),
    ("orientation", photos::orientation),
    ("proxy", uploads::proxy),
    ("query", options::query),
];

/// Runs a target by its name.
///
/// # Panics
/// Where there is none of that name, or a property does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    assert!(target.is_some(), "no target {name}");
    target.iter().for_each(|(_, call)| call(bytes));
}

/// Lets the panics of other people's code unwind, as the library that catches them expects, and ends the process where our
/// own panics. A fuzzer would end it for either, and a
/// photo's decoding hides both.
pub fn tolerate_panics_of_others() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_ours = panic.location().is_none_or(|place| !place.file().contains("/registry/"));
        if is_ours {
            default(panic);
            std::process::abort();
        }
    }));
}
