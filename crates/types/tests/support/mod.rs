//! What several tests need: where the recorded data is, and how its files are read.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read files and say what they skip")]

pub mod clearing_samples;
pub mod genesis;
pub mod multi_leg_samples;
pub mod order_samples;
pub mod samples;
pub mod synthetic_samples;

use std::{io::Write as _, path::PathBuf};

/// The path of a file of recorded data, or nothing and a loud line if it is not on this machine.
/// `PALISADE_DATA` names the folder; by default it lies beside the project.
pub fn data_file(name: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("PALISADE_DATA") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let path = root.join(name);
    if path.is_file() {
        return Some(path);
    }
    // Not by `eprintln!`, which the test harness keeps to itself while a test passes.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: PALISADE_DATA has no {name}; this test has checked NOTHING");
    None
}

/// A JSON file of recorded data, with the order of keys kept.
pub fn json_file(name: &str) -> Option<serde_json::Value> {
    let bytes = std::fs::read(data_file(name)?).expect("the file is there");
    Some(serde_json::from_slice(&bytes).expect("the file is JSON"))
}

/// A JSON file of recorded data that is compressed with zstd.
pub fn json_zstd_file(name: &str) -> Option<serde_json::Value> {
    let file = std::fs::File::open(data_file(name)?).expect("the file is there");
    let bytes = zstd::decode_all(file).expect("the file is zstd");
    Some(serde_json::from_slice(&bytes).expect("the file is JSON"))
}

/// A fixed 32-byte secret for tests.
pub fn secret(number: u8) -> [u8; 32] {
    [number; 32]
}
