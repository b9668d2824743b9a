//! The bytes of every type, pinned: they are consensus.
//!
//! If this fails, an encoding changed, and with it the name of blocks and actions, what wallets sign and what
//! databases hold. If that was meant (a new variant, or a new codec version before there is a chain to keep),
//! write the file anew and review its difference line by line:
//!
//! ```text
//! PALISADE_REPIN=1 cargo test -p palisade-types --test codec
//! git diff crates/types/tests/codec/pinned_encodings.txt
//! ```
//!
//! A line may be added with a new type or variant. A line that changes or goes is a break.

use crate::support::samples::{Sample, samples};
use std::collections::{BTreeMap, BTreeSet};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/codec/pinned_encodings.txt");

#[test]
fn no_encoding_changed() {
    let samples = samples();
    let lines: BTreeMap<String, String> =
        samples.iter().map(|sample| (sample.name.clone(), hex::encode(&sample.bytes))).collect();
    assert_eq!(lines.len(), samples.len(), "two samples have one name");
    if std::env::var_os("PALISADE_REPIN").is_some() {
        let text: String = lines.iter().map(|(name, bytes)| format!("{name} {bytes}\n")).collect();
        std::fs::write(FILE, text).unwrap();
    }
    let text = std::fs::read_to_string(FILE).unwrap();
    let pinned: BTreeMap<String, String> = text
        .lines()
        .map(|line| line.split_once(' ').expect("a name and bytes"))
        .map(|(name, bytes)| (name.to_owned(), bytes.to_owned()))
        .collect();
    for (name, bytes) in &pinned {
        assert_eq!(lines.get(name), Some(bytes), "the encoding of {name} changed: read the head of this file");
    }
    assert_eq!(lines.len(), pinned.len(), "a new sample is not pinned: read the head of this file");
}

/// For each enum, every discriminant that decodes has a sample: a new variant without one fails here.
#[test]
fn every_variant_has_a_sample() {
    let samples = samples();
    let mut enums: BTreeMap<&str, (BTreeSet<u8>, &Sample)> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.name.contains('/')) {
        if let Some((type_name, _)) = sample.name.split_once("::") {
            enums.entry(type_name).or_insert((BTreeSet::new(), sample)).0.insert(sample.bytes[1]);
        }
    }
    assert!(enums.len() >= 18, "{}", enums.len());
    for (type_name, (sampled, sample)) in enums {
        for discriminant in 0..=255u8 {
            let error = (sample.recode)(&[1, discriminant]).err().unwrap_or_default();
            let unknown = error.contains("Unexpected variant tag");
            assert_eq!(unknown, !sampled.contains(&discriminant), "{type_name} variant {discriminant}: {error}");
        }
    }
}
