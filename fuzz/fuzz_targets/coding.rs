#![no_main]
libfuzzer_sys::fuzz_target!(init: fuzz_targets::tolerate_panics_of_others(), |bytes: &[u8]| fuzz_targets::run("coding", bytes));
