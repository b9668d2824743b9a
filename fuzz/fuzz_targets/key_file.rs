#![no_main]

libfuzzer_sys::fuzz_target!(init: palisade_fuzz::seeds::write_if_asked("key_file"), |bytes: &[u8]| palisade_fuzz::run("key_file", bytes));
