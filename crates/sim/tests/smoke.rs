//! A short campaign, and what makes any campaign worth something: that a seed is the whole of what is random.

use palisade_sim::{panics, run};
use std::thread;

/// Seeds of the short campaign. In 106 a redemption follows a takeover by the vault in one block, which the auditor once took for
/// one out of turn.
const SEEDS: [u64; 4] = [1, 2, 3, 106];

fn run_quietly(seed: u64) -> run::Report {
    panics::install();
    let thread = thread::Builder::new().name(panics::THREAD_NAME.to_owned()).spawn(move || run::run(seed));
    thread.expect("a thread").join().expect("a run reports its panics")
}

#[test]
fn a_few_seeds_violate_nothing() {
    for seed in SEEDS {
        let report = run_quietly(seed);
        assert_eq!(report.violation, None, "replay: cargo run -p palisade-sim -- --replay {seed}");
        assert!(report.blocks >= 150, "three rounds of calm, found {} blocks", report.blocks);
    }
}

/// The digest covers every step of every task, so equal digests are equal runs, and other seeds are other runs.
#[test]
fn a_seed_replayed_is_the_same_run() {
    let (first, second) = (run_quietly(7), run_quietly(7));
    assert!(!first.auditor.is_empty());
    assert_eq!(first.auditor, second.auditor);
    assert_eq!(first.trace, second.trace);
    assert_ne!(first.auditor, run_quietly(8).auditor);
}
