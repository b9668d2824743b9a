//! Every input that was ever kept runs again: seeds, what a fuzzer found, and plain changes of the seeds, so that `make
//! test` has a part of the fuzzers' work without their tools.

use palisade_fuzz::{TARGETS, seeds};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// A target measures the memory of the whole process, so tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Changes tried per seed: `PALISADE_FUZZ_CASES` for another number.
fn cases() -> usize {
    let asked = std::env::var_os("PALISADE_FUZZ_CASES");
    asked.map_or(20, |text| text.to_str().and_then(|text| text.parse().ok()).expect("PALISADE_FUZZ_CASES is a number"))
}

#[test]
fn seeds_and_past_findings_are_no_findings() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for target in TARGETS {
        println!("{}", target.name);
        let seeds = seeds::of(target.name);
        assert!(!seeds.is_empty(), "{} starts from nothing", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
        for entry in fs::read_dir(folder.join(target.name)).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            println!("{}", path.display());
            (target.run)(&fs::read(path).expect("a readable input"));
        }
    }
    for entry in fs::read_dir(&folder).expect("the folder of past findings") {
        let name = entry.expect("a readable folder").file_name();
        let is_known = TARGETS.iter().any(|target| *target.name == *name) || name == "README.md";
        assert!(is_known, "{name:?} is the folder of no target");
    }
}

#[test]
fn changed_seeds_are_no_findings() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for target in TARGETS {
        let seeds = seeds::of(target.name);
        for (number, seed) in seeds.iter().enumerate() {
            for case in 0..cases() {
                let changed = changed(seed, &seeds, &mut random);
                println!("{} seed {number} case {case}: {} bytes", target.name, changed.len());
                (target.run)(&changed);
            }
        }
    }
}

/// A machine that never reaches what it is there to test proves nothing.
#[test]
fn the_machine_reaches_liquidations_and_their_ends() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for first in 0..40 {
        for (name, count) in palisade_fuzz::machine::seen(&seeds::choices(first, 2_048)) {
            *seen.entry(name).or_default() += count;
        }
    }
    println!("{seen:?}");
    for wanted in WANTED {
        assert!(seen.contains_key(wanted), "{wanted} never happened: {seen:?}");
    }
}

#[test]
fn the_clearing_houses_instruments_are_traded() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for first in 100..112 {
        for (name, count) in palisade_fuzz::clearing::seen(&seeds::choices(first, 8_192)) {
            *seen.entry(name).or_default() += count;
        }
    }
    println!("{seen:?}");
    for wanted in TRADED {
        assert!(seen.contains_key(wanted), "{wanted} never happened: {seen:?}");
    }
}

/// What a few inputs must trade.
const TRADED: [&str; 6] =
    ["liquidated by Backstop", "SyntheticMinted", "PoolTraded", "combo traded", "BlockTraded", "rejected InvalidLegs"];

/// What a few inputs must reach; the rest is for a fuzzer.
const WANTED: [&str; 8] = [
    "takeover by the vault",
    "closing against winners",
    "deficit paid",
    "collateral sold",
    "funding hour",
    "delivery",
    "trigger",
    "fork",
];

/// Some bytes changed, one part cut out, or the end of another seed put on.
fn changed(seed: &[u8], seeds: &[Vec<u8>], random: &mut u64) -> Vec<u8> {
    let mut below = |bound: usize| {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*random >> 33).expect("31 bits") % bound.max(1)
    };
    let mut bytes = seed.to_vec();
    match below(4) {
        0 => {
            let other = &seeds[below(seeds.len())];
            bytes.truncate(below(seed.len()));
            bytes.extend(&other[below(other.len())..]);
        }
        1 => {
            let (from, to) = (below(seed.len()), below(seed.len()));
            bytes.drain(from.min(to)..from.max(to));
        }
        _ => {
            for _ in 0..=below(3) {
                let (at, value) = (below(seed.len()), u8::try_from(below(256)).expect("a byte"));
                bytes[at] = value;
            }
        }
    }
    bytes
}
