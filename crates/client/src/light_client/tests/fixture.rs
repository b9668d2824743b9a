//! Honest bundles for fuzzers, kept as a file because the world that makes them is a test's.

use super::world::*;
use crate::proof::ProofBundle;
use serde_json::json;
use std::{fs, path::Path};

/// The file is what the world makes; `PALISADE_WRITE_FIXTURES=1` writes it anew.
#[test]
fn the_kept_bundles_are_those_of_the_world() {
    let requests = [balance_of(5), balance_of(200), order_request(1), order_request(3), receipt_request(4, 2)];
    let mut bundles: Vec<ProofBundle> = requests.iter().map(|request| WORLD.bundle(4, 6, request)).collect();
    bundles.push(WORLD.bundle(1, 2, &balance_of(5)));
    bundles.push(WORLD.bundle(6, 6, &order_request(1)));
    let text = serde_json::to_string_pretty(&json!({ "genesis": WORLD.genesis, "bundles": bundles })).expect("JSON");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/light_client/tests/honest_bundles.json");
    if std::env::var_os("PALISADE_WRITE_FIXTURES").is_some() {
        fs::write(&path, format!("{text}\n")).expect("a writable folder");
    }
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("the kept file")).expect("JSON");
    let made: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(kept, made, "run with PALISADE_WRITE_FIXTURES=1 if the change is meant");
}
