#![no_main]

libfuzzer_sys::fuzz_target!(init: palisade_fuzz::seeds::write_if_asked("clearing"), |bytes: &[u8]| palisade_fuzz::run("clearing", bytes));
